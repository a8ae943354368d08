import { Metrics } from "../admin/metrics.ts";
import { type Background, type BackgroundLimits, createBackground } from "../control/background.ts";
import { ExtentCensus, type ExtentCensusOptions } from "../control/extents/extent-census.ts";
import { must } from "../base/assert.ts";
import { Manifests } from "../control/extents/manifests.ts";
import { ObjectCensus } from "../control/extents/object-census.ts";
import { IndexShipping } from "../control/shipping/index-shipping.ts";
import { IndexSnapshots, type SnapshotLimits } from "../control/index-snapshots.ts";
import { IndexVerification, whileIndexIsGood } from "../control/index-verification.ts";
import type { DiskHolding } from "../control/extents/disk-holdings.ts";
import type { Shortage } from "../control/extents/redundancy-tally.ts";
import type { Engine } from "../engine/engine.ts";
import { createLossCheck } from "../erasure/losses.ts";
import type { ExtentClass } from "../format/extent-row.ts";
import type { DiskId, SessionId } from "../format/ids.ts";
import { ClientLoad } from "./client-load.ts";
import { faultsIn, sampleDiskCounts, sampleDisks, sampleIndexHome } from "./disk-metrics.ts";
import { IndexMove, type IndexMover } from "./index-move.ts";
import { KeptSchemes } from "./kept-schemes.ts";
import {
  sampleIndexScrub,
  sampleObjects,
  sampleRedundancy,
  sampleScrubs,
  sampleTransfers,
} from "./redundancy-metrics.ts";
import { RestartingServices } from "./services.ts";
import { sampleShipping } from "./shipping-metrics.ts";
import { MeteredDisks, TransferMeter } from "../extent/metered-disks.ts";
import type { Clock, Service } from "../platform/platform.ts";
import type { ShippingTarget } from "../platform/shipping-target.ts";
import {
  sampleBackground,
  sampleCensus,
  sampleIndexDamage,
  sampleRestoreWindow,
  sampleSnapshots,
  sampleStore,
  sampleVerification,
} from "./store-metrics.ts";
import {
  openStoreCore,
  type StoreMachine,
  type StoreCore,
  type WriterLimits,
} from "./store-core.ts";
import type {
  AskOthers,
  DiskFigures,
  TreeAnswer,
  TreeQuestion,
  WorkFigures,
} from "./tree-questions.ts";
import { sampleReader } from "./read-metrics.ts";

export interface BackgroundProcessOptions {
  readonly machine: StoreMachine;
  /** They have no reserve: compaction frees space, so it may use the last of it. */
  readonly writerLimits: Omit<WriterLimits, "reserveBytes">;
  readonly limits: Partial<BackgroundLimits>;
  /** Time from one verification of the index to the next. */
  readonly verifyIndexMs: number;
  readonly shippingTarget?: ShippingTarget | undefined;
  readonly snapshotLimits?: Partial<SnapshotLimits> | undefined;
  /** Undefined where the index stays where it is. */
  readonly indexMover?: IndexMover | undefined;
  /** True if the session's process still runs; other sessions are fenced. */
  readonly isAlive: (session: SessionId) => boolean;
  /** Reaches the other processes of the tree. */
  readonly askOthers: AskOthers;
}

/** The process that seals, drains, compacts and drops, one per store. */
export interface BackgroundProcess {
  readonly core: StoreCore;
  readonly background: Background;
  /** Services for runServices, each after those it needs. */
  readonly services: readonly Service[];
  readonly metrics: Metrics;
  /** Answers a question of another process of the tree. */
  answer(question: TreeQuestion): TreeAnswer;
  /** Called after the services have ended. Engines and disks are the caller's. */
  close(): Promise<void>;
}

