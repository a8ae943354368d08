import type { DiskId } from "../format/ids.ts";
import type { DiskCounts } from "./observed-disk.ts";

/*
 * Whether a disk fails so often that it should be used for nothing new. A disk that errs now and
 * then is read around; one that goes on with it makes each request that meets it slow, and what is
 * placed on it is soon to be placed anew. What is judged is the increase of counters within a
 * window. A machine that is slow as a whole is no disk's fault: a disk is slow only beside others
 * that are not.
 */

export interface VerdictLimits {
  readonly windowMs: number;
  /** Failed operations within the window. */
  readonly errors: number;
  /** Slow operations within the window, and their share of all … */
  readonly slow: number;
  readonly slowShare: number;
  /** … which is so many times that of the other disks together. */
  readonly slowFactor: number;
  /** An operation has no answer for so long, while other disks answer. */
  readonly waitingMs: number;
  /** Extents and copies of the index's log on it that were found damaged within `damageWindowMs`. */
  readonly damaged: number;
  readonly damageWindowMs: number;
}

const minute = 60_000;

/** @limit How often a disk may fail before it is taken out. */
export const verdictLimits: VerdictLimits = {
  // Long enough for a rate, short enough that what was mended is forgotten soon.
  windowMs: 10 * minute,
  // A sector that cannot be read costs a few errors, a dying disk hundreds in minutes.
  errors: 20,
  // Thirty operations that take seconds are as many clients that noticed …
  slow: 30,
  // … and with every tenth of them no reader can go on by chance.
  slowShare: 0.1,
  // The other disks have the same load: a machine that is slow as a whole is no disk's fault.
  slowFactor: 4,
  // A stall of ten seconds happens to disks that are well; one of thirty seconds does not.
  waitingMs: 30_000,
  // One extent in thousands goes bad in a year; sixteen in an hour are the disk's fault.
  damaged: 16,
  // A look at all files, or a part of a scrub.
  damageWindowMs: 60 * minute,
};

/** Points kept of a window: it is longer than it should be by one of them at the most. */
const pointsPerWindow = 20;

export interface DiskSample {
  readonly disk: DiskId;
  readonly counts: DiskCounts;
  /** Files on it that are known to be damaged; undefined where this process does not count. */
  readonly damaged: number | undefined;
}

interface Point {
  readonly atMs: number;
  readonly value: number;
}

export class DiskVerdicts {
  readonly #limits: VerdictLimits;
  readonly #histories = new Map<DiskId, DiskHistory>();

  constructor(limits: VerdictLimits = verdictLimits) {
    this.#limits = limits;
  }

  /** Takes the counters of all disks, and says of which it is too much, and why. */
  judge(nowMs: number, samples: readonly DiskSample[]): ReadonlyMap<DiskId, string> {
    const seen = samples.map((sample) => {
      const history = this.#histories.get(sample.disk) ?? new DiskHistory(this.#limits);
      this.#histories.set(sample.disk, history);
      return history.add(nowMs, sample);
    });
    const verdicts = new Map<DiskId, string>();
    for (const one of seen) {
      const others = seen.filter((other) => other !== one);
      const reason = this.#reasonOf(one, others);
      if (reason !== undefined) verdicts.set(one.disk, reason);
    }
    return verdicts;
  }

  /** A person says that the disk is well: what was counts no more. */
  forget(disk: DiskId): void {
    this.#histories.delete(disk);
  }

  #reasonOf(one: Judged, others: readonly Judged[]): string | undefined {
    const { errors, slow, slowShare, slowFactor, waitingMs, damaged, windowMs } = this.#limits;
    const { damageWindowMs } = this.#limits;
    const within = (ms: number): string => `within ${ms / minute} minutes`;
    if (one.errors >= errors) return `${one.errors} operations failed ${within(windowMs)}`;
    if (one.damaged >= damaged)
      return `${one.damaged} files were found damaged ${within(damageWindowMs)}`;
    const isAlone = others.every((other) => other.waitingMs < waitingMs / 2);
    // A process that itself stood still finds all answers late at its first look, and there then.
    const waited = Math.min(one.waitingMs, 2 * one.waitingBeforeMs);
    if (waited >= waitingMs && others.length > 0 && isAlone)
      return `no answer for ${Math.round(one.waitingMs / 1000)} seconds`;
    const share = shareOf([one]);
    const isSlow = one.slow >= slow && share >= slowShare;
    if (!isSlow || others.length === 0 || share < slowFactor * shareOf(others)) return undefined;
    const percent = Math.round(share * 100);
    return `${percent} % of its operations took more than 2 seconds ${within(windowMs)}`;
  }
}

interface Increases {
  readonly operations: number;
  readonly errors: number;
  readonly slow: number;
  readonly damaged: number;
}

interface Judged extends Increases {
  readonly disk: DiskId;
  readonly waitingMs: number;
  /** The same at the look before. */
  readonly waitingBeforeMs: number;
}

function shareOf(disks: readonly Increases[]): number {
  const operations = disks.reduce((sum, one) => sum + one.operations, 0);
  const slow = disks.reduce((sum, one) => sum + one.slow, 0);
  return operations === 0 ? 0 : slow / operations;
}

/** The counters of one disk over time. */
class DiskHistory {
  readonly #operations: Window;
  readonly #errors: Window;
  readonly #slow: Window;
  readonly #damaged: Window;
  #waitingMs = 0;

  constructor({ windowMs, damageWindowMs }: VerdictLimits) {
    this.#operations = new Window(windowMs);
    this.#errors = new Window(windowMs);
    this.#slow = new Window(windowMs);
    this.#damaged = new Window(damageWindowMs);
  }

  add(nowMs: number, { disk, counts, damaged }: DiskSample): Judged {
    const waitingBeforeMs = this.#waitingMs;
    this.#waitingMs = counts.waitingMs;
    return {
      disk,
      waitingMs: counts.waitingMs,
      waitingBeforeMs,
      operations: this.#operations.add(nowMs, counts.operations),
      errors: this.#errors.add(nowMs, counts.errors),
      slow: this.#slow.add(nowMs, counts.slow),
      damaged: damaged === undefined ? 0 : this.#damaged.add(nowMs, damaged),
    };
  }
}

/** The increase of one counter within a window. A counter that fell begins anew. */
class Window {
  readonly #windowMs: number;
  #points: readonly Point[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(nowMs: number, value: number): number {
    const last = this.#points.at(-1);
    if (last === undefined || nowMs - last.atMs >= this.#windowMs / pointsPerWindow) {
      this.#points = [...this.#points, { atMs: nowMs, value }];
    }
    const sinceMs = nowMs - this.#windowMs;
    // The newest point before the window is where it begins.
    const first = this.#points.findLastIndex(({ atMs }) => atMs <= sinceMs);
    this.#points = this.#points.slice(Math.max(0, first)).map(({ atMs, value: was }) => {
      return { atMs, value: Math.min(was, value) };
    });
    return value - (this.#points[0]?.value ?? value);
  }
}
