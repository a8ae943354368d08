import { toHex } from "../base/bytes.ts";
import type { ObjectRow } from "../format/object-row.ts";

/** S3's ETag without quotes: the MD5, with the number of parts behind it where there were parts. */
export function etagOf({ md5, partCount }: Pick<ObjectRow, "md5" | "partCount">): string {
  return partCount === 0 ? md5Etag(md5) : `${md5Etag(md5)}-${partCount}`;
}

/** The ETag of bytes stored in one go, an object's or a part's. */
export function md5Etag(md5: Uint8Array): string {
  return toHex(md5);
}
