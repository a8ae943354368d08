import type { Clock } from "../../platform/platform.ts";

interface Alarm {
  readonly atMs: number;
  readonly fire: () => void;
}

/**
 * Calls back after a time, for many that are mostly called off: one timer for all of them, since
 * one for each read would cost more than the read's look-up.
 */
export class Alarms {
  readonly #clock: Clock;
  readonly #alarms = new Set<Alarm>();
  #closing = new AbortController();
  /** What the one timer waits for. */
  #nextMs = Infinity;
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fire` once after so long, unless what is returned was called before. */
  after(ms: number, fire: () => void): () => void {
    const alarm = { atMs: this.#clock.monotonicMs() + ms, fire };
    this.#alarms.add(alarm);
    if (alarm.atMs < this.#nextMs) this.#wake.abort();
    this.#running ??= this.#run();
    return () => this.#alarms.delete(alarm);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#alarms.clear();
    this.#wake.abort();
    await this.#running;
  }

  /** Runs while there is any alarm. */
  async #run(): Promise<void> {
    while (this.#alarms.size > 0 && !this.#closing.signal.aborted) {
      this.#nextMs = Math.min(...Array.from(this.#alarms, ({ atMs }) => atMs));
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      const restMs = this.#nextMs - this.#clock.monotonicMs();
      if (restMs > 0) await this.#clock.sleep(restMs, this.#wake.signal);
      // A process that had to wait for a core finds answers there: they are handed on first.
      await this.#clock.turn();
      const nowMs = this.#clock.monotonicMs();
      for (const alarm of Array.from(this.#alarms)) {
        if (alarm.atMs > nowMs) continue;
        this.#alarms.delete(alarm);
        alarm.fire();
      }
    }
    this.#nextMs = Infinity;
    this.#running = undefined;
  }
}
