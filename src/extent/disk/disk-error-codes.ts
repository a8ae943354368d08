import type { StoreErrorCode } from "../../base/errors.ts";
import { StoreError } from "../../base/errors.ts";
import type { DiskErrorKind } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";

/** The StoreError code that each failure of a disk becomes. */
export const codeOfDiskError: Readonly<Record<DiskErrorKind, StoreErrorCode>> = {
  full: "storage_full",
  read_only: "read_only",
  missing: "missing",
  exists: "io",
  no_answer: "io",
  io: "io",
};

/** A disk's failure in the words of the store; anything else as it is. */
export function storeFailure(thrown: unknown): unknown {
  if (!isDiskError(thrown)) return thrown;
  return new StoreError(codeOfDiskError[thrown.kind], thrown.message, { cause: thrown });
}

/** Runs a piece of work on a disk; its failure is a StoreError. */
export async function onDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw storeFailure(thrown);
  }
}
