import { percentEncode } from "../../src/auth/canonical-request.ts";

/**
 * A request before it is signed. Texts are as on the wire, one character a byte; header names in
 * lower case.
 */
export interface Draft {
  readonly operation: string;
  method: string;
  /** `/bucket/key`, escaped. */
  path: string;
  /** Names and values, escaped; without `=` where there is no value. */
  query: [name: string, value: string | undefined][];
  headers: [name: string, value: string][];
  body: Buffer;
  /** How it will be signed. */
  auth: Auth;
  /** The file of a form, which is what is stored then, and its key. */
  form?: { readonly key: string; readonly file: Buffer } | undefined;
  /** The faults that were added to it, for reports. */
  readonly faults: string[];
}

export type Auth =
  | "signed"
  | "unsigned-payload"
  | "presigned"
  | "v2"
  | "none"
  | "chunks-signed"
  | "chunks-signed-trailer"
  | "chunks-trailer";

export function pathOf(bucket: string, key: string): string {
  const escaped = percentEncode(Buffer.from(key).toString("latin1")).replaceAll("%2F", "/");
  return `/${bucket}/${escaped}`;
}

/** A whole URL as the target means its path and query. */
export function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*\/?/i, "/");
}

/** True if one of the store's own pages is asked for, and not S3. */
export function isAdminPath(path: string): boolean {
  return originForm(path).startsWith("/-/");
}

export function targetOf({ path, query }: Pick<Draft, "path" | "query">): string {
  if (query.length === 0) return path;
  const pairs = query.map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
  return `${path}?${pairs.join("&")}`;
}
