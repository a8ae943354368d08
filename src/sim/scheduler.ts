import { assert, must } from "../base/assert.ts";

/*
 * The simulator's only source of progress. Whatever takes time (a disk, the engine, a sleep)
 * completes as an event in one queue; an event fires only when all code that could run has run, and
 * only then does the clock go on, straight to the next event. JavaScript runs microtasks first in,
 * first out, so between two events nothing is left to chance.
 *
 * Running all microtasks needs the host: `turn` resolves once they are all done (setImmediate). It
 * comes from outside, for this folder cannot see the host.
 */

export type Turn = () => Promise<void>;

export interface ScheduledEvent {
  readonly atMs: number;
  cancelled: boolean;
}

interface QueuedEvent extends ScheduledEvent {
  readonly sequence: number;
  run(): void;
}

export class Scheduler {
  readonly #turn: Turn;
  readonly #queue: QueuedEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #events = 0;
  #trace = 0x811c9dc5;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  /**
   * A hash over all that was noted: equal for two runs of one seed, or something escaped the
   * simulation.
   */
  get traceHash(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, "0");
  }

  /** FNV-1a over UTF-16 units; only ever compared with itself. */
  note(text: string): void {
    let hash = this.#trace;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#trace = Math.imul(hash ^ Math.floor(this.#nowMs * 1000), 0x01000193);
  }

  after(delayMs: number, run: () => void): ScheduledEvent {
    assert(delayMs >= 0, "an event in the past");
    const atMs = this.#nowMs + delayMs;
    const event = { atMs, sequence: this.#sequence++, cancelled: false, run };
    this.#push(event);
    return event;
  }

  /**
   * Fires events until `done`; false where nothing is left to happen, or `limitMs` has come, and it
   * is not.
   */
  async runUntil(done: () => boolean, limitMs: number): Promise<boolean> {
    for (;;) {
      await this.#turn();
      if (done()) return true;
      const event = this.#pop(limitMs);
      if (event === undefined) return false;
      this.#nowMs = event.atMs;
      this.#events++;
      event.run();
    }
  }

  #push(event: QueuedEvent): void {
    const queue = this.#queue;
    let at = queue.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(queue[parent]!, event)) break;
      queue[at] = queue[parent]!;
      at = parent;
    }
    queue[at] = event;
  }

  /**
   * Takes out the next event that is not cancelled; undefined where there is none until `limitMs`.
   */
  #pop(limitMs: number): QueuedEvent | undefined {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined || first.atMs > limitMs) return undefined;
      const last = must(this.#queue.pop(), "the queue is not empty");
      if (first !== last) this.#sink(last);
      if (!first.cancelled) return first;
    }
  }

  /** Puts `event` where the first one was, and down to its place. */
  #sink(event: QueuedEvent): void {
    const queue = this.#queue;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child++;
      if (isBefore(event, queue[child]!)) break;
      queue[at] = queue[child]!;
      at = child;
    }
    queue[at] = event;
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
