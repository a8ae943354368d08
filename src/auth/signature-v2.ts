/**
 * Signature V2 itself, as S3's oldest clients and forms still use it (AWS: "Signing and
 * authenticating REST requests", S3's user guide): what of a request is signed, and how. It covers
 * neither the body nor headers but these.
 */
import { toBase64 } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import type { QueryParameter, RequestHead } from "../platform/http.ts";
import { wireBytes } from "./canonical-request.ts";

/**
 * The signature of a text that is one byte a character: HMAC-SHA1 with the secret itself, in
 * base64.
 */
export function signatureV2(hash: Hash, secretAccessKey: string, text: string): string {
  return toBase64(hash.hmacSha1(wireBytes(secretAccessKey), wireBytes(text)));
}

/**
 * Parameters that ask for something else than the object itself: these are signed, others are not.
 */
const subResources: ReadonlySet<string> = new Set([
  "accelerate",
  "acl",
  "analytics",
  "cors",
  "defaultObjectAcl",
  "delete",
  "inventory",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "partNumber",
  "policy",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "select",
  "select-type",
  "storageClass",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
]);

export interface V2Context {
  /** The time of expiry, in a query; empty where `x-amz-date` says the time; else the `Date`. */
  readonly date: string;
  /** The bucket that the host names, if it does. */
  readonly bucket: string | undefined;
}

/** The text as the request came first, then those that clients may have signed for the same. */
export function textsToSignV2(head: RequestHead, context: V2Context): readonly string[] {
  const { path } = head;
  // boto3 asks for /bucket and signs /bucket/, which is what a bucket is called where the host
  // names it.
  const isBucket = context.bucket === undefined && /^\/[^/]+$/.test(path);
  const paths = isBucket ? [path, `${path}/`] : [path];
  // Others sign ?uploads, and an HTTP library of theirs sends ?uploads=.
  const sent = signedQuery(head.query, false);
  const bare = signedQuery(head.query, true);
  const queries = bare === sent ? [sent] : [sent, bare];
  const lines = linesToSign(head, context.date);
  const bucket = context.bucket === undefined ? "" : `/${context.bucket}`;
  return paths.flatMap((each) =>
    queries.map((query) => `${lines}\n${bucket}${each === "" ? "/" : each}${query}`),
  );
}

export function stringToSignV2(head: RequestHead, context: V2Context): string {
  const [text = ""] = textsToSignV2(head, context);
  return text;
}

/** The lines of the string to sign that come before the resource. */
function linesToSign(head: RequestHead, date: string): string {
  const standard = ["content-md5", "content-type"].map((name) => trimmed(head.headers.get(name)));
  return [head.method, ...standard, date, ...amzLines(head)].join("\n");
}

function trimmed(value = ""): string {
  return value.trim();
}

/** `x-amz-` headers in order, one a line; in a presigned URL they may stand in the query. */
function amzLines({ headers, query }: RequestHead): string[] {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    if (name.startsWith("x-amz-")) values.set(name, value.trim());
  }
  for (const { name, value } of query) {
    const header = name.toLowerCase();
    if (!header.startsWith("x-amz-") || headers.has(header)) continue;
    const before = values.get(header);
    values.set(header, before === undefined ? value.trim() : `${before},${value.trim()}`);
  }
  return [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}`);
}

/**
 * Values decoded; a parameter that was sent without `=` is signed without it.
 *
 * @param isBare whether one that was sent with nothing behind its `=` is signed without it, too.
 */
function signedQuery(query: readonly QueryParameter[], isBare: boolean): string {
  const parameters = query
    .filter(({ name }) => subResources.has(name))
    .map(({ name, value, raw }) => {
      const isNameOnly = isBare ? value === "" : !raw.includes("=");
      return { name, text: isNameOnly ? name : `${name}=${value}` };
    })
    // Headers of one name stay as they came.
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return parameters.length === 0 ? "" : `?${parameters.map(({ text }) => text).join("&")}`;
}
