import { messageOf } from "../../base/errors.ts";
import type { DiskId } from "../../format/ids.ts";
import { logHeaderBytes } from "../../format/log-segment.ts";
import type { Clock } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import type { LogMember } from "../log-member.ts";
import type { LogQuorum } from "../log-quorum.ts";

/** A segment's copy as the one process that appends to it sees it. */
export interface SegmentCopy {
  readonly id: DiskId;
  /** The data directory, for messages. */
  readonly name: string;
  readonly member: LogMember;
}

export interface AppendOutcome {
  readonly isDurable: boolean;
  /** A copy may hold the record, or a part of it. */
  readonly mayStand: boolean;
  /** The copies that failed or are late, and why. */
  readonly lost: readonly { readonly name: string; readonly why: string }[];
}

interface CopyState extends SegmentCopy {
  /** What was asked of it and has not ended. */
  underWay: number;
  tail: Promise<void>;
  lost: string | undefined;
}

/**
 * @limit A copy that has not synced a record after this long is left behind: a disk's sync takes
 * milliseconds, and a disk that stands still must not hold up the others' commits.
 */
export const logMemberLateMs = 2000;
/** @limit Records that one copy may be behind the others. */
const behindMax = 32;

/**
 * One open segment: appends each record to all copies, and waits until enough of them have synced
 * it. A copy that fails or is late ends the segment; nothing is ever written to it again.
 */
export class OpenLogSegment {
  readonly #copies: readonly CopyState[];
  readonly #acknowledged: number;
  readonly #clock: Clock;
  readonly #lateMs: number;
  #end = logHeaderBytes;
  /** All copies that took part have space up to here. */
  #reserved = logHeaderBytes;

  constructor(
    copies: readonly SegmentCopy[],
    acknowledged: number,
    { clock, lateMs }: { readonly clock: Clock; readonly lateMs: number },
  ) {
    this.#copies = copies.map((copy) => ({
      ...copy,
      underWay: 0,
      tail: Promise.resolve(),
      lost: undefined,
    }));
    this.#acknowledged = acknowledged;
    this.#clock = clock;
    this.#lateMs = lateMs;
  }

  get bytes(): number {
    return this.#end;
  }

  /** Durable is what at least so many copies have, those of a quorum among them. */
  async append(record: Uint8Array, quorum: LogQuorum): Promise<AppendOutcome> {
    const offset = this.#end;
    this.#end += record.length;
    if (this.#end > this.#reserved && !(await this.#reserve(quorum))) {
      return { isDurable: false, mayStand: false, lost: this.#lost() };
    }
    const { isDurable } = await this.#onCopies(quorum, (member) => member.append(offset, record));
    return { isDurable, mayStand: true, lost: this.#lost() };
  }

  /** Waits for what is under way, however long that takes. */
  async close(): Promise<void> {
    await Promise.all(this.#copies.map(({ tail }) => tail));
    await Promise.allSettled(this.#copies.map(({ member }) => member.close()));
  }

  async #reserve(quorum: LogQuorum): Promise<boolean> {
    let reserved = Number.POSITIVE_INFINITY;
    const { isDurable } = await this.#onCopies(quorum, async (member) => {
      reserved = Math.min(reserved, await member.reserve(this.#end));
    });
    this.#reserved = reserved;
    return isDurable;
  }

  #lost(): AppendOutcome["lost"] {
    return this.#copies.flatMap(({ name, lost }) =>
      lost === undefined ? [] : { name, why: lost },
    );
  }

  /** Does it on each copy, after what was asked of that before; resolves once enough have done it. */
  async #onCopies(
    quorum: LogQuorum,
    action: (member: LogMember) => Promise<void>,
  ): Promise<{ readonly isDurable: boolean }> {
    const done: DiskId[] = [];
    // holds: C1 log-synced-on-enough-disks
    const isEnough = (): boolean => done.length >= this.#acknowledged && quorum.isMet(done);
    const enough = Promise.withResolvers<void>();
    const copies = this.#copies.filter(({ lost }) => lost === undefined);
    let rest = copies.length;
    for (const copy of copies) {
      if (copy.underWay >= behindMax) copy.lost = `is ${copy.underWay} records behind`;
      copy.underWay++;
      const act = async (): Promise<void> => {
        try {
          if (copy.lost === undefined) await action(copy.member);
          // A record whose predecessor is missing in a copy would be cut off from the chain there.
          if (copy.lost === undefined) done.push(copy.id);
        } catch (error) {
          copy.lost ??= messageOf(error);
        }
        copy.underWay--;
        if (--rest === 0 || isEnough()) enough.resolve();
      };
      copy.tail = copy.tail.then(act);
    }
    if (rest === 0) enough.resolve();
    await within(this.#clock, this.#lateMs, enough.promise);
    const isDurable = isEnough();
    if (!isDurable) {
      for (const copy of copies) if (copy.underWay > 0) copy.lost ??= "is late with a sync";
    }
    return { isDurable };
  }
}
