import { bucketOfHost } from "../../auth/virtual-host.ts";
import { encodeUtf8, tryDecodeUtf8 } from "../../base/bytes.ts";
import { keyBytesMax } from "../../format/limits.ts";
import { S3Error } from "../errors.ts";
import { formDecode, percentDecode } from "./percent.ts";

/** What a request is about. A bucket's name is not judged here: only creating one asks whether it is legal. */
export interface RequestTarget {
  readonly kind: "service" | "bucket" | "object";
  /** Empty for the service. */
  readonly bucket: string;
  /** Decoded once, never normalised: `//`, `..` and `+` are themselves. Empty unless an object is meant. */
  readonly key: Uint8Array;
  /** The first value of each name, decoded; `?acl` and `?acl=` are alike. */
  readonly query: ReadonlyMap<string, string>;
}

/** More than any operation has; a URL may be 16 KiB long. */
const queryParametersMax = 100;

/**
 * @param host of the request, if it has one. `<bucket>.<domain>` names the bucket for one of our domains; any
 *   other host means that the path does.
 */
export function parseRequestTarget(
  target: string,
  host: string | undefined,
  domains: readonly string[],
): RequestTarget {
  if (!target.startsWith("/")) throw new S3Error("InvalidURI");
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = parseQuery(question < 0 ? "" : target.slice(question + 1));
  const virtual = bucketOfHost(host, domains);
  if (virtual !== undefined) return located(virtual, path.slice(1), query);
  const second = path.indexOf("/", 1);
  const bucket = decodeText(second < 0 ? path.slice(1) : path.slice(1, second));
  return located(bucket, second < 0 ? "" : path.slice(second + 1), query);
}

function located(bucket: string, rawKey: string, query: ReadonlyMap<string, string>) {
  const key = percentDecode(rawKey);
  if (key === undefined || !isText(rawKey, key)) throw new S3Error("InvalidURI");
  if (bucket === "" && key.length > 0) throw new S3Error("InvalidBucketName");
  checkKey(key);
  if (climbsAboveRoot(key)) throw new S3Error("BadRequest", { message: "Bad Request" });
  const kind = bucket === "" ? "service" : key.length === 0 ? "bucket" : "object";
  return { kind, bucket, key, query } as const;
}

/** Whether the bytes are UTF-8: what is not escaped became so when it was read. */
function isText(raw: string, bytes: Uint8Array): boolean {
  return !raw.includes("%") || tryDecodeUtf8(bytes) !== undefined;
}

/** S3 counts a key's bytes, not its characters. */
export function checkKey(key: Uint8Array): void {
  if (key.length <= keyBytesMax) return;
  throw new S3Error("KeyTooLongError", {
    details: { Size: key.length, MaxSizeAllowed: keyBytesMax },
  });
}

const dot = 0x2e;
const slash = 0x2f;

/** Whether the key, read as a path, leads out of its bucket: keys are no paths, but S3 has none of these. */
export function climbsAboveRoot(key: Uint8Array): boolean {
  let depth = 0;
  for (let start = 0; start < key.length && depth >= 0;) {
    const found = key.indexOf(slash, start);
    const end = found < 0 ? key.length : found;
    const length = end - start;
    if (length === 2 && key[start] === dot && key[start + 1] === dot) depth--;
    else if (length !== 1 || key[start] !== dot) depth++;
    start = end + 1;
  }
  return depth < 0;
}

function decodeText(raw: string): string {
  const bytes = percentDecode(raw);
  const text = bytes === undefined ? undefined : tryDecodeUtf8(bytes);
  if (text === undefined) throw new S3Error("InvalidURI");
  return text;
}

function parseQuery(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  const pairs = text.split("&");
  if (pairs.length > queryParametersMax) throw new S3Error("InvalidURI");
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = formDecode(equals < 0 ? pair : pair.slice(0, equals));
    const value = formDecode(equals < 0 ? "" : pair.slice(equals + 1));
    if (name === undefined || value === undefined) throw new S3Error("InvalidURI");
    if (!query.has(name)) query.set(name, value);
  }
  return query;
}

/** A parameter that names keys, as bytes; undefined where it is absent. */
export function keyParameter(
  query: ReadonlyMap<string, string>,
  name: string,
): Uint8Array | undefined {
  const value = query.get(name);
  return value === undefined ? undefined : encodeUtf8(value);
}
