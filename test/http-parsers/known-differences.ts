import type { SeenRequest } from "./parsing-servers.ts";

/** The requests that the two parsers read, and the bytes in Latin-1. */
export interface Outcomes {
  readonly text: string;
  readonly byNode: readonly SeenRequest[];
  readonly byUs: readonly SeenRequest[];
}

/** Where the two go apart: what one took for the next request, and the other did not. */
interface Refused {
  readonly text: string;
  readonly request: SeenRequest;
}

const headerOf = ({ headers }: SeenRequest, wanted: string): string | undefined =>
  headers.find(([name]) => name === wanted)?.[1];

/** Requests that node:http takes and we refuse, by the reason. */
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
  "close ends the connection, also next to keep-alive: RFC 9112, 9.6": ({ text }) =>
    /connection:[^\r\n]*close/i.test(text) && /connection:[^\r\n]*keep-alive/i.test(text),
  "an empty body's answer ends the connection of a client that asked for 100 Continue": ({
    text,
  }) => /^expect:/im.test(text),
  "a target is a path, a URL or one asterisk": ({ request }) => /^\*./.test(request.target),
  "an extension of a chunk has a name": ({ text }) => /;[ \t]*[;=]/.test(text),
  "methods of HTTP's registry alone": ({ request }) => request.method === "SOURCE",
};

/** Requests that we take and node:http refuses, by the reason. */
const looser: Readonly<Record<string, (refused: Refused) => boolean>> = {
  "a tab around a value is as good as a blank: RFC 9110, 5.5": ({ text, request }) =>
    headerOf(request, "transfer-encoding") !== undefined &&
    /transfer-encoding:[^\r\n]*\t/i.test(text),
  "what stands before the host of a URL is not read": ({ request: { method }, text }) =>
    new RegExp(`${method} https?://[^/\\s]*@`, "i").test(text),
  "no upgrade is offered, and the connection goes on: RFC 9110, 7.8": ({ text }) =>
    /^connection:[^\r\n]*upgrade/im.test(text),
  "a word of Connection that is no token ends nothing": ({ text }) =>
    /^connection:[^\r\n]*[^\w,\r\n \t-]/im.test(text),
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
  const alike = Math.min(byNode.length, byUs.length);
  for (let i = 0; i < alike; i++) if (!isSame(byNode[i]!, byUs[i]!)) return "unknown";
  if (byNode.length === byUs.length) return undefined;
  const [request, reasons] =
    byNode.length > alike ? [byNode[alike]!, stricter] : [byUs[alike]!, looser];
  const known = Object.entries(reasons).find(([, explains]) => explains({ text, request }));
  return known?.[0] ?? "unknown";
}
