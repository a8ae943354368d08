import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import { isDiskError } from "../../platform/disk.ts";
import { storeFailure } from "./disk-error-codes.ts";

/*
 * A disk may answer, and yet not be able to read some bytes: a sector of it has gone bad. That is
 * damage of what stands there, as a wrong checksum is. It is distinguished here from a disk that
 * has gone or hangs, of which nothing is known.
 */

/** What disks read and write as a whole, and what goes bad as a whole. */
export const sectorBytes = 4096;

/** True where the disk answered that it failed: it is there, and does not hang. */
export function isReadError(thrown: unknown): boolean {
  return isDiskError(isStoreError(thrown, "io") ? thrown.cause : thrown, "io");
}

/** Bytes of a file. */
export interface FileBytes {
  readonly offset: number;
  readonly bytes: number;
}

/** A disk answered that it cannot read these bytes of a member, or some of them. */
export class UnreadableBytes extends StoreError {
  readonly where: FileBytes;

  constructor(cause: unknown, where: FileBytes) {
    const { offset, bytes } = where;
    const what = `bytes ${offset} to ${offset + bytes} can't be read`;
    super("io", `${what} (${messageOf(cause)})`, { cause });
    this.where = where;
  }
}

/** The failure of a read in the words of the store, with the bytes that it was of. */
export function readFailure(thrown: unknown, where: FileBytes): unknown {
  if (thrown instanceof UnreadableBytes || !isReadError(thrown)) return storeFailure(thrown);
  return new UnreadableBytes(isStoreError(thrown) ? thrown.cause : thrown, where);
}
