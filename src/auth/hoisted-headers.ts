/**
 * Headers in the query. What a presigned URL asks for beyond its target has no header of its own: whoever opens it
 * sends none. So SDKs put `x-amz-` headers and conditions among its parameters, and S3 takes them for those headers.
 */
import type { HeaderList } from "../platform/http.ts";
import { isPresignedV2 } from "./authorization-v2.ts";
import { isPresigned } from "./authorization.ts";
import type { QueryParameter, SignedRequest } from "./canonical-request.ts";
import { parseQuery, splitTarget } from "./canonical-request.ts";

const conditions: ReadonlySet<string> = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
]);

/** Parameters of the authentication itself, and of how the body travels, which only who sends it knows. */
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

/** A checksum's value: SDKs put one of no bytes there, since nobody knows the body while the URL is signed. */
const checksumValue = /^x-amz-checksum-(?!algorithm$|mode$|type$)/;

/** Parameters as headers: values one byte a character, as in headers. */
function asHeaders(parameters: readonly QueryParameter[]): [name: string, value: string][] {
  return parameters
    .map(([name, value]): [string, string] => [
      name.toLowerCase(),
      value.replace(/^[ \t]+|[ \t]+$/g, ""),
    ])
    .filter(([name]) => name.startsWith("x-amz-") || conditions.has(name));
}

/** With the signed headers whose values stand in the query alone: what the signature of a presigned URL covers. */
export function withSignedParameters(
  headers: HeaderList,
  signedHeaders: readonly string[],
  parameters: readonly QueryParameter[],
): HeaderList {
  const missing = signedHeaders.filter((signed) => !headers.some(([name]) => name === signed));
  if (missing.length === 0) return headers;
  return [...headers, ...asHeaders(parameters).filter(([name]) => missing.includes(name))];
}

/**
 * The headers that a request means: its own, and what a presigned URL says in their place. The signature that makes the
 * URL's parameters true is verified by others. A header wins where the signature covers it; against a condition
 * that is signed in the query, one that anybody could have added does not.
 */
export function effectiveHeaders({ target, headers }: SignedRequest): HeaderList {
  const { query } = splitTarget(target);
  if (query === "") return headers;
  const parameters = parseQuery(query);
  if (!isPresigned(parameters) && !isPresignedV2(parameters)) return headers;
  const names = parameters.find(([name]) => name === "X-Amz-SignedHeaders")?.[1] ?? "";
  const signed = new Set(names.toLowerCase().split(";"));
  const hoisted = asHeaders(parameters).filter(
    ([name]) => !notHeaders.has(name) && (signed.has(name) || !checksumValue.test(name)),
  );
  const added = new Set(hoisted.map(([name]) => name));
  const own = headers.filter(
    ([name]) => !conditions.has(name) || signed.has(name) || !added.has(name),
  );
  const sent = new Set(own.map(([name]) => name));
  return [...own, ...hoisted.filter(([name]) => !sent.has(name))];
}
