import { isStoreError } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { DiskFile } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";

/**
 * The current header; undefined where no slot is valid. Behind its fields a slot is zeros, so a
 * file that a crash cut off there counts as if it had them.
 */
export async function readHeader(hash: Hash, file: DiskFile): Promise<ExtentHeader | undefined> {
  const slots = new Uint8Array(extentHeaderBytes);
  await file.read(slots, 0);
  return currentHeader(hash, slots);
}

/** The current header among the slots read from its file; undefined where no slot is valid. */
export function currentHeader(hash: Hash, slots: Uint8Array): ExtentHeader | undefined {
  try {
    return decodeExtentHeader(hash, slots);
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}
