import type { SeededRandom } from "../../platform/seeded-random.ts";

/*
 * A file's bytes, twice: as processes read them (the page cache), and as the platter has them. A
 * write goes to the first and waits; a sync carries what waits to the second. At a power cut each
 * waiting write is kept, dropped or torn, whatever became of the others, and the length may be the
 * old one, the new one or between.
 *
 * Most bytes are the same in both, so they are there once: a write keeps what it covers of the
 * platter, and the platter's bytes are made from that where they are asked for.
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
  #buffer: Uint8Array;
  #length: number;

  /** @param buffer becomes its own */
  constructor(buffer: Uint8Array = new Uint8Array(0)) {
    this.#buffer = buffer;
    this.#length = buffer.length;
  }

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

  slice(start: number, end: number): Uint8Array {
    return this.#buffer.slice(start, end);
  }

  flip(offset: number, mask: number): number {
    return (this.#buffer[offset]! ^= mask);
  }

  /** Flips it back, unless the byte was written again meanwhile. */
  unflip(offset: number, mask: number, flipped: number): void {
    if (this.#buffer[offset] === flipped) this.#buffer[offset] = flipped ^ mask;
  }
}

export class Inode {
  #seen = new GrowingBytes();
  /** The platter's bytes where they are not what can be made from `#seen` and `#covered`. */
  #platter: GrowingBytes | undefined;
  /** What waiting writes covered of the platter, the oldest first. */
  #covered: WaitingWrite[] = [];
  #durableLength = 0;
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

  /** The bytes are kept: nobody may change them. */
  write(bytes: Uint8Array, offset: number): void {
    const coveredEnd = Math.min(offset + bytes.length, this.#durableLength);
    if (this.#platter === undefined && coveredEnd > offset) {
      this.#covered.push({ offset, bytes: this.#seen.slice(offset, coveredEnd) });
    }
    this.#seen.write(bytes, offset);
    this.#waiting.push({ offset, bytes });
    for (const slice of this.#unreadable) {
      const start = slice * sliceBytes;
      const end = Math.min(start + sliceBytes, this.length);
      if (offset <= start && offset + bytes.length >= end) this.#unreadable.delete(slice);
    }
  }

  sync(): void {
    if (this.#platter === undefined) this.#durableLength = this.#seen.length;
    else for (const write of this.#waiting) this.#platter.write(write.bytes, write.offset);
    this.#forgetWaiting();
  }

  /**
   * A sync that fails, as Linux does it: what did not reach the device is marked clean all the
   * same. It can still be read, and the next sync succeeds without it.
   */
  failSync(random: SeededRandom): void {
    this.#keepSome(this.#separatePlatter(), random);
    this.#forgetWaiting();
  }

  crash(random: SeededRandom): void {
    if (this.#waiting.length > 0) {
      const platter = this.#separatePlatter();
      const durableLength = platter.length;
      this.#keepSome(platter, random);
      const { length } = this.#seen;
      const cuts = [platter.length, durableLength, length, random.below(length + 1)];
      platter.setLength(Math.max(durableLength, random.pick(cuts)));
      this.#forgetWaiting();
    }
    if (this.#platter === undefined) return;
    this.#seen = this.#platter;
    this.#platter = undefined;
    this.#durableLength = this.#seen.length;
  }

  /**
   * Damage at rest: seen by the next reader, and staying. Returns what undoes it; a byte that is
   * damaged already stays as it is. A process that read a byte before may write it again, as
   * sealing does: then there is nothing to undo.
   */
  flip(offset: number, mask: number): () => void {
    if (this.#flipped.has(offset)) return () => {};
    this.#flipped.add(offset);
    const platter = this.#separatePlatter();
    const seenByte = this.#seen.flip(offset, mask);
    const platterByte = platter.flip(offset, mask);
    return () => {
      const platterNow = this.#separatePlatter();
      this.#seen.unflip(offset, mask, seenByte);
      platterNow.unflip(offset, mask, platterByte);
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

  /** Lets the platter have all of its bytes for itself. */
  #separatePlatter(): GrowingBytes {
    if (this.#platter !== undefined) return this.#platter;
    const platter = new GrowingBytes(this.#seen.slice(0, this.#durableLength));
    for (const { bytes, offset } of this.#covered.toReversed()) platter.write(bytes, offset);
    this.#platter = platter;
    return platter;
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#covered = [];
  }

  /**
   * Each sector gets to the device as it was after some of its writes: all, none, or the first few.
   */
  #keepSome(platter: GrowingBytes, random: SeededRandom): void {
    const sectorBytes = random.pick(sectorSizes);
    const keepShare = random.pick([0, 0.5, 0.9, 1]);
    for (const writes of this.#waitingBySector(sectorBytes).values()) {
      const kept = random.chance(keepShare) ? writes.length : random.below(writes.length);
      for (const { bytes, offset } of writes.slice(0, kept)) platter.write(bytes, offset);
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