export async function openBackground(
  options: BackgroundProcessOptions,
): Promise<BackgroundProcess> {
  const { machine, writerLimits, limits, verifyIndexMs, isAlive } = options;
  const transfers = new TransferMeter();
  const metered = { ...machine, disks: new MeteredDisks(machine.disks, transfers) };
  const core = await openStoreCore(metered, "background", { ...writerLimits, reserveBytes: 0 });
  const { engines, damage, keymap, writer, reader, services } = core;
  const { platform, disks } = machine;
  const canLose = createLossCheck();
  const isHeld = (droppedMs: number): boolean => background.restoreWindow.isHeld(droppedMs);
  const { census, objectCensus } = censusesOf(core, machine, { canLose, isHeld });
  const verification = new IndexVerification({ platform, engines, damage, everyMs: verifyIndexMs });
  const index = must([...engines.values()][0], "a store has an engine");
  const snapshots = new IndexSnapshots({ platform, index, disks, limits: options.snapshotLimits });
  const shipping = shippingOf(options, index);
  const ship = shipping === undefined ? [] : [shipping];
  const { indexMover: mover } = options;
  const move = mover && new IndexMove({ ...core, platform, index, disks, mover });
  const metrics = new Metrics();
  const restarting = new RestartingServices(platform, metrics);
  const schemes = new KeptSchemes({ keymap, canLose });
  const clientLoad = new ClientLoad(platform.clock, options.askOthers);
  const background = createBackground({
    platform,
    disks,
    ...core,
    transfers,
    clientLoad: () => clientLoad.share,
    isAlive,
    indexCopies: { index, snapshots },
    schemeAtRest: (extentClass, topology) => schemes.of(extentClass, topology),
    shipping,
    limits,
    keep: (loop) => restarting.wrap(loop),
    // A snapshot of an index that is damaged would take the place of a better one.
    observers: [census, objectCensus, verification, whileIndexIsGood(damage, snapshots), ...ship],
  });
  sampleStore(metrics, machine.engines, writer);
  sampleReader(metrics, reader);
  sampleWork(metrics, { background, census, objectCensus, clientLoad });
  sampleDisks(metrics, disks, census);
  sampleDiskCounts(metrics, machine.diskFeed);
  const copiesOn = damagedCopiesOf(background);
  if (core.diskWatch !== undefined) core.diskWatch.damagedOn = damagedFilesOf(census, copiesOn);
  sampleIndexDamage(metrics, damage);
  sampleIndexWork(metrics, { verification, snapshots, shipping, background });
  sampleIndexHome(metrics, disks, () => move?.figures);
  sampleRestores(metrics, { background, census, snapshots, clock: platform.clock });
  const restarted = [...services, clientLoad, ...(move === undefined ? [] : [move])];
  return {
    core,
    background,
    services: [...restarted.map((one) => restarting.wrap(one)), background],
    metrics,
    answer: ({ kind }) => {
      if (kind === "metrics") return { families: metrics.read() };
      if (kind === "work") return { work: workFigures(background, census) };
      if (kind === "unreadable") return { objects: objectCensus.last };
      if (kind !== "disks") return {};
      const disks = [...figuresOf(census), ...faultsIn(machine.diskFeed, reader, copiesOn)];
      return { disks, indexMove: move?.figures };
    },
    close: async () => {
      await snapshots.close();
      await shipping?.close();
      await reader.close();
    },
  };
}

/** Counts copies of the log and of snapshots on a disk that scrub found damaged. */
function damagedCopiesOf(background: Background): (disk: DiskId) => number {
  return (disk) => background.statistics().indexScrub?.damaged.get(disk) ?? 0;
}

/** Counts damaged extents on a disk as well; undefined until they were counted. */
function damagedFilesOf(
  census: ExtentCensus,
  copiesOn: (disk: DiskId) => number,
): (disk: DiskId) => number | undefined {
  return (disk) => {
    const damaged = census.last?.holdings.get(disk)?.damaged;
    return damaged === undefined ? undefined : damaged + copiesOn(disk);
  };
}

