/**
 * The canonical form of a request, which Signature V4 signs (AWS: "Signature Calculations for the
 * Authorization Header", S3's API reference). Verifier and signer share it.
 *
 * S3 differs from AWS's other services: the path is encoded once, and neither dot segments nor
 * double slashes are normalised, since all of them are parts of legal keys. Everything is decoded
 * and encoded again, so that a client may escape more or less than the rules ask.
 *
 * Targets and header values are what HTTP carries: bytes, one character each.
 */
import { encodeUtf8 } from "../base/bytes.ts";
import {
  type Headers,
  type QueryParameter,
  type RequestHead,
  percentDecodeBytes,
  trimBlanks,
} from "../platform/http.ts";

export interface SignedContent {
  /** Names of the signed headers, in lower case, sorted. */
  readonly signedHeaders: readonly string[];
  /** The value of `x-amz-content-sha256`, or what stands for it. */
  readonly payloadHash: string;
}

/** Its lines are joined by \n; what goes into the hash is `wireBytes` of it. */
export function canonicalRequest(head: RequestHead, signed: SignedContent): string {
  const { signedHeaders, payloadHash } = signed;
  const target = `${canonicalPath(head.path)}\n${canonicalQuery(head.query)}`;
  const headers = canonicalHeaders(head.headers, signedHeaders);
  return `${head.method}\n${target}\n${headers}\n${signedHeaders.join(";")}\n${payloadHash}`;
}

/** Text as bytes, one byte a character. */
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

/** Paths that need no encoding, which nearly all are. */
const canonicalAlready = /^[A-Za-z0-9\-._~/]+$/;

function canonicalPath(path: string): string {
  if (path === "") return "/";
  if (canonicalAlready.test(path)) return path;
  return percentDecodeBytes(path).replace(/[^A-Za-z0-9\-._~/]/g, escapeByte);
}

/** The signature of a presigned URL can't sign itself. */
function canonicalQuery(parameters: readonly QueryParameter[]): string {
  if (parameters.length === 0) return "";
  return parameters
    .filter(({ name }) => name !== "X-Amz-Signature")
    .map(({ name, value }) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A line for each. */
function canonicalHeaders(headers: Headers, signedHeaders: readonly string[]): string {
  let lines = "";
  for (const name of signedHeaders) lines += `${name}:${foldBlanks(headers.get(name) ?? "")}\n`;
  return lines;
}

function foldBlanks(value: string): string {
  if (!/\t| {2}|^ | $/.test(value)) return value;
  return trimBlanks(value).replace(/[ \t]+/g, " ");
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
