import { assert } from "../base/assert.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ExtentEntry } from "../extent/extent-table.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import { MeteredDisks, TransferMeter } from "../extent/metered-disks.ts";
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
import { ExtentClaims } from "./extents/extent-claims.ts";
import { ExtentInventory } from "./extents/extent-inventory.ts";
import { ExtentSweep } from "./extents/extent-sweep.ts";
import { whileIndexIsGood } from "./index-verification.ts";
import { ExtentWorklist } from "./extents/extent-worklist.ts";
import { mergedAtOnceDefault } from "./extents/small-extents.ts";
import { Liveness } from "./extents/liveness.ts";
import { ExtentDrops } from "./extents/extent-drops.ts";
import { Manifests } from "./extents/manifests.ts";
import { drainRestMsDefault, GarbageDrain } from "./garbage-drain.ts";
import { GenerationKeeper } from "./generation-keeper.ts";
import type { StoragePlane } from "./extents/extent-walk.ts";
import { createLossCheck } from "../erasure/losses.ts";
import { StraySweep } from "./extents/stray-sweep.ts";
import { DiskSurvey, diskGraceMsDefault } from "./redundancy/disk-survey.ts";
import { Repair, type RepairStatistics } from "./redundancy/repair.ts";
import { Scrub, type ScrubStatistics } from "./redundancy/scrub.ts";
import {
  IndexScrub,
  type IndexScrubOptions,
  type IndexScrubStatistics,
} from "./redundancy/index-scrub.ts";
import { Encoding, type EncodingOptions } from "./redundancy/encoding.ts";
import { RestoreWindow } from "./restore-window.ts";
import {
  ShippingWait,
  type ShippingWaitOptions,
  type ShippingWaitStatistics,
} from "./shipping-wait.ts";
import { UploadSweep } from "./upload-sweep.ts";
import { createTaskLoop, type Task, type TaskStatistics } from "./task-loop.ts";
import { TransferBudget } from "./transfer-budget.ts";

export interface BackgroundLimits {
  /** Extents are compacted when this share of their record bytes is dead, above 0, up to 1. */
  readonly deadShare: number;
  /** Extents with less than this alive are merged. */
  readonly smallBytes: number;
  /** How many of about the same size are merged at once. */
  readonly mergedAtOnce: number;
  /** Extents with at least this alive are written anew as shards … */
  readonly encodedBytesMin: number;
  /** … and smaller ones, if that saves space, when they are as old as this. */
  readonly smallRestMs: number;
  /** Space on a disk that no members are put into when they are made again, or encoded. */
  readonly memberReserveBytes: number;
  /**
   * The share of the measured bandwidth that repair, encoding, compaction and scrub take together
   * while clients are active, above 0, up to 1.
   */
  readonly transferShare: number;
  /** Every member of every disk is read and verified within this time. */
  readonly scrubMs: number;
  /** A disk that is not there is waited for this long before its members are made on others. */
  readonly diskGraceMs: number;
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
  /** What was freed is kept for so long; 0: it is not. */
  readonly restoreWindowMs: number;
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
  // What is not merged with others.
  encodedBytesMin: extentBytesMax / 4,
  // Each lane seals two more meanwhile: an extent that finds no others by then may wait long.
  smallRestMs: 10 * 60_000,
  // As of every reserve: what clients write goes first.
  memberReserveBytes: extentBytesMax,
  transferShare: 0.2,
  scrubMs: 14 * 24 * 3_600_000,
  diskGraceMs: diskGraceMsDefault,
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
  // Off: it takes the space of all that is deleted, overwritten and compacted meanwhile.
  restoreWindowMs: 0,
};

/**
 * @limit How tasks share what they may move while clients are active: of all that wait, repair gets
 * most.
 */
const transferWeights = {
  repair: 8,
  encoding: 2,
  reclaim: 2,
  scrub: 1,
  "index scrub": 1,
} as const;

export type TransferName = keyof typeof transferWeights;

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
  /** The scheme that extents of a class have at rest. */
  readonly schemeAtRest: EncodingOptions["schemeAtRest"];
  /** The index, and its snapshots on the data directories: scrub reads them and the log. */
  readonly indexCopies?: Pick<IndexScrubOptions, "index" | "snapshots"> | undefined;
  /** Undefined where the index is shipped nowhere. */
  readonly shipping?: ShippingWaitOptions["shipping"];
  /** What reader and writer move, which are compaction's; the disks here are not metered. */
  readonly transfers: TransferMeter;
}

export interface BackgroundOptions extends TaskDependencies {
  /** Those that differ from `backgroundLimits`. */
  readonly limits: Partial<BackgroundLimits>;
  /** Wraps a loop, so that a throw does not end all loops. */
  keep(loop: Service): Service;
  /** The part of the last second or so in which clients had requests under way. */
  readonly clientLoad: () => number;
  /** Work that says how the store is, for those who show it; each in a loop of its own. */
  readonly observers: readonly Task[];
}

