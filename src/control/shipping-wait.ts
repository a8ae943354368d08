import { encodeUtf8 } from "../base/bytes.ts";
import type { Platform } from "../platform/platform.ts";
import { SparseLog } from "../platform/sparse-log.ts";

/*
 * What was freed stays until the commit that freed it is shipped (decision 25). So whatever the
 * index names that is in the other place, its files are there, although it lacks what was committed
 * last. Commits wait for nothing of this, and what is freed only for a limited time: a place that
 * is away for long must not fill the disks.
 */

/**
 * @limit A place that is an hour behind is taken to be away, and nothing is kept for it any more:
 * so what waits is what was freed in an hour at the most.
 */
export const shippingLagMsMax = 3_600_000;
/**
 * @limit What waits at a time, 100 bytes each, however long its name is: 6.5 MB. The wait of others
 * begins when some of it is over.
 */
const waitingMax = 65_536;

/** What ships the index (shipping/index-shipping.ts). */
export interface ShippedIndex {
  readonly statistics: {
    readonly target: string;
    /** The last commit that was shipped; undefined before the first. */
    readonly sequence: number | undefined;
    /** What was committed so long ago is shipped. */
    readonly lagMs: number;
  };
  /** The last commit that has happened. */
  committedNow(): Promise<number>;
}

export interface ShippingWaitOptions {
  readonly platform: Pick<Platform, "clock" | "hash" | "log">;
  /** Undefined where the index is shipped nowhere: nothing waits. */
  readonly shipping?: ShippedIndex | undefined;
}

export interface ShippingWaitStatistics {
  /** Bytes of files that only wait for this. */
  readonly bytes: number;
  /** True while nothing is kept, since the place is too far behind. */
  readonly isGivenUp: boolean;
}

interface Waiting {
  /** A commit that was made after what freed it, or is that. */
  readonly sequence: number;
  readonly bytes: number;
}

export class ShippingWait {
  readonly #options: ShippingWaitOptions;
  /** The keys are digests of names. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #log: SparseLog;

  constructor(options: ShippingWaitOptions) {
    this.#options = options;
    this.#log = new SparseLog(options.platform);
  }

  /** Undefined where the index is shipped nowhere. */
  get statistics(): ShippingWaitStatistics | undefined {
    if (this.#options.shipping === undefined) return undefined;
    const left = [...this.#waiting.values()].filter(({ sequence }) => sequence > this.#shipped);
    return {
      bytes: left.reduce((sum, { bytes }) => sum + bytes, 0),
      isGivenUp: this.#isGivenUp,
    };
  }

  /**
   * True if what has this name, and was freed before this is called for the first time, may go;
   * asked again and again, until `forget`.
   */
  async isOver(name: string, bytes: number): Promise<boolean> {
    const { shipping } = this.#options;
    if (shipping === undefined) return true;
    // holds: C6 kept-for-shipping-within-a-limit
    if (this.#isGivenUp) return this.#giveUp(shipping.statistics);
    const key = this.#keyOf(name);
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      if (this.#waiting.size >= waitingMax) this.#forgetShipped();
      if (this.#waiting.size >= waitingMax) return false;
      waiting = { sequence: await shipping.committedNow(), bytes };
      this.#waiting.set(key, waiting);
    }
    return waiting.sequence <= this.#shipped;
  }

  /** Called when it goes. */
  forget(name: string): void {
    this.#waiting.delete(this.#keyOf(name));
  }

  /** 16 characters of a byte each: what leaves an extent of many shards has a name of 500. */
  #keyOf(name: string): string {
    const digest = this.#options.platform.hash.digest("xxhash128", encodeUtf8(name));
    return String.fromCharCode(...digest);
  }

  get #shipped(): number {
    return this.#options.shipping?.statistics.sequence ?? 0;
  }

  get #isGivenUp(): boolean {
    return (this.#options.shipping?.statistics.lagMs ?? 0) > shippingLagMsMax;
  }

  #giveUp({ target, lagMs }: ShippedIndex["statistics"]): true {
    this.#waiting.clear();
    const seconds = Math.round(lagMs / 1000);
    this.#log.log("warn", "freed_before_it_is_shipped", "", { to: target, lagSeconds: seconds });
    return true;
  }

  /** Forgets what went without a word, as with its row. */
  #forgetShipped(): void {
    const shipped = this.#shipped;
    for (const [key, { sequence }] of this.#waiting) {
      if (sequence <= shipped) this.#waiting.delete(key);
    }
  }
}
