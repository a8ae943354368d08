import { isReadError, sectorBytes } from "../disk/unreadable-bytes.ts";
import type { ReadableMember } from "../extent-member.ts";

/**
 * @limit Read at once while walking a file: some 60 small records, and not much in vain where
 * payloads are skipped.
 */
const windowBytes = 256 * 1024;
/** @limit … but for the header alone, once a payload was skipped: others may follow. */
const skippedWindowBytes = 16 * 1024;
/**
 * @limit So often the disk may fail to read a part of a file: some twenty bad sectors, each of
 * which may take it seconds. Then the file is not read on.
 */
const failuresMax = 64;

/**
 * Reads a file from front to back in large pieces, handing out views of them. Where the disk cannot
 * read such a piece, no more is read than each view needs: so only those fail that touch the bad
 * sector.
 */
export class RecordWindow {
  readonly #file: Pick<ReadableMember, "read">;
  readonly #end: number;
  /**
   * Used again and again: memory outside of the heap that is given up soon brings on collections of
   * all of it.
   */
  #buffer = new Uint8Array(0);
  #bytes = this.#buffer;
  #start = 0;
  /** The end of a piece that the disk could not read: before it nothing is read ahead. */
  #carefulTo = 0;
  #failures = 0;

  /** @param end nothing at or behind it is read. */
  constructor(file: Pick<ReadableMember, "read">, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** False once its disk has failed too often to be asked for what is elsewhere. */
  get isWorthReading(): boolean {
    return this.#failures < failuresMax;
  }

  /**
   * Up to `length` bytes from `offset`, fewer at the end; a view that lasts until the next call.
   */
  async view(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.#end - offset));
    const at = offset - this.#start;
    if (at < 0 || at + wanted > this.#bytes.length) {
      const hasSkipped = at > this.#bytes.length;
      const ahead = hasSkipped ? skippedWindowBytes : windowBytes;
      const size = Math.max(wanted, Math.min(ahead, this.#end - offset));
      await this.#fillFrom(offset, wanted, size);
    }
    const from = offset - this.#start;
    return this.#bytes.subarray(from, from + wanted);
  }

  async #fillFrom(offset: number, wanted: number, size: number): Promise<void> {
    const careful = Math.min(size, toSectorEnd(offset + wanted) - offset);
    if (offset < this.#carefulTo) return this.#fill(offset, careful);
    try {
      await this.#fill(offset, size);
    } catch (thrown) {
      if (!isReadError(thrown) || careful === size) throw thrown;
      this.#carefulTo = offset + size;
      await this.#fill(offset, careful);
    }
  }

  async #fill(offset: number, size: number): Promise<void> {
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    const buffer = this.#buffer.subarray(0, size);
    this.#bytes = buffer.subarray(0, 0); // none of the earlier ones, should the read fail
    try {
      this.#bytes = buffer.subarray(0, await this.#file.read(buffer, offset));
    } catch (thrown) {
      this.#failures++;
      throw thrown;
    }
    this.#start = offset;
  }

  /** The first place from `offset`, in steps of `step`, with this number; undefined: nowhere. */
  async find(number: number, offset: number, step: number): Promise<number | undefined> {
    for (let at = offset; ;) {
      await this.view(at, step);
      const { buffer, byteOffset, length } = this.#bytes;
      const numbers = new DataView(buffer, byteOffset, length);
      let from = at - this.#start;
      if (from + 4 > length) return undefined;
      for (; from + 4 <= length; from += step) {
        if (numbers.getUint32(from) === number) return this.#start + from;
      }
      at = this.#start + from;
    }
  }
}

function toSectorEnd(offset: number): number {
  return Math.ceil(offset / sectorBytes) * sectorBytes;
}