export interface BackgroundStatistics {
  readonly tasks: readonly TaskStatistics[];
  readonly counters: Readonly<BackgroundCounters>;
  /** Files that no row explains, and nothing removes; undefined until they were looked for. */
  readonly straysKept: number | undefined;
  readonly repair: RepairStatistics;
  readonly scrub: ScrubStatistics;
  /** Undefined where the index's copies are not given. */
  readonly indexScrub: IndexScrubStatistics | undefined;
  /** Extents that are to be encoded, as far as they were found. */
  readonly extentsToEncode: number;
  /** What is kept until it is shipped that it was freed; undefined where nothing is shipped. */
  readonly unshipped: ShippingWaitStatistics | undefined;
  readonly transfers: readonly TransferStatistics[];
}

/** What one kind of work read from members of extents, and wrote to them. */
export interface TransferStatistics {
  readonly name: TransferName;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes in a second at full speed; undefined until it is known. */
  readonly bytesPerSecondMax: number | undefined;
}

export interface Background extends Service {
  readonly restoreWindow: Pick<RestoreWindow, "row" | "isHeld">;
  statistics(): BackgroundStatistics;
}

/**
 * All background work of a store. One process does it; a second one would do no harm, but work in
 * vain.
 */
export function createBackground(options: BackgroundOptions): Background {
  const limits = { ...backgroundLimits, ...options.limits };
  assert(limits.deadShare > 0 && limits.deadShare <= 1, "deadShare is a share, and not 0");
  const { platform, clientLoad } = options;
  const tasks = createTasks(options, limits);
  const { generation, deadWriters, bucketSweep, straySweep, inventory } = tasks;
  const { reclaim, drops, encoding, repair, scrub, uploadSweep, counters } = tasks;
  const { idleMs, restShare } = limits;
  const rare = { idleMs, restShare: 0 };
  const { transferShare: share } = limits;
  const budget = new TransferBudget({ clock: platform.clock, share, clientLoad });
  const { meters } = tasks;
  const payers = {
    repair: budget.payer(transferWeights.repair, meters.repair),
    encoding: budget.payer(transferWeights.encoding, meters.encoding),
    reclaim: budget.payer(transferWeights.reclaim, meters.reclaim),
    scrub: budget.payer(transferWeights.scrub, meters.scrub),
    "index scrub": budget.payer(transferWeights["index scrub"], meters["index scrub"]),
  };
  const loops = [
    createTaskLoop(platform, generation, rare),
    createTaskLoop(platform, tasks.restoreWindow, rare),
    createTaskLoop(platform, deadWriters, rare),
    createTaskLoop(platform, bucketSweep, rare),
    createTaskLoop(platform, straySweep, { idleMs, restShare }),
    createTaskLoop(platform, inventory, { idleMs, restShare: inventoryRestShare }),
    createTaskLoop(platform, reclaim, { idleMs, restShare, payer: payers.reclaim }),
    createTaskLoop(platform, drops, { idleMs, restShare }),
    createTaskLoop(platform, encoding, { ...rare, payer: payers.encoding }),
    createTaskLoop(platform, scrub, { idleMs, restShare, payer: payers.scrub }),
    createTaskLoop(platform, repair, { ...rare, payer: payers.repair }),
    ...tasks.indexScrub.map((task) =>
      createTaskLoop(platform, task, { idleMs, restShare, payer: payers["index scrub"] }),
    ),
    ...[...options.observers, uploadSweep].map((task) =>
      createTaskLoop(platform, task, { idleMs, restShare }),
    ),
  ];
  return {
    name: "background",
    restoreWindow: tasks.restoreWindow,
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
      repair: tasks.repairStatistics(),
      scrub: tasks.scrubStatistics(),
      indexScrub: tasks.indexScrubStatistics(),
      extentsToEncode: tasks.extentsToEncode(),
      unshipped: tasks.unshipped(),
      transfers: Object.entries(payers).map(([name, { meter, bytesPerSecondMax }]) => {
        const { bytesRead, bytesWritten } = meter;
        return { name: name as TransferName, bytesRead, bytesWritten, bytesPerSecondMax };
      }),
    }),
  };
}

interface BackgroundTasks {
  readonly generation: GenerationKeeper;
  readonly restoreWindow: RestoreWindow;
  readonly deadWriters: Task;
  readonly bucketSweep: Task;
  readonly inventory: Task;
  readonly straySweep: Task;
  readonly reclaim: Task;
  readonly drops: Task;
  readonly encoding: Task;
  readonly repair: Task;
  readonly scrub: Task;
  /** None where the index's copies are not given. */
  readonly indexScrub: readonly Task[];
  readonly uploadSweep: Task;
  readonly counters: BackgroundCounters;
  readonly meters: Readonly<Record<TransferName, TransferMeter>>;
  straysKept(): number | undefined;
  repairStatistics(): RepairStatistics;
  scrubStatistics(): ScrubStatistics;
  indexScrubStatistics(): IndexScrubStatistics | undefined;
  extentsToEncode(): number;
  unshipped(): ShippingWaitStatistics | undefined;
  close(): Promise<void>;
}

