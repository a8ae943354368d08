import type { ProcessEntry } from "../platform/process-table.ts";

/*
 * When a worker that is no longer heard of counts as hung. Each worker says from its event loop,
 * every second, that it goes on. Two things look like a hang and are none:
 *
 * - The supervisor itself stood still (a laptop that slept, a stopped process). So silence is
 *   counted in looks that the supervisor took, not in time that passed.
 * - The machine is overloaded, and the worker waits for a core or a disk. To kill it would cost the
 *   machine more, and the next worker would fare no better. So a worker that is runnable and was
 *   given little of a core has longer.
 */

/** @limit Time between a worker's signs of life. */
export const aliveEveryMs = 1_000;
/** @limit Time between looks at the silence of a worker. */
export const lookMs = 500;
/** @limit A worker that starts opens the index in one go, which takes its time on a slow disk. */
export const startSilenceMs = 60_000;
/** @limit A worker that waits for a core or a disk may be silent so many times as long. */
const starvedTimesMax = 4;
/** @limit After so much silence the worker's use of a core is measured. */
const measuredFromMs = 2_000;
/**
 * @limit The share of a core, over the time measured: a process with less starves, one with more is
 * in a loop.
 */
const spinningShareMin = 0.5;

export interface SilenceOptions {
  /** A worker silent for so long is hung. */
  readonly limitMs: number;
  readonly read: () => ProcessEntry | undefined;
}

/** The silence of one worker process, asked about every `lookMs`. */
export class Silence {
  readonly #options: SilenceOptions;
  #looks = 0;
  #isStarting = true;
  #cpuMsBefore = 0;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** Called when the worker gave a sign of life. */
  heard(): void {
    this.#looks = 0;
  }

  /** Called when the worker has opened the index and serves. */
  started(): void {
    this.#isStarting = false;
  }

  /** Called every `lookMs`. Says why the worker counts as hung, or nothing. */
  look(): string | undefined {
    this.#looks++;
    const { limitMs, read } = this.#options;
    const silentMs = this.#looks * lookMs;
    if (silentMs === measuredFromMs) this.#cpuMsBefore = read()?.cpuMs ?? 0;
    if (silentMs < limitMs) return undefined;
    const entry = read();
    const limit = this.#isHung(entry, silentMs) ? limitMs : this.#lastLimitMs();
    if (silentMs < limit) return undefined;
    return `silent for ${silentMs / 1000} s, state ${entry?.state ?? "not known"}`;
  }

  #lastLimitMs(): number {
    const longest = this.#options.limitMs * starvedTimesMax;
    return this.#isStarting ? Math.max(longest, startSilenceMs) : longest;
  }

  #isHung(entry: ProcessEntry | undefined, silentMs: number): boolean {
    const state = entry?.state.toUpperCase();
    if (state === "T") return true;
    if (this.#isStarting) return false;
    if (entry === undefined || (state !== "R" && state !== "D")) return true;
    const measuredMs = silentMs - measuredFromMs;
    return entry.cpuMs - this.#cpuMsBefore >= measuredMs * spinningShareMin;
  }
}
