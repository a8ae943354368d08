import { wireBytes } from "../../auth/canonical-request.ts";
import { bucketOfHost } from "../../auth/virtual-host.ts";
import { encodeUtf8, tryDecodeUtf8 } from "../../base/bytes.ts";
import { keyBytesMax } from "../../format/limits.ts";
import type { RequestHead } from "../../platform/http.ts";
import { S3Error } from "../errors.ts";
import { percentDecode } from "./text-encoding.ts";

/**
 * The bucket, key and parameters of a request. A bucket's name is not judged here: only
 * CreateBucket asks if it is legal.
 */
export interface RequestTarget {
  readonly kind: "service" | "bucket" | "object";
  /** The bucket's name; empty for the service. */
  readonly bucket: string;
  /**
   * Decoded once, never normalised: `//`, `..` and `+` are themselves. Empty unless an object is
   * meant.
   */
  readonly key: Uint8Array;
  /** The first value of each name, decoded; `?acl` and `?acl=` are alike. */
  readonly query: ReadonlyMap<string, string>;
}

const noQuery: ReadonlyMap<string, string> = new Map();

/**
 * Parses the target as far as it can be read; `checkTarget` says whether S3 has such a thing.
 *
 * @param domains A host `<bucket>.<domain>` names the bucket; any other host means that the path
 * does.
 */
export function parseRequestTarget(head: RequestHead, domains: readonly string[]): RequestTarget {
  const { path, host, isQueryReadable } = head;
  if (!path.startsWith("/") || !isQueryReadable) throw new S3Error("InvalidURI");
  const query = queryByName(head.query);
  const virtual = bucketOfHost(host, domains);
  if (virtual !== undefined) return located(virtual, path.slice(1), query);
  const second = path.indexOf("/", 1);
  const bucket = decodeText(second < 0 ? path.slice(1) : path.slice(1, second));
  return located(bucket, second < 0 ? "" : path.slice(second + 1), query);
}

function located(
  bucket: string,
  rawKey: string,
  query: ReadonlyMap<string, string>,
): RequestTarget {
  const key = percentDecode(rawKey);
  if (key === undefined || !isText(rawKey, key)) throw new S3Error("InvalidURI");
  if (bucket === "" && key.length > 0) throw new S3Error("InvalidBucketName");
  const kind = bucket === "" ? "service" : key.length === 0 ? "bucket" : "object";
  return { kind, bucket, key, query };
}

/** Refuses keys that no object has. */
export function checkTarget({ key }: RequestTarget): void {
  checkKey(key);
  if (climbsAboveRoot(key)) throw new S3Error("BadRequest", { message: "Bad Request" });
}

/**
 * True if the bytes are UTF-8: characters that were not escaped became UTF-8 when they were read.
 */
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

/**
 * True if the key, read as a path, leads out of its bucket: keys are no paths, but S3 refuses
 * these.
 */
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

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function decodeText(raw: string): string {
  if (!raw.includes("%")) return raw;
  const bytes = percentDecode(raw);
  const text = bytes === undefined ? undefined : tryDecodeUtf8(bytes);
  if (text === undefined) throw new S3Error("InvalidURI");
  return text;
}

function queryByName(parameters: RequestHead["query"]): RequestTarget["query"] {
  if (parameters.length === 0) return noQuery;
  const query = new Map<string, string>();
  for (const { name, value } of parameters) {
    const [nameText, valueText] = [textOf(name), textOf(value)];
    if (!query.has(nameText)) query.set(nameText, valueText);
  }
  return query;
}

/** The text whose UTF-8 these bytes are, one character each. */
function textOf(bytes: string): string {
  const text = isAscii(bytes) ? bytes : tryDecodeUtf8(wireBytes(bytes));
  if (text === undefined) throw new S3Error("InvalidURI");
  return text;
}

/** A parameter that names keys, as bytes; undefined where it is absent. */
export function keyParameter(
  query: ReadonlyMap<string, string>,
  name: string,
): Uint8Array | undefined {
  const value = query.get(name);
  return value === undefined ? undefined : encodeUtf8(value);
}

const shape = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const ipAddress = /^\d+\.\d+\.\d+\.\d+$/;
/** Names that AWS keeps for access points and other things that stand where buckets do. */
const reserved = /^(?:xn--|sthree-|amzn-s3-demo-)|(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;

/** S3's rules for general purpose buckets: 3 to 63 characters that also make a host name. */
export function isBucketName(name: string): boolean {
  return shape.test(name) && !name.includes("..") && !ipAddress.test(name) && !reserved.test(name);
}
