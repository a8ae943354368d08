import { StoreError } from "../base/errors.ts";
import { Limiter } from "../base/limiter.ts";
import { chunkBytesMax } from "../format/limits.ts";
import type { Clock } from "../platform/clock.ts";

/*
 * What the bodies under way may hold of a process's memory together (C6). An upload holds up to three
 * chunks, one being filled and two on their way to the disk, and 1,024 requests would hold 12 GiB.
 *
 * A chunk is paid for in whole before more than a little of it is held, and given back when it is
 * written. Whoever waits holds only chunks that are on their way to the disk, which need nobody: so
 * the budget always comes back, and nothing can lock up. Waiting uploads are not read, and TCP slows
 * their senders. What fits into the little costs nothing and waits for nobody.
 *
 * A slow sender keeps its chunk's share for as long as it takes to fill it (one, not three: its
 * written chunks are given back). So many slow senders make others wait, but not for ever: after
 * `waitMsMax` a waiting upload is told to slow down, and comes again.
 */

/**
 * 24 chunks, six full batches of a disk: 96 MiB. A front end of 55 MB came to twice that above it
 * under 32 uploads at once, as buffers that are done with live on until they are collected.
 */
export const bodiesBytesMax = 24 * chunkBytesMax;
/** Held without being paid for: 1,024 requests, 64 MiB. */
export const littleBytesMax = 64 * 1024;
/** Ten turns of the budget; past that an upload is told at once. */
export const waitersMax = 256;
/** Well below the two minutes after which a silent connection is closed without an answer. */
export const waitMsMax = 30_000;

export class BodyBudget {
  readonly #clock: Clock;
  readonly #limiter: Limiter;

  constructor(clock: Clock) {
    this.#clock = clock;
    const what = "bodies of uploads wait for memory";
    this.#limiter = new Limiter({ unitsMax: bodiesBytesMax, waitersMax, what });
  }

  /** Resolves, in turn, with what gives the bytes back; StoreError `overloaded`. */
  async take(bytes: number): Promise<() => void> {
    const grant = Promise.withResolvers<() => void>();
    let isGranted = false;
    const task = (): Promise<void> => {
      isGranted = true;
      return new Promise((giveBack) => {
        grant.resolve(giveBack);
      });
    };
    this.#limiter.run(bytes, task).catch(grant.reject);
    if (!isGranted) await this.#wait(grant.promise);
    return grant.promise;
  }

  async #wait(grant: Promise<() => void>): Promise<void> {
    const waited = new AbortController();
    const late = async (): Promise<void> => {
      await this.#clock.sleep(waitMsMax, waited.signal);
      if (waited.signal.aborted) return;
      throw new StoreError("overloaded", `no memory for a body within ${waitMsMax / 1000} s`);
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

/** What one upload has taken of the budget. */
export class BodyShare {
  readonly #budget: BodyBudget;
  readonly #taken = new Set<() => void>();
  /** For the chunk being filled. */
  #filling: (() => void) | undefined;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /** Before more is read: of a chunk of so many bytes this many are held. */
  async cover(heldBytes: number, chunkBytes = heldBytes): Promise<void> {
    if (this.#filling !== undefined || heldBytes <= littleBytesMax) return;
    const giveBack = await this.#budget.take(chunkBytes);
    this.#taken.add(giveBack);
    this.#filling = giveBack;
  }

  /** The chunk is full: what is returned is to be called when it is written. */
  handOver(): () => void {
    const giveBack = this.#filling;
    this.#filling = undefined;
    return () => {
      if (giveBack === undefined) return;
      this.#taken.delete(giveBack);
      giveBack();
    };
  }

  /** The upload has ended, one way or the other, and nothing of it is being written. */
  close(): void {
    for (const giveBack of this.#taken) giveBack();
  }
}
