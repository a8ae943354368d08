import type { SessionId } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { ReadTracker } from "../../keymap/read-tracker.ts";
import { listSessions } from "../../keymap/sessions.ts";
import type { Clock } from "../../platform/platform.ts";

/*
 * Decides if a read that began before an extent was given up may still need it. Each process counts
 * periods, one for each renewal of its lease, and its lease says which of them has ended and in
 * which one its oldest read began (keymap/read-tracker.ts). Who sees that period p of a process has
 * ended knows that what has begun there so far began in p + 1 or before, and waits until the oldest
 * read is of a later one. So no two clocks are compared; how long an endless read keeps an extent
 * is measured by the monotonic clock of the process that waits, from when it first looked.
 */

/** @limit Extents waited for at a time; the others' wait begins when one of these has ended. */
export const waitingExtentsMax = 1024;

export interface OldReadsOptions {
  readonly platform: { readonly clock: Clock };
  readonly keymap: Keymap;
  /** The reads of this process. */
  readonly reads: ReadTracker;
  /** An extent goes after this long, whatever reads it. */
  readonly oldReadMs: number;
}

interface Waiting {
  readonly sinceMs: number;
  /** The last period of each process in which a read may have begun before we first looked. */
  readonly periods: ReadonlyMap<SessionId, number>;
  readonly own: number;
}

/** @template Key names what may be read: an extent, or some files of one. */
export class OldReads<Key> {
  readonly #options: OldReadsOptions;
  readonly #waiting = new Map<Key, Waiting>();

  constructor(options: OldReadsOptions) {
    this.#options = options;
  }

  /**
   * True if no read can need the extent any more; asked again and again from when nothing refers to
   * it, until the answer is yes: asked once more, it waits again.
   */
  async haveEnded(extent: Key): Promise<boolean> {
    const { platform, keymap, reads, oldReadMs } = this.#options;
    const nowMs = platform.clock.monotonicMs();
    const sessions = await listSessions(keymap);
    const others = sessions.filter(({ session }) => session !== keymap.session.id);
    let waiting = this.#waiting.get(extent);
    if (waiting === undefined) {
      if (this.#waiting.size >= waitingExtentsMax) this.#forgetUnasked(nowMs);
      if (this.#waiting.size >= waitingExtentsMax) return false;
      const periods = new Map(others.map(({ session, lease }) => [session, lease.period + 1]));
      waiting = { sinceMs: nowMs, periods, own: reads.period };
      this.#waiting.set(extent, waiting);
    }
    const { sinceMs, periods, own } = waiting;
    const isRead =
      reads.isUnderWay(own) ||
      others.some(({ session, lease }) => lease.oldestReadPeriod <= (periods.get(session) ?? -1));
    if (isRead && nowMs - sinceMs <= oldReadMs) return false;
    this.#waiting.delete(extent);
    return true;
  }

  /** Forgets extents that other processes dropped: nobody asks about them any more. */
  #forgetUnasked(nowMs: number): void {
    for (const [extent, { sinceMs }] of this.#waiting) {
      if (nowMs - sinceMs <= 2 * this.#options.oldReadMs) return;
      this.#waiting.delete(extent);
    }
  }
}
