import type { SeededRandom } from "../../platform/seeded-random.ts";

/*
 * A file's bytes, twice: as processes read them (the page cache), and as the platter has them. A
 * write goes to the first and waits; a sync carries what waits to the second. At a power cut each
 * waiting write is kept, dropped or torn, whatever became of the others, and the length may be the
 * old one, the new one or between.
 */

/** The units that devices write as a whole: old disks 512 bytes, newer ones 4 KiB. */
const sectorSizes = [512, 4096] as const;
/** What goes bad at a time … */
const spoiledBytes = 4096;
/** … and what is well again once it is written anew: a write comes apart at these. */
const sliceBytes = 512;

interface WaitingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

class GrowingBytes {
  #buffer = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  read(into: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(into.length, this.#length - offset));
    into.set(this.#buffer.subarray(offset, offset + count));
    return count;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.setLength(Math.max(this.#length, offset + bytes.length));
    this.#buffer.set(bytes, offset);
  }

  /** Cuts, or grows with zeros. */
  setLength(length: number): void {
    if (length > this.#buffer.length) {
      const buffer = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      buffer.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = buffer;
    } else if (length < this.#length) {
      this.#buffer.fill(0, length, this.#length);
    }
    this.#length = length;
  }

  /** Returns what undoes it, unless the byte was written again meanwhile. */
  flip(offset: number, mask: number): () => void {
    const flipped = this.#buffer[offset]! ^ mask;
    this.#buffer[offset] = flipped;
    return () => {
      if (this.#buffer[offset] === flipped) this.#buffer[offset] = flipped ^ mask;
    };
  }

  copyFrom(other: GrowingBytes): void {
    this.#buffer = other.#buffer.slice();
    this.#length = other.#length;
  }
}

export class Inode {
  readonly #seen = new GrowingBytes();
  readonly #durable = new GrowingBytes();
  #waiting: WaitingWrite[] = [];
  readonly #flipped = new Set<number>();
  /** Slices that cannot be read until they are written anew. */
  readonly #unreadable = new Set<number>();

  get length(): number {
    return this.#seen.length;
  }

  /** Something was written and not synced. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  read(into: Uint8Array, offset: number): number {
    return this.#seen.read(into, offset);
  }

  /** False where one of these bytes is in a bad sector. */
  isReadable(offset: number, bytes: number): boolean {
    const end = Math.min(offset + bytes, this.length);
    for (const slice of this.#unreadable) {
      const start = slice * sliceBytes;
      if (start < end && start + sliceBytes > offset) return false;
    }
    return true;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#seen.write(bytes, offset);
    this.#waiting.push({ offset, bytes: bytes.slice() });
    for (const slice of this.#unreadable) {
      const start = slice * sliceBytes;
      const end = Math.min(start + sliceBytes, this.length);
      if (offset <= start && offset + bytes.length >= end) this.#unreadable.delete(slice);
    }
  }

  sync(): void {
    for (const write of this.#waiting) this.#durable.write(write.bytes, write.offset);
    this.#waiting = [];
  }

  /**
   * A sync that fails, as Linux does it: what did not reach the device is marked clean all the
   * same. It can still be read, and the next sync succeeds without it.
   */
  failSync(random: SeededRandom): void {
    this.#keepSome(random);
    this.#waiting = [];
  }

  crash(random: SeededRandom): void {
    if (this.#waiting.length > 0) {
      const durableLength = this.#durable.length;
      this.#keepSome(random);
      const { length } = this.#seen;
      const cuts = [this.#durable.length, durableLength, length, random.below(length + 1)];
      this.#durable.setLength(Math.max(durableLength, random.pick(cuts)));
      this.#waiting = [];
    }
    this.#seen.copyFrom(this.#durable);
  }

  /**
   * Damage at rest: seen by the next reader, and staying. Returns what undoes it; a byte that is
   * damaged already stays as it is. A process that read a byte before may write it again, as
   * sealing does: then there is nothing to undo.
   */
  flip(offset: number, mask: number): () => void {
    if (this.#flipped.has(offset)) return () => {};
    this.#flipped.add(offset);
    const undo = [this.#seen, this.#durable].map((bytes) => bytes.flip(offset, mask));
    return () => {
      for (const one of undo) one();
    };
  }

  /** The sector around this byte goes bad. Returns what makes it well again. */
  spoil(offset: number): () => void {
    const first = (Math.floor(offset / spoiledBytes) * spoiledBytes) / sliceBytes;
    const slices = Array.from({ length: spoiledBytes / sliceBytes }, (_, i) => first + i);
    for (const slice of slices) this.#unreadable.add(slice);
    return () => {
      for (const slice of slices) this.#unreadable.delete(slice);
    };
  }

  /**
   * Each sector gets to the device as it was after some of its writes: all, none, or the first few.
   */
  #keepSome(random: SeededRandom): void {
    const sectorBytes = random.pick(sectorSizes);
    const keepShare = random.pick([0, 0.5, 0.9, 1]);
    for (const writes of this.#waitingBySector(sectorBytes).values()) {
      const kept = random.chance(keepShare) ? writes.length : random.below(writes.length);
      for (const { bytes, offset } of writes.slice(0, kept)) this.#durable.write(bytes, offset);
    }
  }

  #waitingBySector(sectorBytes: number): Map<number, WaitingWrite[]> {
    const sectors = new Map<number, WaitingWrite[]>();
    for (const { offset, bytes } of this.#waiting) {
      for (let at = 0; at < bytes.length;) {
        const sector = Math.floor((offset + at) / sectorBytes);
        const count = Math.min((sector + 1) * sectorBytes - offset - at, bytes.length - at);
        const write = { offset: offset + at, bytes: bytes.subarray(at, at + count) };
        const writes = sectors.get(sector);
        if (writes === undefined) sectors.set(sector, [write]);
        else writes.push(write);
        at += count;
      }
    }
    return sectors;
  }
}
