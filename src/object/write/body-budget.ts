import { StoreError } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import type { Clock } from "../../platform/platform.ts";
import { inPhase, type RequestPhases } from "../request-phases.ts";

/*
 * The budget for the memory that all uploads of a process hold together (C6). An upload holds up to
 * three chunks, one being filled and two on their way to the disk, and 1,024 requests would hold 12
 * GiB.
 *
 * A chunk is paid for in whole before more than a little of it is held, and given back when it is
 * written. An upload that waits holds only chunks that are on their way to the disk, which need
 * nobody: so the budget always comes back, and nothing can lock up. Waiting uploads are not read,
 * and TCP slows their senders. What fits into the little costs nothing and waits for nobody.
 *
 * A slow sender would keep its chunk's share for as long as it takes to fill it (one, not three:
 * its written chunks are given back). So while others wait, a share is held for `turnMsMax`: then
 * what has come of the chunk is written as it is, the share is given back, and the upload takes its
 * turn again. An upload that gets no turn within `waitMsMax` is answered SlowDown, and comes again.
 */

/**
 * @limit 12 chunks, three full batches of a disk: 48 MiB. Their memory is kept and used again, so
 * it is what a front end has for chunks once many uploads came at once.
 */
export const bodiesBytesMax = 12 * chunkBytesMax;
/** @limit Each upload holds so much without a share: 1,024 requests, 64 MiB. */
export const freeBytesPerUpload = 64 * 1024;
/**
 * @limit Uploads that wait: 21 turns of the 12 chunks in the budget. Past it an upload is answered
 * SlowDown at once.
 */
export const waitersMax = 256;
/**
 * @limit The time for a chunk, while others wait: 4 MiB/s. Slower ones make smaller chunks, which
 * costs more records but stops nobody.
 */
export const turnMsMax = 1000;
/**
 * @limit Well below the two minutes after which a silent connection is closed without an answer.
 */
export const waitMsMax = 30_000;

export class BodyBudget {
  readonly #clock: Clock;
  readonly #limiter: Limiter;
  #refused = 0;
  /** The shares held for chunks that are not full yet, and since when; the oldest first. */
  readonly #filling = new Map<BodyShare, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    const what = "bodies of uploads wait for memory";
    this.#limiter = new Limiter({ unitsMax: bodiesBytesMax, waitersMax, what });
  }

  /** Bytes granted. */
  get used(): number {
    return this.#limiter.unitsUsed;
  }

  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Uploads that were answered SlowDown. */
  get refused(): number {
    return this.#refused;
  }

  /** Resolves, in turn, with what gives the bytes back; StoreError `overloaded`. */
  async take(bytes: number): Promise<() => void> {
    const grant = Promise.withResolvers<() => void>();
    let isGranted = false;
    const hold = (): Promise<void> => {
      isGranted = true;
      return new Promise((giveBack) => {
        grant.resolve(giveBack);
      });
    };
    this.#limiter.run(bytes, hold).catch(grant.reject);
    if (isGranted) return grant.promise;
    try {
      await this.#wait(grant.promise);
    } catch (error) {
      this.#refused++;
      throw error;
    }
    return grant.promise;
  }

  /** A chunk of the share's upload is being filled; ended by `filled`. */
  fills(share: BodyShare): void {
    this.#filling.set(share, this.#clock.monotonicMs());
  }

  filled(share: BodyShare): void {
    this.#filling.delete(share);
  }

  #endTurns(): void {
    const before = this.#clock.monotonicMs() - turnMsMax;
    for (const [share, sinceMs] of Array.from(this.#filling)) {
      if (sinceMs <= before) share.endTurn();
    }
  }

  async #wait(grant: Promise<() => void>): Promise<void> {
    const waited = new AbortController();
    const late = async (): Promise<void> => {
      for (let ms = 0; ms < waitMsMax; ms += turnMsMax) {
        await this.#clock.sleep(turnMsMax, waited.signal);
        if (waited.signal.aborted) return;
        this.#endTurns();
      }
      throw new StoreError("overloaded", `no upload memory was free for ${waitMsMax / 1000} s`);
    };
    try {
      await Promise.race([grant, late()]);
    } catch (error) {
      // Its turn may still come.
      grant.then(
        (giveBack) => {
          giveBack();
        },
        () => undefined,
      );
      throw error;
    } finally {
      waited.abort();
    }
  }
}

/** The share of the budget that one upload has taken. */
export class BodyShare {
  readonly #budget: BodyBudget;
  readonly #onTurnOver: () => void;
  readonly #phases: RequestPhases | undefined;
  readonly #taken = new Set<() => void>();
  /** Releases the memory of the chunk being filled. */
  #filling: (() => void) | undefined;

  /**
   * @param onTurnOver others wait, and this upload fills its chunk slowly: it hands over what it
   * has.
   *   Without it, the upload keeps its share.
   */
  constructor(
    budget: BodyBudget,
    onTurnOver: () => void = () => undefined,
    phases?: RequestPhases,
  ) {
    this.#budget = budget;
    this.#onTurnOver = onTurnOver;
    this.#phases = phases;
  }

  /**
   * Before more is read: of a chunk of so many bytes this many are held. A promise where that has
   * to wait.
   */
  cover(heldBytes: number, chunkBytes = heldBytes): Promise<void> | undefined {
    if (this.#filling !== undefined || heldBytes <= freeBytesPerUpload) return undefined;
    return this.#take(chunkBytes);
  }

  async #take(chunkBytes: number): Promise<void> {
    const take = () => this.#budget.take(chunkBytes);
    const giveBack = await inPhase(this.#phases, "admission", take);
    this.#taken.add(giveBack);
    this.#filling = giveBack;
    this.#budget.fills(this);
  }

  /** The budget's. */
  endTurn(): void {
    this.#onTurnOver();
  }

  /** The chunk is full: what is returned is to be called when it is written. */
  handOver(): () => void {
    const giveBack = this.#filling;
    this.#filling = undefined;
    this.#budget.filled(this);
    return () => {
      if (giveBack === undefined) return;
      this.#taken.delete(giveBack);
      // holds: C6 share-given-back
      giveBack();
    };
  }

  /** The upload has ended, one way or the other, and nothing of it is being written. */
  close(): void {
    this.#budget.filled(this);
    for (const giveBack of this.#taken) giveBack();
  }
}
