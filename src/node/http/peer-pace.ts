/*
 * How long we wait for a peer. Time in which we are the slow side (a disk, a full budget) is not
 * held against it. The connection tells how time passes, for all of them by one timer, so that a
 * request costs no timer of its own.
 */

export interface Pace {
  /** The waiting time after which a peer is judged, by what moved in it. */
  readonly windowMs: number;
  /** The bytes that must move in it. */
  readonly bytesMin: number;
}

/** One direction of one connection. */
export class PeerPace {
  readonly #pace: Pace;
  #waitedMs = 0;
  #bytes = 0;
  #isWaiting = false;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** True while the peer is waited for. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Begins to wait for the peer. */
  wait(): void {
    this.#isWaiting = true;
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The peer is not waited for any more. */
  rest(): void {
    this.#isWaiting = false;
  }

  /** Called as time goes by. True where the peer was too slow: it is not waited for any more. */
  passed(ms: number): boolean {
    if (!this.#isWaiting) return false;
    this.#waitedMs += ms;
    if (this.#waitedMs < this.#pace.windowMs) return false;
    const isStalled = this.#bytes < this.#pace.bytesMin;
    this.#waitedMs = 0;
    this.#bytes = 0;
    if (isStalled) this.rest();
    return isStalled;
  }
}
