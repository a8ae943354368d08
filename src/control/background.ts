import { assert } from "../base/assert.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import type { ExtentId, SessionId } from "../format/ids.ts";
import { extentBytesMax } from "../format/limits.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { ReadTracker } from "../keymap/read-tracker.ts";
import type { IndexDamage } from "../engine/index-damage.ts";
import type { Service } from "../platform/platform.ts";
import { partsPerCommitMax } from "../rows/uploads.ts";
import { BucketSweep } from "./bucket-sweep.ts";
import { type BackgroundCounters, createCounters } from "./counters.ts";
import { DeadWriters } from "./dead-writers.ts";
import { ExtentInventory } from "./extents/extent-inventory.ts";
import { ExtentSweep } from "./extents/extent-sweep.ts";
import { whileIndexIsGood } from "./index-verification.ts";
import { ExtentWorklist } from "./extents/extent-worklist.ts";
import { mergedAtOnceDefault } from "./extents/small-extents.ts";
import { Liveness } from "./extents/liveness.ts";
import { Manifests } from "./extents/manifests.ts";
import { drainRestMsDefault, GarbageDrain } from "./garbage-drain.ts";
import { GenerationKeeper } from "./generation-keeper.ts";
import type { StoragePlane } from "./extents/extent-walk.ts";
import { StraySweep } from "./extents/stray-sweep.ts";
import { UploadSweep } from "./upload-sweep.ts";
import { createTaskLoop, type Task, type TaskStatistics } from "./task-loop.ts";

export interface BackgroundLimits {
  /** Extents are compacted when this share of their record bytes is dead, above 0, up to 1. */
  readonly deadShare: number;
  /** Extents with less than this alive are merged. */
  readonly smallBytes: number;
  /** How many of them are merged at once, for each data directory. */
  readonly mergedAtOnce: number;
  /**
   * Rest after each piece of reclaiming, as a share of the time it took: what serves clients goes
   * first.
   */
  readonly restShare: number;
  /** Time between looks for something to do. */
  readonly idleMs: number;
  /** Time between looks for garbage, if the first found little. */
  readonly drainRestMs: number;
  /** An extent is dropped this long after compaction even if an older read is still under way. */
  readonly oldReadMs: number;
  /** Time between looks for buckets whose deletion or creation was left half done. */
  readonly bucketSweepMs: number;
  /** Time between looks for stray files. */
  readonly straySweepMs: number;
  /** An unfinished upload is ended once it has been idle for so long; undefined: none is. */
  readonly uploadIdleMs: number | undefined;
  /** Time between looks for idle uploads. */
  readonly uploadSweepMs: number;
  /** Parts of an upload whose rows one commit takes away. */
  readonly partsPerCommit: number;
  /**
   * Between two generations of the store: a copy of the index that lacks more than is written in
   * that time is known to be older.
   */
  readonly generationMs: number;
}

/**
 * @limit The amounts of work that the background worker does at once, and the rests between them.
 */
export const backgroundLimits: BackgroundLimits = {
  // A third dead: two bytes copied for each one won, and at most half as much again on the disks as
  // is alive.
  deadShare: 1 / 3,
  // A quarter of a full extent; a smaller one is not worth coding.
  smallBytes: extentBytesMax / 4,
  mergedAtOnce: mergedAtOnceDefault,
  restShare: 1,
  idleMs: 2000,
  drainRestMs: drainRestMsDefault,
  // A GET of an object of 5 TiB at 100 Mbit/s takes days; ten minutes is a page that somebody
  // forgot.
  oldReadMs: 10 * 60_000,
  bucketSweepMs: 60_000,
  // Strays are rare, and looking for them costs a look at each extent.
  straySweepMs: 3_600_000,
  uploadIdleMs: undefined,
  // An upload may be idle for days, so an hour more does not matter.
  uploadSweepMs: 3_600_000,
  partsPerCommit: partsPerCommitMax,
  // One commit, and two syncs of each data directory: less than leases cost.
  generationMs: 10_000,
};

/** @limit Looking for files takes a tenth of the time at the most. */
const inventoryRestShare = 9;

/** What tasks use of their process. */
export interface TaskDependencies extends StoragePlane {
  /** The record of damage in the index. */
  readonly damage: IndexDamage;
  readonly keymap: Keymap;
  /**
   * The writer of this process's session, running; without a reserve, since compaction frees space.
   */
  readonly writer: ExtentWriter;
  readonly reads: ReadTracker;
  /**
   * False only of a session whose process is known to have ended: it is fenced. Never asked of our
   * own.
   */
  isAlive(session: SessionId): boolean;
}

export interface BackgroundOptions extends TaskDependencies {
  /** Those that differ from `backgroundLimits`. */
  readonly limits: Partial<BackgroundLimits>;
  /** Wraps a loop, so that a throw does not end all loops. */
  keep(loop: Service): Service;
  /** Work that says how the store is, for those who show it; each in a loop of its own. */
  readonly observers: readonly Task[];
}

