/**
 * Headers in the query. What a presigned URL asks for beyond its target has no header of its own:
 * the client that opens it sends none. So SDKs put `x-amz-` headers and conditions among its
 * parameters, and S3 takes them for those headers.
 */
import {
  type Headers,
  type QueryParameter,
  type RequestHead,
  addHeader,
  trimBlanks,
} from "../platform/http.ts";

/** The version of the signature that a URL holds in its query. */
export type Presigning = "v4" | "v2";

/** Undefined where the query holds no signature. */
export function presigningOf({ query }: RequestHead): Presigning | undefined {
  if (query.length === 0) return undefined;
  const has = (names: readonly string[]): boolean => query.some(({ name }) => names.includes(name));
  if (has(["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"])) return "v4";
  return has(["AWSAccessKeyId", "Signature"]) ? "v2" : undefined;
}

const conditions: ReadonlySet<string> = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
]);

/**
 * Parameters of the authentication itself, and of how the body travels, which only who sends it
 * knows.
 */
const notHeaders: ReadonlySet<string> = new Set([
  "x-amz-algorithm",
  "x-amz-content-sha256",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-decoded-content-length",
  "x-amz-expires",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
  "x-amz-trailer",
]);

/**
 * A checksum's value: SDKs put one of no bytes there, since nobody knows the body while the URL is
 * signed.
 */
const checksumValue = /^x-amz-checksum-(?!algorithm$|mode$|type$)/;

/** Parameters as headers: values one byte a character, as in headers. */
function asHeaders(parameters: readonly QueryParameter[]): Headers {
  const headers = new Map<string, string>();
  for (const { name, value } of parameters) {
    const header = name.toLowerCase();
    if (header.startsWith("x-amz-") || conditions.has(header)) {
      addHeader(headers, header, trimBlanks(value));
    }
  }
  return headers;
}

/**
 * Adds the signed headers whose values stand in the query alone: what the signature of a presigned
 * URL covers.
 */
export function withSignedParameters(
  { headers, query }: RequestHead,
  signedHeaders: readonly string[],
): Headers {
  const missing = signedHeaders.filter((name) => !headers.has(name));
  if (missing.length === 0) return headers;
  const covered = new Map(headers);
  for (const [name, value] of asHeaders(query)) {
    if (missing.includes(name)) covered.set(name, value);
  }
  return covered;
}

/**
 * The headers that a request means: its own, and what a presigned URL says in their place. The
 * signature that makes the URL's parameters true is verified by others. A header wins where the
 * signature covers it; against a condition that is signed in the query, one that anybody could have
 * added does not.
 */
export function effectiveHeaders(
  { headers, query }: RequestHead,
  presigning: Presigning | undefined,
): Headers {
  if (presigning === undefined) return headers;
  const names = query.find(({ name }) => name === "X-Amz-SignedHeaders")?.value ?? "";
  const signed = new Set(names.toLowerCase().split(";"));
  const effective = new Map(headers);
  for (const [name, value] of asHeaders(query)) {
    if (notHeaders.has(name) || (!signed.has(name) && checksumValue.test(name))) continue;
    const wins = conditions.has(name) && !signed.has(name);
    if (wins || !headers.has(name)) effective.set(name, value);
  }
  return effective;
}
