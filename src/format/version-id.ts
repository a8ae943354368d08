import { StoreError } from "../base/errors.ts";
import { ByteReader, setU64 } from "./codec.ts";
import type { VersioningState } from "./bucket-row.ts";
import { type BlobId, idOfBytes, writeId } from "./ids.ts";
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

/** Undefined where no version id has this form. */
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
  const { nullVersion, order, blob } = row;
  return nullVersion ? nullId : versionIdText({ kind: "id", order, blob });
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
  const bytes = new Uint8Array(versionIdBytes);
  writeVersionId(ref, bytes);
  return bytes.toBase64({ alphabet: "base64url" });
}

/** Bytes of a version id, before they are text. */
export const versionIdBytes = 24;

/**
 * Writes the id of a version that is not the null version: what `versionIdText` has in base64url.
 */
export function writeVersionId(
  { order, blob }: Pick<ObjectRow, "order" | "blob">,
  out: Uint8Array,
): void {
  setU64(out, 0, order);
  writeId(blob, out, 8);
}

/** True if the row is the version that `ref` means. */
export function isVersion(row: VersionFields, ref: VersionRef): boolean {
  if (ref.kind === "null") return row.nullVersion;
  return !row.nullVersion && row.order === ref.order && row.blob === ref.blob;
}
