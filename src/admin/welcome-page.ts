import { encodeUtf8 } from "../base/bytes.ts";
import type { Headers, HttpResponse, RequestHead } from "../platform/http.ts";

/*
 * The page for a person who opens the endpoint, or /-/, in a browser. It tells nothing about this
 * store: no name, no version, no state.
 */

const places: readonly (readonly [path: string, what: string])[] = [
  ["/-/health/live", "whether this process answers"],
  ["/-/health/ready", "whether it can serve requests now"],
  ["/-/metrics", "metrics for Prometheus"],
];

const intro =
  "This is the endpoint of a Holdfast object store. It speaks the S3 API: point an S3 client at this address.";

/**
 * An unsigned GET of the root by a program that asks for HTML: a browser. S3 clients sign, or ask
 * for no HTML.
 */
export function isFromBrowser({ method, target, headers }: RequestHead): boolean {
  if (target !== "/" || (method !== "GET" && method !== "HEAD")) return false;
  return (headers.get("authorization") ?? "") === "" && acceptsHtml(headers);
}

function acceptsHtml(headers: Headers): boolean {
  return headers.get("accept")?.includes("text/html") === true;
}

/** The page, in HTML where the client asks for it. */
export function welcomePage({ method, headers }: RequestHead): HttpResponse {
  const isHtml = acceptsHtml(headers);
  const type = isHtml ? "text/html" : "text/plain";
  return {
    status: 200,
    headers: [
      ["content-type", `${type}; charset=utf-8`],
      ["cache-control", "no-store"],
    ],
    body: method === "HEAD" ? undefined : encodeUtf8(isHtml ? html() : plain()),
  };
}

function plain(): string {
  return [
    intro,
    'In the folder of the server: eval "$(npx holdfast env)", then: aws s3 ls',
    "",
    ...places.map(([path, what]) => `${path.padEnd(18)}${what}`),
    "",
  ].join("\n");
}

function html(): string {
  const rows = places.map(
    ([path, what]) => `<li><a href="${path}"><code>${path}</code></a>: ${what}</li>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Holdfast</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; }</style>
<h1>Holdfast</h1>
<p>${intro} Buckets and objects need a signed request.</p>
<p>In the folder of the server:</p>
<pre>eval "$(npx holdfast env)"
aws s3 ls</pre>
<ul>
${rows.join("\n")}
</ul>
</html>
`;
}
