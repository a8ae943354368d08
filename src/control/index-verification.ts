import type { Engine, Verification, VerifyReport } from "../engine/engine.ts";
import type { IndexDamage } from "../engine/index-damage.ts";
import type { IndexDamageMark } from "../format/data-directory.ts";
import type { Platform } from "../platform/platform.ts";
import { type StepOutcome, type Task, withStep } from "./task-loop.ts";

/*
 * The index is verified some time after the start, then on a schedule, and at once where somebody
 * has seen damage. Until one of these found all of it good, nothing is reclaimed that the index
 * says is dead.
 */

/** @limit Time from the start: before that, sessions are fenced and extents sealed. */
const firstMs = 30_000;
/**
 * @limit Time after a verification that found damage, which seldom heals; an index can be large.
 */
const againMs = 3_600_000;

export interface IndexVerificationOptions {
  readonly platform: Platform;
  readonly engines: ReadonlyMap<string, Engine>;
  readonly damage: IndexDamage;
  /** Time from the end of one verification to the next. */
  readonly everyMs: number;
}

export interface VerificationStatistics {
  /** Rows read by the verification under way. */
  readonly rowsSoFar: number;
  readonly isUnderWay: boolean;
  readonly finished: number;
  /** The last that came to its end. */
  readonly last:
    | { readonly endedMs: number; readonly rows: number; readonly problems: number }
    | undefined;
  /** True if there was a mark of damage when it was looked for last. */
  readonly isMarked: boolean;
}

interface Round {
  readonly mark: IndexDamageMark | undefined;
  readonly engines: { readonly name: string; readonly verification: Verification }[];
  rows: number;
  problems: number;
}

export class IndexVerification implements Task {
  readonly name = "index verification";
  readonly #options: IndexVerificationOptions;
  #notBeforeMs: number;
  #round: Round | undefined;
  #rowsSoFar = 0;
  #finished = 0;
  #last: VerificationStatistics["last"];
  #isMarked = false;

  constructor(options: IndexVerificationOptions) {
    this.#options = options;
    const { platform, everyMs } = options;
    this.#notBeforeMs = platform.clock.monotonicMs() + Math.min(firstMs, everyMs);
  }

  statistics(): VerificationStatistics {
    return {
      rowsSoFar: this.#rowsSoFar,
      isUnderWay: this.#round !== undefined,
      finished: this.#finished,
      last: this.#last,
      isMarked: this.#isMarked,
    };
  }

  /** Takes one step of one engine's verification. */
  async step(): Promise<StepOutcome> {
    const mark = await this.#options.damage.mark();
    this.#isMarked = mark !== undefined;
    const round = this.#round ?? this.#begin(mark);
    if (round === undefined) return "idle";
    this.#round = undefined; // one that throws is not gone on with
    const [current] = round.engines;
    if (current === undefined) {
      await this.#end(round);
      return "idle";
    }
    const { done, value } = await current.verification.next();
    this.#rowsSoFar = round.rows + value.rows;
    if (done === true) {
      round.engines.shift();
      this.#note(current.name, round, value);
    }
    this.#round = round;
    return "busy";
  }

  #begin(mark: IndexDamageMark | undefined): Round | undefined {
    const { platform, engines } = this.#options;
    const isSuspected = mark !== undefined && (this.#last?.problems ?? 0) === 0;
    if (!isSuspected && platform.clock.monotonicMs() < this.#notBeforeMs) return undefined;
    const verifiable = [...engines].flatMap(([name, engine]) => {
      const verification = engine.verify?.();
      return verification === undefined ? [] : [{ name, verification }];
    });
    this.#rowsSoFar = 0;
    platform.log("info", "index_verification_started", { reason: mark?.message ?? "schedule" });
    return { mark, engines: verifiable, rows: 0, problems: 0 };
  }

  #note(engine: string, round: Round, report: VerifyReport): void {
    const { platform, damage } = this.#options;
    round.rows += report.rows;
    round.problems += report.problemCount;
    for (const { message } of report.problems) {
      platform.log("error", "index_problem", { engine, message });
    }
    const [first] = report.problems;
    if (first === undefined) return;
    damage.seen(`verification found ${report.problemCount} problems: ${first.message}`);
  }

  async #end({ mark, rows, problems }: Round): Promise<void> {
    const { platform, damage, everyMs } = this.#options;
    const { clock, log } = platform;
    if (problems === 0 && mark !== undefined) await damage.clear(mark);
    this.#isMarked = (await damage.mark()) !== undefined;
    this.#finished++;
    this.#last = { endedMs: clock.now(), rows, problems };
    const waitMs = problems === 0 ? everyMs : Math.min(everyMs, againMs);
    this.#notBeforeMs = clock.monotonicMs() + waitMs;
    log(problems === 0 ? "info" : "error", "index_verified", { rows, problems });
  }
}

/**
 * Wraps a task that reclaims space: it does nothing while the index is known to be damaged (C9).
 */
export function whileIndexIsGood(damage: IndexDamage, task: Task): Task {
  return withStep(task, async (signal) => {
    // holds: C9 nothing-reclaimed-while-damaged
    if ((await damage.mark()) !== undefined) return "throttled";
    return task.step(signal);
  });
}