function shippingOf(
  { machine, shippingTarget: target }: BackgroundProcessOptions,
  index: Engine,
): IndexShipping | undefined {
  return target && new IndexShipping({ ...machine, index, target });
}

function workFigures(background: Background, census: ExtentCensus): WorkFigures {
  const { repair, scrub, indexScrub: found, counters } = background.statistics();
  const indexScrub = found && { row: found.row, isAsked: found.isAsked };
  const { membersRepaired: membersMade, bytesRepaired: bytesMade } = counters;
  const { holdings = new Map<DiskId, DiskHolding>() } = census.last ?? {};
  const bytesOnDisks = [...holdings].map(([disk, { bytes }]) => [disk, bytes] as const);
  const shortage = shortageIn(census);
  return { repair, scrub, indexScrub, shortage, membersMade, bytesMade, bytesOnDisks };
}

/** The levels of all extents, which may be many, stay in this process. */
function shortageIn({ last }: ExtentCensus): Shortage | undefined {
  if (last === undefined) return undefined;
  const { shortExtents, waitingExtents, narrowExtents } = last.redundancy;
  return { shortExtents, waitingExtents, narrowExtents };
}

function censusesOf(
  core: StoreCore,
  { platform, disks }: StoreMachine,
  known: Pick<ExtentCensusOptions, "canLose" | "isHeld">,
) {
  const { clock } = platform;
  const copiesOf = (extentClass: ExtentClass): number => core.choices.of(extentClass).copies;
  const census = new ExtentCensus({ ...core, ...known, clock, disks, copiesOf });
  const manifests = new Manifests({ ...core, platform, disks });
  const levelOf = () => census.last?.redundancy.levelOf;
  return { census, objectCensus: new ObjectCensus({ ...core, clock, manifests, levelOf }) };
}

interface IndexWork {
  readonly background: Background;
  readonly verification: IndexVerification;
  readonly snapshots: IndexSnapshots;
  readonly shipping: IndexShipping | undefined;
}

function sampleIndexWork(metrics: Metrics, work: IndexWork): void {
  const { verification, snapshots, shipping, background } = work;
  sampleVerification(metrics, verification);
  sampleSnapshots(metrics, snapshots);
  if (shipping === undefined) return;
  sampleShipping(metrics, shipping, () => background.statistics().unshipped);
}

interface RestoreSources {
  readonly background: Background;
  readonly census: ExtentCensus;
  readonly snapshots: IndexSnapshots;
  readonly clock: Clock;
}

function sampleRestores(metrics: Metrics, sources: RestoreSources): void {
  const { background, census, snapshots, clock } = sources;
  sampleRestoreWindow(metrics, {
    row: () => background.restoreWindow.row,
    oldestMs: () => snapshots.statistics.oldestMs,
    clock,
    held: () =>
      background.restoreWindow.row === undefined ? undefined : census.last?.redundancy.held,
    heldIndex: () => snapshots.statistics.held,
  });
}

interface ObservedWork {
  readonly background: Background;
  readonly census: ExtentCensus;
  readonly objectCensus: ObjectCensus;
  readonly clientLoad: ClientLoad;
}

function sampleWork(
  metrics: Metrics,
  { background, census, objectCensus, clientLoad }: ObservedWork,
): void {
  sampleObjects(metrics, () => objectCensus.last);
  sampleBackground(metrics, background);
  sampleCensus(metrics, () => census.last);
  sampleRedundancy(metrics, () => census.last, background);
  sampleScrubs(metrics, background);
  sampleIndexScrub(metrics, background);
  sampleTransfers(metrics, background, clientLoad);
}

function figuresOf(census: ExtentCensus): DiskFigures[] {
  const { holdings = new Map<DiskId, DiskHolding>() } = census.last ?? {};
  return [...holdings].map(([disk, holding]) => {
    return { disk, holding, emptyInSeconds: census.emptyInSeconds(disk) };
  });
}
