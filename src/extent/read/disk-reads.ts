import { StoreError } from "../../base/errors.ts";
import { type DiskId, idText } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";

/*
 * What each disk is asked at a time, and how it answers. A disk has places of its own, and what
 * exceeds them waits here, where it can be given up: so a disk that stalls holds a few threads and
 * a few buffers, and never the reads of others.
 */

/**
 * @limit Reads of a disk under way: as many as the disk itself takes at once (node/disk/disk.ts),
 * so that nothing waits there.
 */
const readsUnderWayMax = 6;
/** @limit Reads waiting for a place: each is a client's, and holds no bytes yet. */
const readsWaitingMax = 4096;
/** @limit An answer that took longer counts as slow: a disk under load takes a tenth of it. */
const slowReadMs = 250;
/**
 * @limit A disk is asked last while its oldest read is older than this: four times what is slow.
 */
const stalledReadMs = 1000;
/** @limit … and for this long after it failed to answer: then one read finds out how it is. */
const suspectMs = 5000;
/**
 * The step by which the typical time of an answer moves towards each answer: it is the median then,
 * which a few slow answers do not change.
 */
const typicalStep = 1.05;
/** @limit The typical time to begin with: a flash disk's. */
const typicalFirstMs = 0.5;

export interface DiskReadStatistics {
  readonly disk: DiskId;
  /** Answers in all, right or wrong. */
  readonly reads: number;
  /** Reads that failed: no file, or the disk's own failure. */
  readonly errors: number;
  /** Answers that were not what had been written. None was served. */
  readonly corruptions: number;
  /** Answers that took longer than 250 ms, and reads that another member was asked instead of. */
  readonly slow: number;
  /** The median of late, for small reads. */
  readonly typicalMs: number;
  readonly underWay: number;
  readonly waiting: number;
}

/** Reads that are given up together, once another member has answered. */
export class ReadAttempt {
  readonly #waiting = new Set<() => void>();
  #isGivenUp = false;

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** What waits for a place fails as `cancelled`; what is under way goes on until it ends. */
  giveUp(): void {
    this.#isGivenUp = true;
    for (const cancel of Array.from(this.#waiting)) cancel();
  }

  /** @param cancel called if it is given up before `end` is. */
  waits(cancel: () => void): () => void {
    this.#waiting.add(cancel);
    return () => this.#waiting.delete(cancel);
  }
}

export class DiskReads {
  readonly disk: DiskId;
  readonly #clock: Clock;
  /** True while the registry says that it failed too often: it is asked last. */
  readonly #isOut: () => boolean;
  readonly #waiters = new Set<() => void>();
  #placesTaken = 0;
  /** When each read under way began, the oldest first. */
  readonly #begun = new Set<{ readonly atMs: number }>();
  #reads = 0;
  #errors = 0;
  #corruptions = 0;
  #slow = 0;
  #typicalMs = typicalFirstMs;
  #suspectUntilMs = 0;

  constructor(clock: Clock, disk: DiskId, isOut: () => boolean) {
    this.#clock = clock;
    this.disk = disk;
    this.#isOut = isOut;
  }

  statistics(): DiskReadStatistics {
    return {
      disk: this.disk,
      reads: this.#reads,
      errors: this.#errors,
      corruptions: this.#corruptions,
      slow: this.#slow,
      typicalMs: this.#typicalMs,
      underWay: this.#begun.size,
      waiting: this.#waiters.size,
    };
  }

  /** False while it would be asked in vain, as far as one can see. */
  get isWell(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#suspectUntilMs || this.#isOut()) return false;
    for (const { atMs } of this.#begun) return nowMs - atMs < stalledReadMs;
    return true;
  }

  /** How long a small read will probably take. */
  get expectedMs(): number {
    const asked = this.#placesTaken + this.#waiters.size;
    const ownMs = this.#typicalMs * (1 + asked / readsUnderWayMax);
    if (this.#placesTaken < readsUnderWayMax) return ownMs;
    // It would wait for a place. Whatever holds the places has done so for a while.
    const [oldest] = this.#begun;
    return oldest === undefined ? ownMs : ownMs + this.#clock.monotonicMs() - oldest.atMs;
  }

  /**
   * Does work that reads from the disk when there is a place for it. StoreError `overloaded` where
   * too much waits, `cancelled` where the attempt is given up first, and what the work throws.
   *
   * @param isSmall its time says how fast the disk is.
   */
  async run<T>(attempt: ReadAttempt, isSmall: boolean, work: () => Promise<T>): Promise<T> {
    if (attempt.isGivenUp) throw givenUp();
    const place = this.#enter(attempt);
    if (place !== undefined) await place;
    const begun = { atMs: this.#clock.monotonicMs() };
    this.#begun.add(begun);
    try {
      return await work();
    } finally {
      this.#begun.delete(begun);
      this.#placesTaken--;
      this.#reads++;
      this.#answered(this.#clock.monotonicMs() - begun.atMs, isSmall);
      this.#startNext();
    }
  }

  /** It gave no answer. */
  failed(): void {
    this.#errors++;
    this.#suspectUntilMs = this.#clock.monotonicMs() + suspectMs;
  }

  /** It answered something else than was written. */
  wasWrong(): void {
    this.#corruptions++;
  }

  /** It is not waited for any longer. */
  wasSlow(): void {
    this.#slow++;
  }

  #answered(tookMs: number, isSmall: boolean): void {
    if (tookMs > slowReadMs) this.#slow++;
    if (!isSmall) return;
    this.#typicalMs *= tookMs > this.#typicalMs ? typicalStep : 1 / typicalStep;
  }

  #enter(attempt: ReadAttempt): Promise<void> | undefined {
    if (this.#placesTaken < readsUnderWayMax) {
      this.#placesTaken++;
      return undefined;
    }
    // holds: C6 reads-of-a-disk-are-limited
    if (this.#waiters.size >= readsWaitingMax) {
      const what = `reads of disk ${idText(this.disk)}`;
      throw new StoreError("overloaded", `${what}: the queue of ${readsWaitingMax} is full`);
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#waiters.delete(start);
        this.#placesTaken++;
        ended();
        resolve();
      };
      const ended = attempt.waits(() => {
        this.#waiters.delete(start);
        reject(givenUp());
      });
      this.#waiters.add(start);
    });
  }

  #startNext(): void {
    // Whoever came later than those that wait found no place.
    for (const start of this.#waiters) return start();
  }
}

function givenUp(): StoreError {
  return new StoreError("cancelled", "another member has answered");
}

/** The reads of all disks. */
export class DisksReads {
  readonly #clock: Clock;
  readonly #isOut: (disk: DiskId) => boolean;
  readonly #disks = new Map<DiskId, DiskReads>();

  constructor(clock: Clock, isOut: (disk: DiskId) => boolean) {
    this.#clock = clock;
    this.#isOut = isOut;
  }

  of(disk: DiskId): DiskReads {
    const known = this.#disks.get(disk);
    if (known !== undefined) return known;
    const reads = new DiskReads(this.#clock, disk, () => this.#isOut(disk));
    this.#disks.set(disk, reads);
    return reads;
  }

  statistics(): DiskReadStatistics[] {
    return [...this.#disks.values()].map((reads) => reads.statistics());
  }
}
