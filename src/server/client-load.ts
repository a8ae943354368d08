import type { Clock, Service } from "../platform/platform.ts";
import type { AskOthers } from "./tree-questions.ts";

/** @limit Time from one question to the next. */
const askEveryMs = 1_000;
/** @limit Front ends are asked for as long as somebody looked within this time. */
const wantedMs = 5_000;

interface Answers {
  readonly atMs: number;
  /** Time with requests under way, by process. */
  readonly busyMs: ReadonlyMap<string, number>;
}

/**
 * The part of the last second or so in which clients had requests under way, by what front ends
 * say. They are asked only while background work moves something.
 */
export class ClientLoad implements Service {
  readonly name = "client load";
  readonly #clock: Clock;
  readonly #askOthers: AskOthers;
  #wantedAtMs = Number.NEGATIVE_INFINITY;
  #last: Answers | undefined;
  #share = 1;

  constructor(clock: Clock, askOthers: AskOthers) {
    this.#clock = clock;
    this.#askOthers = askOthers;
  }

  /** 0 to 1; 1 until it is known. */
  get share(): number {
    this.#wantedAtMs = this.#clock.monotonicMs();
    return this.#share;
  }

  /** The same, for those who only watch. */
  get lastKnown(): number {
    return this.#share;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await this.#clock.sleep(askEveryMs, signal);
    }
  }

  /** Asks, if the answer is wanted. */
  async look(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#wantedAtMs > wantedMs) {
      this.#last = undefined;
      this.#share = 1;
      return;
    }
    const answers = await this.#askOthers({ kind: "load" });
    const busyMs = new Map(
      answers.flatMap(({ process, answer }) =>
        answer.busyMs === undefined ? [] : [[process, answer.busyMs] as const],
      ),
    );
    const now = { atMs: this.#clock.monotonicMs(), busyMs };
    if (this.#last !== undefined) this.#share = shareBetween(this.#last, now);
    this.#last = now;
  }
}

/** A front end that did not answer, or has begun since, is taken to be busy. */
function shareBetween(before: Answers, now: Answers): number {
  const tookMs = now.atMs - before.atMs;
  if (now.busyMs.size === 0 || tookMs <= 0) return 1;
  let busyMs = 0;
  for (const process of new Set([...before.busyMs.keys(), ...now.busyMs.keys()])) {
    const was = before.busyMs.get(process);
    const is = now.busyMs.get(process);
    busyMs += was === undefined || is === undefined || is < was ? tookMs : is - was;
  }
  return Math.min(1, busyMs / tookMs);
}
