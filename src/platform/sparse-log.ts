import type { LogFields, LogLevel, Platform } from "./platform.ts";

/** @limit Lines of one event and subject are so far apart: enough to see that it goes on. */
export const sparseLogMs = 60_000;
/** @limit Subjects remembered at a time, some 100 bytes each; past it all may be logged again. */
const subjectsMax = 1024;

/**
 * Logs what happens again and again while its cause lasts, such as reads of extents on a disk that
 * is away: of each subject one line at once, and then one a minute at the most. `more` says how
 * many were left out since the last line.
 */
export class SparseLog {
  readonly #platform: Pick<Platform, "clock" | "log">;
  readonly #said = new Map<string, { readonly atMs: number; more: number }>();

  constructor(platform: Pick<Platform, "clock" | "log">) {
    this.#platform = platform;
  }

  log(level: LogLevel, event: string, subject: string, fields: LogFields): void {
    const { clock, log } = this.#platform;
    const key = `${event} ${subject}`;
    const last = this.#said.get(key);
    if (last !== undefined && clock.monotonicMs() - last.atMs < sparseLogMs) {
      last.more++;
      return;
    }
    if (this.#said.size >= subjectsMax) this.#said.clear();
    this.#said.set(key, { atMs: clock.monotonicMs(), more: 0 });
    const more = last?.more ?? 0;
    log(level, event, more === 0 ? fields : { ...fields, more });
  }
}
