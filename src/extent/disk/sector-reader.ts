import type { ReadableMember } from "../extent-member.ts";
import { type FileBytes, isReadError, sectorBytes } from "./unreadable-bytes.ts";

/**
 * @limit Reads of a file that may fail before all of it counts as unreadable: nine for a sector in
 * a mebibyte that has no other bad one. Each can take a disk seconds.
 */
const failuresMax = 256;

/**
 * Reads a file around the sectors that its disk cannot read: what fails is read again by halves,
 * down to those. Their bytes are zeros then.
 */
export class SectorReader implements Pick<ReadableMember, "read"> {
  readonly #file: Pick<ReadableMember, "read">;
  readonly #unread: FileBytes[];
  #failures = 0;

  /** @param unread gets the sectors that could not be read, one twice where it is asked for again. */
  constructor(file: Pick<ReadableMember, "read">, unread: FileBytes[]) {
    this.#file = file;
    this.#unread = unread;
  }

  /**
   * As the file does, but that nobody knows whether it ends within a sector that cannot be read.
   * Fails where the disk does in another way, or too often.
   */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    try {
      return await this.#file.read(buffer, offset);
    } catch (thrown) {
      if (!isReadError(thrown) || ++this.#failures > failuresMax) throw thrown;
    }
    const end = offset + buffer.length;
    const middle = sectorAfter(offset, (offset + end) / 2);
    if (middle >= end) {
      buffer.fill(0);
      this.#unread.push({ offset, bytes: buffer.length });
      return buffer.length;
    }
    const first = await this.read(buffer.subarray(0, middle - offset), offset);
    if (first < middle - offset) return first;
    return first + (await this.read(buffer.subarray(first), middle));
  }
}

/** The last sector at or before `near` that begins behind `offset`, or else the first one. */
function sectorAfter(offset: number, near: number): number {
  const sector = Math.floor(near / sectorBytes) * sectorBytes;
  return sector > offset ? sector : (Math.floor(offset / sectorBytes) + 1) * sectorBytes;
}