/** The tasks by themselves, for tests that take one step at a time. */
export function createTasks(options: TaskDependencies, limits: BackgroundLimits): BackgroundTasks {
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
  const restoreWindow = new RestoreWindow({ ...options, windowMs: limits.restoreWindowMs });
  const claims = new ExtentClaims();
  const survey = new DiskSurvey({ ...options, graceMs: limits.diskGraceMs });
  const { encodedBytesMin, smallRestMs, memberReserveBytes: reserveBytes } = limits;
  const rewrite = (extent: ExtentId): void => sweep.rewrite(extent);
  const coding = { survey, claims, worklist, counters, reserveBytes, rewrite, restoreWindow };
  const meters = metersWith(options.transfers);
  const disks = (name: TransferName): ExtentDisks => new MeteredDisks(options.disks, meters[name]);
  const encoding = new Encoding({
    ...options,
    ...coding,
    disks: disks("encoding"),
    encodedBytesMin,
    smallRestMs,
  });
  const canLose = createLossCheck();
  const repair = new Repair({ ...options, ...coding, disks: disks("repair"), canLose });
  const everyMs = limits.scrubMs;
  const scrub = new Scrub({ ...options, ...coding, disks: disks("scrub"), liveness, everyMs });
  const meter = meters["index scrub"];
  const indexScrub = indexScrubOf(options, { disks: disks("index scrub"), meter, everyMs });
  const settledDown = (entry: ExtentEntry): void => encoding.note(entry);
  const lists = { worklist, claims, settledDown };
  const shippingWait = new ShippingWait(options);
  const guards = { generation, restoreWindow, shippingWait };
  const drops = new ExtentDrops({ ...options, ...guards, ...lists, counters, oldReadMs });
  const shared = { manifests, liveness, counters, ...lists, drops, ...guards };
  const sweep = new ExtentSweep({ ...options, ...shared, ...numbers, disks: disks("reclaim") });
  const guarded = (task: Task): Task => whileIndexIsGood(options.damage, task);
  const sweeps = createSweeps(options, limits, { counters, generation });
  const { bucketSweep, straySweep, uploadSweep } = sweeps;
  return {
    generation,
    restoreWindow,
    // They give up nothing but what their writers had not synced.
    deadWriters: new DeadWriters({ ...options, counters }),
    bucketSweep: guarded(bucketSweep),
    straySweep: guarded(straySweep),
    inventory: restoreWindow.before(new ExtentInventory({ ...options, worklist, restoreWindow })),
    uploadSweep: guarded(uploadSweep),
    reclaim: guarded(inTurn("reclaim", [drain, sweep])),
    drops: guarded(drops),
    encoding: guarded(encoding),
    repair: guarded(restoreWindow.before(repair)),
    scrub: guarded(restoreWindow.before(scrub)),
    indexScrub: indexScrub === undefined ? [] : [guarded(indexScrub)],
    counters,
    meters,
    straysKept: () => straySweep.straysKept,
    repairStatistics: () => repair.statistics(),
    scrubStatistics: () => scrub.statistics(),
    indexScrubStatistics: () => indexScrub?.statistics(),
    extentsToEncode: () => encoding.waiting,
    unshipped: () => shippingWait.statistics,
    async close() {
      await indexScrub?.close();
      for (const task of [repair, encoding, scrub, sweep]) await task.close();
    },
  };
}

/** What goes round buckets, stray files and uploads, and moves no bytes of objects. */
function createSweeps(
  options: TaskDependencies,
  limits: BackgroundLimits,
  shared: { readonly counters: BackgroundCounters; readonly generation: GenerationKeeper },
) {
  const { bucketSweepMs, straySweepMs, partsPerCommit, uploadIdleMs, uploadSweepMs } = limits;
  const uploadPace = { idleMs: uploadIdleMs, everyMs: uploadSweepMs };
  return {
    bucketSweep: new BucketSweep({ ...options, ...shared, everyMs: bucketSweepMs }),
    straySweep: new StraySweep({ ...options, ...shared, everyMs: straySweepMs }),
    uploadSweep: new UploadSweep({ ...options, ...shared, ...uploadPace, partsPerCommit }),
  };
}

/** A meter for each kind of work; that of reclaiming is its reader's and writer's. */
function metersWith(reclaim: TransferMeter): Readonly<Record<TransferName, TransferMeter>> {
  const [repair, encoding, scrub] = [new TransferMeter(), new TransferMeter(), new TransferMeter()];
  return { repair, encoding, reclaim, scrub, "index scrub": new TransferMeter() };
}

function indexScrubOf(
  { platform, keymap, indexCopies }: TaskDependencies,
  pace: Pick<IndexScrubOptions, "disks" | "meter" | "everyMs">,
): IndexScrub | undefined {
  return indexCopies && new IndexScrub({ platform, keymap, ...indexCopies, ...pace });
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