export interface BackgroundStatistics {
  readonly tasks: readonly TaskStatistics[];
  readonly counters: Readonly<BackgroundCounters>;
  /** Files that no row explains, and nothing removes; undefined until they were looked for. */
  readonly straysKept: number | undefined;
}

export interface Background extends Service {
  statistics(): BackgroundStatistics;
}

/**
 * All background work of a store. One process does it; a second one would do no harm, but work in
 * vain.
 */
export function createBackground(options: BackgroundOptions): Background {
  const limits = { ...backgroundLimits, ...options.limits };
  assert(limits.deadShare > 0 && limits.deadShare <= 1, "deadShare is a share, and not 0");
  const { platform } = options;
  const tasks = createTasks(options, limits);
  const { generation, deadWriters, bucketSweep, straySweep, inventory } = tasks;
  const { reclaim, uploadSweep, counters } = tasks;
  const { idleMs, restShare } = limits;
  const rare = { idleMs, restShare: 0 };
  const loops = [
    createTaskLoop(platform, generation, rare),
    createTaskLoop(platform, deadWriters, rare),
    createTaskLoop(platform, bucketSweep, rare),
    createTaskLoop(platform, straySweep, { idleMs, restShare }),
    createTaskLoop(platform, inventory, { idleMs, restShare: inventoryRestShare }),
    createTaskLoop(platform, reclaim, { idleMs, restShare }),
    ...[...options.observers, uploadSweep].map((task) =>
      createTaskLoop(platform, task, { idleMs, restShare }),
    ),
  ];
  return {
    name: "background",
    async run(signal) {
      // When one ends early its failure ends all.
      const failed = new AbortController();
      const either = AbortSignal.any([signal, failed.signal]);
      const runs = loops
        .map((loop) => options.keep(loop))
        .map((loop) => loop.run(either).finally(() => failed.abort()));
      const ends = await Promise.allSettled(runs);
      await tasks.close();
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
    statistics: () => ({
      tasks: loops.map((loop) => loop.statistics()),
      counters: { ...counters },
      straysKept: tasks.straysKept(),
    }),
  };
}

/** The tasks by themselves, for tests that take one step at a time. */
export function createTasks(
  options: TaskDependencies,
  limits: BackgroundLimits,
): {
  readonly generation: GenerationKeeper;
  readonly deadWriters: Task;
  readonly bucketSweep: Task;
  readonly inventory: Task;
  readonly straySweep: Task;
  readonly reclaim: Task;
  readonly uploadSweep: Task;
  readonly counters: BackgroundCounters;
  straysKept(): number | undefined;
  close(): Promise<void>;
} {
  const counters = createCounters();
  const manifests = new Manifests(options);
  const liveness = new Liveness(options.keymap, manifests);
  const worklist = new ExtentWorklist(options.table, options.platform.clock);
  const counted = (extent: ExtentId): void => worklist.add(extent);
  const restMs = limits.drainRestMs;
  const drain = new GarbageDrain({ ...options, manifests, counters, restMs, counted });
  const { deadShare, smallBytes, mergedAtOnce, oldReadMs } = limits;
  const numbers = { deadShare, smallBytes, mergedAtOnce, oldReadMs };
  const generation = new GenerationKeeper({ ...options, everyMs: limits.generationMs });
  const shared = { manifests, liveness, counters, worklist, generation };
  const sweep = new ExtentSweep({ ...options, ...shared, ...numbers });
  const guarded = (task: Task): Task => whileIndexIsGood(options.damage, task);
  const bucketSweep = new BucketSweep({ ...options, counters, everyMs: limits.bucketSweepMs });
  const { straySweepMs, partsPerCommit, uploadIdleMs, uploadSweepMs } = limits;
  const straySweep = new StraySweep({ ...options, counters, generation, everyMs: straySweepMs });
  const uploadPace = { idleMs: uploadIdleMs, everyMs: uploadSweepMs };
  const uploadSweep = new UploadSweep({ ...options, ...uploadPace, partsPerCommit, counters });
  return {
    generation,
    // They give up nothing but what their writers had not synced.
    deadWriters: new DeadWriters({ ...options, counters }),
    bucketSweep: guarded(bucketSweep),
    straySweep: guarded(straySweep),
    inventory: new ExtentInventory({ ...options, worklist }),
    uploadSweep: guarded(uploadSweep),
    reclaim: guarded(inTurn("reclaim", [drain, sweep])),
    counters,
    straysKept: () => straySweep.straysKept,
    close: () => sweep.close(),
  };
}

/**
 * A step of each, one after the other: busy if one is. The drain and the sweep must not overlap,
 * since reconciling counts what is not on its way through the drain.
 */
function inTurn(name: string, tasks: readonly Task[]): Task {
  return {
    name,
    async step(signal) {
      let isBusy = false;
      for (const task of tasks) isBusy = (await task.step(signal)) === "busy" || isBusy;
      return isBusy ? "busy" : "idle";
    },
  };
}
