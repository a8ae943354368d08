import { messageOf } from "../base/errors.ts";
import { standardClass } from "../format/storage-class.ts";
import type { Hash } from "../platform/hash.ts";
import { createSimClock } from "./clock.ts";
import type { Fault } from "./faults.ts";
import { excusesOf, planFaults } from "./faults.ts";
import { History, Violation } from "./history.ts";
import { KnownVersions } from "./known-versions.ts";
import { Machine } from "./machine.ts";
import { planFleet } from "./machine-disks.ts";
import { Nemesis } from "./nemesis.ts";
import { SeededRandom } from "../platform/seeded-random.ts";
import type { Turn } from "./scheduler.ts";
import { Scheduler } from "./scheduler.ts";
import { Values } from "./values.ts";
import { checkGivenBack, judge } from "./judge.ts";
import { judgeRestored } from "./judge-restored.ts";
import { NotedMoments, operationsPerMoment, planWindow } from "./restore-window.ts";
import { bucketNames, keyNames, prepare, runClient } from "./workload.ts";
import { makeSchemeChoices } from "./workload/scheme-choice.ts";
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
  /** How often processes logged each event. */
  readonly logged: ReadonlyMap<string, number>;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Keys whose history the judge could not decide within its bound. */
  readonly undecided: number;
  /** The index was restored to an earlier time in the end, and judged. */
  readonly isRestored: boolean;
}

export const operationsMin = 200;
const clients = 4;
/** A run that has not ended by then hangs … */
const virtualMsMax = 24 * 3_600_000;
/** … or spins: most need a tenth of this, those of fleets a third of theirs. */
const eventsMax = 150_000;
const fleetEventsMax = 300_000;

/**
 * Half of the seeds have an index with a log. Those that find the planted bugs of before have none,
 * so that they go as they went.
 */
export const loggedSeedsFrom = 1000;

function isLoggedSeed(seed: number): boolean {
  return seed >= loggedSeedsFrom && seed % 2 === 0;
}

/** A tenth of the seeds from there on, which are of fleets, keep what was freed for a restore. */
export const windowSeedsFrom = 10_000;

function isWindowSeed(seed: number): boolean {
  return seed >= windowSeedsFrom && isFleetSeed(seed) && seed % 5 === 0;
}

/** Half of the seeds from there on have many disks. */
function isFleetSeed(seed: number): boolean {
  return seed >= loggedSeedsFrom && (seed % 4 === 0 || seed % 4 === 3);
}

/** Half of the fleets from there on keep objects of several storage classes. */
const classedSeedsFrom = 20_000;

function isClassedSeed(seed: number): boolean {
  return isFleetSeed(seed) && seed >= classedSeedsFrom && seed % 8 < 4;
}

/** One that is kept as cold data is, and one as hot. */
const classesOfClassedSeeds = [standardClass, "STANDARD_IA", "INTELLIGENT_TIERING"] as const;

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
  } finally {
    run.machine.letGo();
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
  /** Undefined where nothing is kept for a restore. */
  readonly #moments: NotedMoments | undefined;
  #operations = 0;
  #isRestored = false;

  constructor(seed: number, { turn, hash }: SimHost) {
    this.#seed = seed;
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#scheduler = new Scheduler(turn);
    const unknownShare = random.pick([0, 0, 0.01]);
    const waitingCommitsMax = random.pick([1024, 1024, 1024, 2]);
    const machineRandom = random.fork();
    const few = random.between(1, 3);
    const smallExtents = random.pick([32, 64, 256]) * 1024;
    const isClassed = isClassedSeed(seed);
    const planned = isFleetSeed(seed) ? planFleet(new SeededRandom(seed), isClassed) : undefined;
    const { disks = few, fleet, extentBytes = smallExtents } = planned ?? {};
    this.machine = new Machine({
      scheduler: this.#scheduler,
      random: machineRandom,
      hash,
      disks,
      fleet,
      isLogged: fleet !== undefined || (disks > 1 && isLoggedSeed(seed)),
      extentBytes,
      restoreWindowMs: isWindowSeed(seed) ? planWindow(new SeededRandom(seed).fork()) : 0,
      stallShare: random.pick([0, 0, 0.001, 0.01]),
      unknownShare,
      waitingCommitsMax,
    });
    const hasWindow = this.machine.options.restoreWindowMs > 0;
    this.#moments = hasWindow ? new NotedMoments(this.machine, this.#history) : undefined;
    const faults = planFaults(random.fork(), fleet !== undefined);
    this.#faults = faults.filter(({ kind }) => !hasWindow || kind.movesClocks !== true);
    const excused = new Set(excusesOf(this.#faults));
    // The index is asked what became of a commit, but cannot always say.
    if (unknownShare > 0) excused.add("unavailable").add("unknown");
    if (waitingCommitsMax < clients) excused.add("overloaded");
    // The log of the index is on disks that are slow, or fail.
    if (this.machine.options.isLogged) excused.add("unavailable").add("unknown");
    this.#nemesis = new Nemesis(this.machine, random.fork());
    this.#context = {
      machine: this.machine,
      history: this.#history,
      values: new Values(hash, seed, isClassed ? classesOfClassedSeeds : [standardClass]),
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
    const isFleet = this.machine.options.fleet !== undefined;
    const most = isFleet ? fleetEventsMax : eventsMax;
    const isOver = () =>
      outcome !== undefined || this.machine.fatal !== undefined || this.#scheduler.events > most;
    const ended = await this.#scheduler.runUntil(isOver, virtualMsMax);
    if (this.machine.fatal !== undefined) throw this.machine.fatal;
    if (outcome?.error !== undefined) throw outcome.error;
    if (!ended || outcome === undefined) {
      const { nowMs, events } = this.#scheduler;
      const { waitsFor = "" } = this.machine;
      const why = `${nowMs.toFixed(0)} ms, after ${events} events: ${waitsFor}`;
      throw new Violation(`does not end: at ${why}`);
    }
    return this.#report();
  }

  async #script(): Promise<void> {
    await this.machine.install();
    await prepare(this.#session("first"));
    await makeSchemeChoices(this.#session("operator"), this.machine.options.fleet);
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
    const session = this.#session("judge");
    await judge(session, async () => this.#moments?.note());
    if (this.#moments === undefined) return;
    this.#isRestored = await judgeRestored(session, this.#moments.all);
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
    if (this.#operations % operationsPerMoment === 0 && this.#operations < operationsMin) {
      void this.#moments?.note();
    }
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
      cuts: new Map(machine.cuts),
      points: new Map(machine.points),
      logged: new Map(machine.events),
      outcomes: this.#context.outcomes,
      faults,
      undecided: this.#history.undecided,
      isRestored: this.#isRestored,
    };
  }
}
