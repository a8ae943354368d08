/**
 * The canonical form of a request, which Signature V4 signs (AWS: "Signature Calculations for the Authorization
 * Header", S3's API reference). Verifier and signer share it.
 *
 * S3 differs from AWS's other services: the path is encoded once, and neither dot segments nor double slashes are
 * normalised, since all of them are parts of legal keys. Everything is decoded and encoded again, so that a
 * client may escape more or less than the rules ask.
 *
 * Targets and header values are what HTTP carries: bytes, one character each.
 */
import { encodeUtf8 } from "../base/bytes.ts";
import type { HeaderList } from "../platform/http.ts";

/** The part of a request that a signature covers; an `HttpRequest` is one. */
export interface SignedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
}

export type QueryParameter = readonly [name: string, value: string];

export interface CanonicalParts {
  /** Lower case, sorted. */
  readonly signedHeaders: readonly string[];
  /** The value of `x-amz-content-sha256`, or what stands for it. */
  readonly payloadHash: string;
}

/** Its lines are joined by \n; what goes into the hash is `wireBytes` of it. */
export function canonicalRequest(request: SignedRequest, parts: CanonicalParts): string {
  const { path, query } = splitTarget(request.target);
  const target = `${canonicalPath(path)}\n${canonicalQuery(parseQuery(query))}`;
  const headers = canonicalHeaders(request.headers, parts.signedHeaders);
  const signedHeaders = parts.signedHeaders.join(";");
  return `${request.method}\n${target}\n${headers}\n${signedHeaders}\n${parts.payloadHash}`;
}

export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: "" };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Names and values, decoded to bytes (one character each). A parameter without `=` has an empty value. */
export function parseQuery(query: string): QueryParameter[] {
  const parameters: QueryParameter[] = [];
  for (const part of query.split("&")) {
    if (part === "") continue;
    const spaced = part.replaceAll("+", " ");
    const equals = spaced.indexOf("=");
    const name = equals < 0 ? spaced : spaced.slice(0, equals);
    const value = equals < 0 ? "" : spaced.slice(equals + 1);
    parameters.push([percentDecode(name), percentDecode(value)]);
  }
  return parameters;
}

/** Every value of a header, joined as HTTP allows; undefined where it was not sent. */
export function headerValue(headers: HeaderList, name: string): string | undefined {
  let joined: string | undefined;
  for (const [each, value] of headers) {
    if (each === name) joined = joined === undefined ? value : `${joined},${value}`;
  }
  return joined;
}

/** One byte a character. */
export function wireBytes(text: string): Uint8Array {
  const utf8 = encodeUtf8(text);
  // The same where all is ASCII, as it nearly always is; and several times faster than a loop.
  return utf8.length === text.length
    ? utf8
    : Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** All but the unreserved characters of RFC 3986 become %XX. */
export function percentEncode(text: string): string {
  return text.replace(/[^A-Za-z0-9\-._~]/g, escapeByte);
}

/** As nearly every path is. */
const canonicalAlready = /^[A-Za-z0-9\-._~/]+$/;

function canonicalPath(path: string): string {
  if (path === "") return "/";
  if (canonicalAlready.test(path)) return path;
  return percentDecode(path).replace(/[^A-Za-z0-9\-._~/]/g, escapeByte);
}

/** The signature of a presigned URL can't sign itself. */
function canonicalQuery(parameters: readonly QueryParameter[]): string {
  if (parameters.length === 0) return "";
  return parameters
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A line for each. They are few, and so are all: looking through the list each time is quicker than a map of it. */
function canonicalHeaders(headers: HeaderList, signedHeaders: readonly string[]): string {
  let lines = "";
  for (const signed of signedHeaders) {
    let joined: string | undefined;
    for (const [name, value] of headers) {
      if (name !== signed) continue;
      const folded = foldWhitespace(value);
      joined = joined === undefined ? folded : `${joined},${folded}`;
    }
    lines += `${signed}:${joined ?? ""}\n`;
  }
  return lines;
}

function foldWhitespace(value: string): string {
  if (!/\t| {2}|^ | $/.test(value)) return value;
  return value.replace(/[ \t]+/g, " ").replace(/^ | $/g, "");
}

function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
