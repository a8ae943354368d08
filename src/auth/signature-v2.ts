/**
 * Signature V2 itself, as S3's oldest clients and forms still use it (AWS: "Signing and authenticating REST requests",
 * S3's user guide): what of a request is signed, and how. It covers neither the body nor headers but these.
 */
import { toBase64 } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { QueryParameter, SignedRequest } from "./canonical-request.ts";
import { headerValue, parseQuery, splitTarget, wireBytes } from "./canonical-request.ts";

/** The signature of a text that is one byte a character: HMAC-SHA1 with the secret itself, in base64. */
export function signatureV2(hash: Hash, secretAccessKey: string, text: string): string {
  return toBase64(hash.hmacSha1(wireBytes(secretAccessKey), wireBytes(text)));
}

/** Parameters that ask for something else than the object itself: these are signed, others are not. */
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

export interface V2Parts {
  /** The time of expiry, in a query; empty where `x-amz-date` says the time; else the `Date`. */
  readonly date: string;
  /** The bucket that the host names, if it does. */
  readonly bucket: string | undefined;
}

/** The text as the request came, and where clients may have signed another for the same, those too. */
export function textsToSignV2(request: SignedRequest, parts: V2Parts): readonly string[] {
  const { path, query } = splitTarget(request.target);
  // boto3 asks for /bucket and signs /bucket/, which is what a bucket is called where the host names it.
  const isBucket = parts.bucket === undefined && /^\/[^/]+$/.test(path);
  const paths = isBucket ? [path, `${path}/`] : [path];
  // Others sign ?uploads, and an HTTP library of theirs sends ?uploads=.
  const bare = query.replaceAll(/=(?=&|$)/g, "");
  const queries = bare === query ? [query] : [query, bare];
  const { method, headers } = request;
  return paths.flatMap((each) =>
    queries.map((sent) => {
      const target = sent === "" ? each : `${each}?${sent}`;
      return stringToSignV2({ method, target, headers }, parts);
    }),
  );
}

export function stringToSignV2(request: SignedRequest, { date, bucket }: V2Parts): string {
  const { path, query } = splitTarget(request.target);
  const standard = ["content-md5", "content-type"].map(
    (name) => headerValue(request.headers, name)?.trim() ?? "",
  );
  const lines = [request.method, ...standard, date, ...amzLines(request.headers, query)];
  const resource = `${bucket === undefined ? "" : `/${bucket}`}${path === "" ? "/" : path}`;
  return [...lines, resource].join("\n") + signedQuery(query);
}

/** `x-amz-` headers in order, one a line; in a presigned URL they may stand in the query. */
function amzLines(headers: HeaderList, query: string): string[] {
  const values = new Map<string, string>();
  const add = ([name, value]: QueryParameter): void => {
    const before = values.get(name);
    values.set(name, before === undefined ? value.trim() : `${before},${value.trim()}`);
  };
  for (const header of headers) if (header[0].startsWith("x-amz-")) add(header);
  const sent = new Set(values.keys());
  for (const [parameter, value] of parseQuery(query)) {
    const name = parameter.toLowerCase();
    if (name.startsWith("x-amz-") && !sent.has(name)) add([name, value]);
  }
  return [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}`);
}

/** Values decoded; a parameter that was sent without `=` is signed without it. */
function signedQuery(query: string): string {
  const parts = query
    .split("&")
    .flatMap((part) => {
      const [parameter] = parseQuery(part);
      if (parameter === undefined || !subResources.has(parameter[0])) return [];
      const [name, value] = parameter;
      return [{ name, text: part.includes("=") ? `${name}=${value}` : name }];
    })
    // Those of one name stay as they came.
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return parts.length === 0 ? "" : `?${parts.map(({ text }) => text).join("&")}`;
}
