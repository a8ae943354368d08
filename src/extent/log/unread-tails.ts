import { logHeaderBytes, logSegmentFile, type LogSegmentName } from "../../format/log-segment.ts";
import type { FileBytes } from "../disk/unreadable-bytes.ts";

/*
 * A sector that cannot be read may hide a record. The numbers of records rise within a segment, and
 * a record stands at the same place in all copies: so one that is hidden before another that was
 * found, in any copy, is none that the log could end with. What is behind all of them may be.
 */

/** One copy of a segment while it is read. */
interface CopyScan<Copy> {
  readonly copy: Copy;
  /** Where this begins. */
  readonly from: number;
  /** Sectors that its disk could not read. */
  readonly unread: FileBytes[];
}

/** Finds copies that may have records behind the last one that was found in their segment. */
export class UnreadTails<Copy extends { readonly header: LogSegmentName }> {
  readonly #scans: CopyScan<Copy>[] = [];
  /** Where the last record of each segment ends. */
  readonly #ends = new Map<string, number>();

  /** @param from where a record begins, or would, behind those that were read before. */
  begin(copy: Copy, from = logHeaderBytes): CopyScan<Copy> {
    const scan = { copy, from, unread: [] };
    this.#scans.push(scan);
    this.recordEnds(copy, from);
    return scan;
  }

  /** @param end `Infinity`: what is behind it is read another time. */
  recordEnds({ header }: Copy, end: number): void {
    const name = logSegmentFile(header);
    this.#ends.set(name, Math.max(end, this.#ends.get(name) ?? 0));
  }

  get copies(): Copy[] {
    const mayHide = ({ copy, unread }: CopyScan<Copy>): boolean => {
      const end = this.#ends.get(logSegmentFile(copy.header)) ?? 0;
      return unread.some(({ offset, bytes }) => offset + bytes > end);
    };
    return this.#scans.filter(mayHide).map(({ copy }) => copy);
  }
}
