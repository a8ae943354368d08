import {} from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { VersioningState } from "./bucket-row.ts";
import { type BlobId, idOfBytes } from "./ids.ts";
import type { ObjectRow } from "./object-row.ts";

/*
 * S3's version ids. The null version is called "null"; every other id is the order and the blob id
 * of the version in base64url, 32 characters: the order finds the row without a search, and the
 * blob id keeps ids unique where a clock was set back after a key was gone.
 */

/** Which version of a key a client means. */
export type VersionRef =
  | { readonly kind: "null" }
  | { readonly kind: "id"; readonly order: number; readonly blob: BlobId };

type VersionFields = Pick<ObjectRow, "order" | "blob" | "nullVersion">;

const nullId = "null";
const idForm = /^[\w-]{32}$/;

/** Undefined: no version id has this form. */
export function parseVersionId(text: string): VersionRef | undefined {
  if (text === nullId) return { kind: "null" };
  if (!idForm.test(text)) return undefined;
  const reader = new ByteReader(
    Uint8Array.fromBase64(text, { alphabet: "base64url" }),
    "version id",
  );
  try {
    return { kind: "id", order: reader.u64(), blob: idOfBytes<BlobId>(reader.raw(16)) };
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

export function versionIdOf(row: VersionFields): string {
  return row.nullVersion ? nullId : versionIdText({ kind: "id", ...row });
}

/** The version id that clients are shown; undefined while the bucket was never versioned. */
export function shownVersionId(
  row: VersionFields,
  versioning: VersioningState,
): string | undefined {
  return versioning === "off" && row.nullVersion ? undefined : versionIdOf(row);
}

export function versionIdText(ref: VersionRef): string {
  if (ref.kind === "null") return nullId;
  const bytes = new ByteWriter(24).u64(ref.order).id(ref.blob).finish();
  return bytes.toBase64({ alphabet: "base64url" });
}

/** True if the row is the version that `ref` means. */
export function isVersion(row: VersionFields, ref: VersionRef): boolean {
  if (ref.kind === "null") return row.nullVersion;
  return !row.nullVersion && row.order === ref.order && row.blob === ref.blob;
}
