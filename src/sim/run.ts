import { messageOf } from "../base/errors.ts";
import type { Hash } from "../platform/hash.ts";
import { createSimClock } from "./clock.ts";
import type { Fault } from "./faults.ts";
import { excusesOf, planFaults } from "./faults.ts";
import { History, Violation } from "./history.ts";
import { KnownVersions } from "./known-versions.ts";
import { Machine } from "./machine.ts";
import { Nemesis } from "./nemesis.ts";
import { SeededRandom } from "./random.ts";
import type { Turn } from "./scheduler.ts";
import { Scheduler } from "./scheduler.ts";
import { Values } from "./values.ts";
import { checkGivenBack, judge } from "./judge.ts";
import { bucketNames, keyNames, prepare, runClient } from "./workload.ts";
import type { WorkloadContext } from "./workload/context.ts";
import { ClientSession } from "./workload/context.ts";

/*
 * One run: a machine, its clients and what goes wrong, all from one seed. Front ends and background
 * worker are those of production; disks, index, clock and processes are simulated. Afterwards
 * everything is healed, and judged.
 */

export interface SimHost {
  readonly turn: Turn;
  readonly hash: Hash;
}

export interface SeedReport {
  readonly seed: number;
  /** Equal for two runs of a seed. */
  readonly traceHash: string;
  readonly operations: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly crashes: number;
  /** Counts of the commits and writes that crashes cut, by role and point. */
  readonly cuts: ReadonlyMap<string, number>;
  /** How often each point was passed. */
  readonly points: ReadonlyMap<string, number>;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Keys whose history the judge could not decide within its bound. */
  readonly undecided: number;
}

export const operationsMin = 200;
const clients = 4;
/** A run that has not ended by then hangs … */
const virtualMsMax = 24 * 3_600_000;
/** … or spins: most need a tenth of this. */
const eventsMax = 150_000;

/**
 * Runs one seed to its end; throws Violation, with how to repeat it, where a promise was broken.
 */
export async function runSeed(seed: number, host: SimHost): Promise<SeedReport> {
  const run = new Run(seed, host);
  try {
    return await run.run();
  } catch (error) {
    const lines = run.machine.logLines.join("\n");
    const repeat = `npm run soak -- sim --seed ${seed}`;
    const message = `seed ${seed}: ${messageOf(error)}\nrepeat it with: ${repeat}\n${lines}`;
    throw new Violation(message, { cause: error });
  }
}

class Run {
  readonly machine: Machine;
  readonly #seed: number;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #history = new History();
  readonly #context: WorkloadContext;
  readonly #faults: Fault[];
  readonly #nemesis: Nemesis;
  #operations = 0;

  constructor(seed: number, { turn, hash }: SimHost) {
    this.#seed = seed;
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#scheduler = new Scheduler(turn);
    const unknownShare = random.pick([0, 0, 0.01]);
    const waitingCommitsMax = random.pick([1024, 1024, 1024, 2]);
    this.machine = new Machine({
      scheduler: this.#scheduler,
      random: random.fork(),
      hash,
      disks: random.between(1, 3),
      extentBytes: random.pick([32, 64, 256]) * 1024,
      stallShare: random.pick([0, 0, 0.001, 0.01]),
      unknownShare,
      waitingCommitsMax,
    });
    this.#faults = planFaults(random.fork());
    const excused = new Set(excusesOf(this.#faults));
    // The index is asked what became of a commit, but cannot always say.
    if (unknownShare > 0) excused.add("unavailable").add("unknown");
    if (waitingCommitsMax < clients) excused.add("overloaded");
    this.#nemesis = new Nemesis(this.machine, random.fork());
    this.#context = {
      machine: this.machine,
      history: this.#history,
      values: new Values(hash, seed),
      versions: new KnownVersions(),
      tagged: new Set(),
      isVersioned: random.chance(0.6),
      buckets: bucketNames,
      keys: keyNames,
      excused,
      outcomes: new Map(),
      deletions: new Set(),
      largeLeft: random.chance(0.1) ? 3 : 0,
      onOperation: () => this.#onOperation(),
    };
  }

  async run(): Promise<SeedReport> {
    let outcome: { readonly error: unknown } | undefined;
    void this.#script().then(
      () => {
        outcome = { error: undefined };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    const isOver = () =>
      outcome !== undefined ||
      this.machine.fatal !== undefined ||
      this.#scheduler.events > eventsMax;
    const ended = await this.#scheduler.runUntil(isOver, virtualMsMax);
    if (this.machine.fatal !== undefined) throw this.machine.fatal;
    if (outcome?.error !== undefined) throw outcome.error;
    if (!ended || outcome === undefined) {
      const { nowMs, events } = this.#scheduler;
      throw new Violation(`does not end: at ${nowMs.toFixed(0)} ms, after ${events} events`);
    }
    return this.#report();
  }

  async #script(): Promise<void> {
    await this.machine.install();
    await prepare(this.#session("first"));
    const isOver = () => this.#operations >= operationsMin;
    await Promise.all(
      Array.from({ length: clients }, (_, index) =>
        runClient(this.#session(`client${index + 1}`), isOver),
      ),
    );
    await checkGivenBack(this.machine);
    await this.#judge();
  }

  async #judge(): Promise<void> {
    this.#nemesis.heal();
    // A session that does not know what became of a commit keeps its extents until it ends.
    if (this.#random.chance(0.7)) this.machine.cutPower();
    else for (const running of this.machine.running) this.machine.stop(running);
    await judge(this.#session("judge"));
  }

  #session(name: string): ClientSession {
    const { process } = this.machine.newProcess(name);
    const clock = createSimClock(process, this.#scheduler, this.machine.wall);
    const random = this.#random.fork();
    return new ClientSession({
      context: this.#context,
      random,
      name,
      sleep: (ms) => clock.sleep(ms),
    });
  }

  /** Faults are spread over the run. */
  #onOperation(): void {
    this.#operations++;
    const share = Math.floor(operationsMin / (this.#faults.length + 1));
    const fault = this.#faults[this.#operations / share - 1];
    if (fault !== undefined) {
      this.#nemesis.strike(fault).catch((error: unknown) => this.machine.fail(error));
    }
  }

  #report(): SeedReport {
    const { machine } = this;
    const faults = this.#nemesis.counts;
    return {
      seed: this.#seed,
      traceHash: this.#scheduler.traceHash,
      operations: this.#operations,
      events: this.#scheduler.events,
      virtualMs: this.#scheduler.nowMs,
      crashes: machine.crashes,
      cuts: machine.cuts,
      points: machine.points,
      outcomes: this.#context.outcomes,
      faults,
      undecided: this.#history.undecided,
    };
  }
}
