import type { SeenRequest } from "./parsing-servers.ts";

/** What the two parsers took for requests, and the bytes in Latin-1. */
export interface Outcomes {
  readonly text: string;
  readonly byNode: readonly SeenRequest[];
  readonly byUs: readonly SeenRequest[];
}

/** Where the two go apart: what node:http took for the next request, and we did not. */
interface Refused {
  readonly text: string;
  readonly request: SeenRequest;
}

const headerOf = ({ headers }: SeenRequest, wanted: string): string | undefined =>
  headers.find(([name]) => name === wanted)?.[1];

/** What node:http takes and we refuse, by the reason why. There is nothing that we take and node:http refuses. */
const stricter: Readonly<Record<string, (refused: Refused) => boolean>> = {
  "one Host, and only HTTP/1.0 may go without: a proxy in front may have read the other one": ({
    request,
  }) => {
    const host = headerOf(request, "host");
    return host === undefined ? request.version !== "1.0" : host.includes(",");
  },
  "Transfer-Encoding is chunked, once, and nothing else: other codings would be stored": ({
    request,
  }) => (headerOf(request, "transfer-encoding")?.toLowerCase() ?? "chunked") !== "chunked",
  "versions 1.0 and 1.1 alone: others have other rules": ({ request }) =>
    request.version !== "1.0" && request.version !== "1.1",
  "single blanks in the request line": ({ text }) => /[A-Z] {2,}\S|\S {2,}HTTP\//.test(text),
  "a line ends with CR and LF also where it is empty": ({ text }) =>
    /(^|[^\r])\n|\r(?!\n)/.test(text),
  "a URL has a host": ({ request }) => /^[a-z]+:\/\/([/?#]|$)/i.test(request.target),
  "methods of HTTP's registry alone": ({ request }) => request.method === "SOURCE",
};

/** A whole URL means its path and query: protocol code is given those. */
function withOriginForm(request: SeenRequest): SeenRequest {
  const [authority] = /^https?:\/\/[^/?#]+/i.exec(request.target) ?? [""];
  const rest = request.target.slice(authority.length);
  const target = authority === "" || rest.startsWith("/") ? rest : `/${rest}`;
  return { ...request, target };
}

function isSame(one: SeenRequest, { method, target, headers, body }: SeenRequest): boolean {
  const { version: _, ...other } = withOriginForm(one);
  return JSON.stringify(other) === JSON.stringify({ method, target, headers, body });
}

/** The reason why; undefined where both took the same; `unknown` where nothing explains it. */
export function differenceOf({ text, byNode, byUs }: Outcomes): string | undefined {
  const isAlike = byUs.every((request, i) => byNode[i] !== undefined && isSame(byNode[i], request));
  const request = byNode[byUs.length];
  if (!isAlike) return "unknown";
  if (request === undefined) return undefined;
  const known = Object.entries(stricter).find(([, explains]) => explains({ text, request }));
  return known?.[0] ?? "unknown";
}
