/*
 * How long we wait for peers. One timer looks at all who are waited for, so that a request costs no timer of its own;
 * time in which we are the slow side (a disk, a full budget) is not held against the peer.
 */

export interface Pace {
  /** In so much time of waiting for the peer … */
  readonly windowMs: number;
  /** … at least this many bytes must move. */
  readonly bytesMin: number;
}

/** Looks at a peer in each window: the cut comes at most an eighth late. */
const looksPerWindow = 8;

/** One direction of one exchange. */
export class Transfer {
  readonly #watch: PeerWatch;
  readonly #pace: Pace;
  readonly #onStalled: () => void;
  #waitedMs = 0;
  #bytes = 0;

  /** @param onStalled called once, when the peer was too slow. */
  constructor(watch: PeerWatch, pace: Pace, onStalled: () => void) {
    this.#watch = watch;
    this.#pace = pace;
    this.#onStalled = onStalled;
  }

  /** From now on it is the peer who is waited for. */
  wait(): void {
    this.#watch.add(this);
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The peer is not waited for any more. */
  rest(): void {
    this.#watch.remove(this);
  }

  /** The watch's: so much time has gone by. */
  passed(ms: number): void {
    this.#waitedMs += ms;
    if (this.#waitedMs < this.#pace.windowMs) return;
    const stalled = this.#bytes < this.#pace.bytesMin;
    this.#waitedMs = 0;
    this.#bytes = 0;
    if (!stalled) return;
    this.rest();
    this.#onStalled();
  }
}

export class PeerWatch {
  readonly #waitedFor = new Set<Transfer>();
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param windowMs the shortest there is. */
  constructor(windowMs: number) {
    this.#lookMs = windowMs / looksPerWindow;
  }

  get count(): number {
    return this.#waitedFor.size;
  }

  add(transfer: Transfer): void {
    this.#waitedFor.add(transfer);
    this.#timer ??= setInterval(() => this.#look(), this.#lookMs).unref();
  }

  remove(transfer: Transfer): void {
    this.#waitedFor.delete(transfer);
  }

  #look(): void {
    if (this.#waitedFor.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    for (const transfer of this.#waitedFor) transfer.passed(this.#lookMs);
  }
}
