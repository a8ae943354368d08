/**
 * What a request says before its body, parsed once where the socket is: whoever verifies, routes or serves it reads this
 * and nothing else. Targets and header values are what HTTP carries: bytes, one character each.
 */
import type { HeaderList } from "./http.ts";

/** Headers by lower-case name; what was sent several times is joined as HTTP allows. */
export type Headers = ReadonlyMap<string, string>;

/** Names and values are decoded to bytes, one character each. A parameter without `=` has an empty value. */
export interface QueryParameter {
  /** As sent, undecoded. */
  readonly raw: string;
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  readonly method: string;
  /** The request target as sent: path and query, undecoded. */
  readonly target: string;
  /** The target up to its query, undecoded. */
  readonly path: string;
  /** In the order sent, without empty parameters. */
  readonly query: readonly QueryParameter[];
  readonly headers: Headers;
}

const noParameters: readonly QueryParameter[] = [];

export function requestHead(method: string, target: string, headers: Headers): RequestHead {
  const mark = target.indexOf("?");
  if (mark < 0) return { method, target, path: target, query: noParameters, headers };
  const query = parseQuery(target.slice(mark + 1));
  return { method, target, path: target.slice(0, mark), query, headers };
}

export function headersByName(list: HeaderList): Headers {
  const headers = new Map<string, string>();
  for (const [name, value] of list) addHeader(headers, name, value);
  return headers;
}

/** Adds a header to those before it. */
export function addHeader(headers: Map<string, string>, name: string, value: string): void {
  const earlier = headers.get(name);
  headers.set(name, earlier === undefined ? value : `${trimBlanks(earlier)},${trimBlanks(value)}`);
}

/** Without the blanks that HTTP allows around a value. */
export function trimBlanks(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

function parseQuery(query: string): readonly QueryParameter[] {
  const parameters: QueryParameter[] = [];
  for (const raw of query.split("&")) {
    if (raw === "") continue;
    const equals = raw.indexOf("=");
    const name = decode(equals < 0 ? raw : raw.slice(0, equals));
    const value = equals < 0 ? "" : decode(raw.slice(equals + 1));
    parameters.push({ raw, name, value });
  }
  return parameters;
}

/** As forms write names and values: `+` is a space. What follows a `%` and is not hexadecimal stays as it is. */
function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  return percentDecodeBytes(spaced);
}

/** Bytes, one character each. */
export function percentDecodeBytes(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
