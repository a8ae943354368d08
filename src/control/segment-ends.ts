import {
  copyName,
  type FoundSegment,
  isSame,
  isWhollyBefore,
  lastSequenceIn,
  segmentBytes,
} from "../extent/log-scan.ts";
import type { Hash } from "../platform/hash.ts";

interface SegmentEnd {
  /** The length of the copy when it was looked at. */
  readonly bytes: number;
  /** The sequence of its last record, 0 where there is none; undefined while it was not read. */
  readonly sequence: number | undefined;
}

/**
 * Where segments of the commit log end that no other one of their writer follows, since it ended
 * or has nothing to write. Only reading them tells. The restore window keeps many, and each is read
 * once: when it was no longer at a second look than at the first.
 */
export class SegmentEnds {
  #known = new Map<string, SegmentEnd>();

  /** Looks at these segments, and forgets all others. */
  async look(hash: Hash, segments: readonly FoundSegment[]): Promise<void> {
    const known = new Map<string, SegmentEnd>();
    for (const segment of segments) {
      const name = copyName(segment);
      const before = this.#known.get(name);
      const bytes = await segmentBytes(segment);
      if (before?.bytes !== bytes) known.set(name, { bytes, sequence: undefined });
      else {
        const { sequence = await lastSequenceIn(hash, segment) } = before;
        known.set(name, { bytes, sequence });
      }
    }
    this.#known = known;
  }

  /** True if the segment is known to hold nothing behind this record. */
  async isBefore(
    { header }: FoundSegment,
    segments: readonly FoundSegment[],
    sequence: number,
  ): Promise<boolean> {
    if (isWhollyBefore(header, segments, sequence)) return true;
    const copies = segments.filter((one) => isSame(one.header, header));
    return await this.#areBefore(copies, sequence);
  }

  /** Bytes of the segments that may hold something behind this record, one copy of each. */
  async bytesBehind(segments: readonly FoundSegment[], sequence: number): Promise<number> {
    let bytes = 0;
    const counted: FoundSegment[] = [];
    for (const segment of segments) {
      if (counted.some(({ header }) => isSame(header, segment.header))) continue;
      counted.push(segment);
      if (await this.isBefore(segment, segments, sequence)) continue;
      bytes += await segmentBytes(segment);
    }
    return bytes;
  }

  /** True if the copies are as they were when they were read. */
  async #areBefore(copies: readonly FoundSegment[], sequence: number): Promise<boolean> {
    for (const copy of copies) {
      const known = this.#known.get(copyName(copy));
      if (known?.sequence === undefined || known.sequence > sequence) return false;
      if ((await segmentBytes(copy)) !== known.bytes) return false;
    }
    return true;
  }
}
