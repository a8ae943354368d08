import { must } from "../base/assert.ts";
import type { Engine } from "../engine/engine.ts";
import { IndexDamage, watchDamage } from "../engine/index-damage.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import {
  createExtentReader,
  type ExtentReader,
  readCacheBytesMax,
} from "../extent/extent-reader.ts";
import type { WriteChoices } from "../extent/write-choices.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import { createExtentWriter, type ExtentWriter } from "../extent/extent-writer.ts";
import { extentBytesMax } from "../format/limits.ts";
import { FollowedChoices } from "./followed-choices.ts";
import { DiskSurvey } from "../control/redundancy/disk-survey.ts";
import type { SessionRow } from "../format/system-rows.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { createLease, type Lease } from "../keymap/leases.ts";
import { openKeymap } from "../keymap/open-keymap.ts";
import { lowestGeneration } from "../keymap/store-generation.ts";
import { ReadTracker } from "../keymap/read-tracker.ts";
import { DiskWatch, type DiskWatchOptions } from "./disk-watch.ts";
import type { Platform, Service } from "../platform/platform.ts";

/** What belongs to the machine; the same composition runs on a simulated one. */
export interface StoreMachine {
  readonly platform: Platform;
  /** Engines by their names in the map; the first holds the system partition. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly disks: ExtentDisks;
  /** Where disks are mounted while the process runs; undefined: always those it began with. */
  readonly diskFeed?: DiskFeed | undefined;
  /**
   * The generation that the index had when the store was opened; it has at least this one for ever.
   */
  readonly generation: number;
}

/** The disks of a process that come and go. */
export type DiskFeed = Pick<DiskWatchOptions, "mounted" | "feed" | "observations">;

export interface WriterLimits {
  readonly sealAfterMs?: number | undefined;
  readonly reserveBytes?: number | undefined;
  readonly extentBytes?: number | undefined;
}

/** The storage plane and the index as one process uses them, under a session of its own. */
export interface StoreCore {
  /** The machine's engines; damage that they meet is recorded. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly damage: IndexDamage;
  readonly keymap: Keymap;
  readonly table: ExtentTable;
  readonly writer: ExtentWriter;
  /** How it writes extents. */
  readonly choices: WriteChoices;
  readonly reader: ExtentReader;
  readonly reads: ReadTracker;
  readonly lease: Lease;
  /** Undefined where the disks are fixed. */
  readonly diskWatch: DiskWatch | undefined;
  /** Services for runServices, each after those it needs. */
  readonly services: readonly Service[];
}

export async function openStoreCore(
  machine: StoreMachine,
  role: SessionRow["role"],
  limits: WriterLimits,
): Promise<StoreCore> {
  const { platform, disks } = machine;
  const [home] = disks.disks;
  const damage = new IndexDamage(platform, must(home, "a store has a data directory").disk);
  const engines = new Map(
    [...machine.engines].map(([name, engine]) => [name, watchDamage(engine, damage)]),
  );
  const generation = await lowestGeneration(platform, disks, machine.generation);
  const keymap = await openKeymap({ platform, engines, role, store: disks.store, generation });
  const table = createExtentTable(keymap);
  const session = keymap.session.id;
  const choices = await choicesOf(machine, keymap, role, limits);
  // Nobody waits for what is compacted, and what small extents are merged to is to be large.
  const isSingleLane = role !== "front-end";
  const options = { platform, disks, table, session, ...limits, choices, isSingleLane };
  const writer = createExtentWriter(options);
  // Background work reads everything once, and must see what is on the disk.
  const cacheBytes = role === "front-end" ? readCacheBytesMax : 0;
  const reader = createExtentReader({ platform, disks, table, cacheBytes });
  const reads = new ReadTracker();
  const lease = createLease({ platform, keymap, reads });
  const opened = { engines, damage, keymap, table, writer, choices, reader, reads, lease };
  const diskWatch = diskWatchOf(machine, engines, keymap, role);
  const { observations } = machine.diskFeed ?? {};
  // Before all that may meet a disk that hangs.
  const watches = [observations, diskWatch].filter((one) => one !== undefined);
  return { ...opened, diskWatch, services: [lease, ...watches, choices, writer] };
}

async function choicesOf(
  { platform, disks }: StoreMachine,
  keymap: Keymap,
  role: SessionRow["role"],
  { reserveBytes = extentBytesMax }: WriterLimits,
): Promise<FollowedChoices> {
  const survey = new DiskSurvey({ platform, disks, keymap });
  // What compaction copies is coded at rest.
  const mayCodeInline = role === "front-end";
  const options = { platform, keymap, survey, reserveBytes, mayCodeInline };
  const choices = new FollowedChoices(options);
  await choices.look();
  return choices;
}

/** One for each process; the background worker notes where disks are mounted. */
function diskWatchOf(
  { platform, diskFeed }: StoreMachine,
  engines: StoreCore["engines"],
  keymap: Keymap,
  role: SessionRow["role"],
): DiskWatch | undefined {
  if (diskFeed === undefined) return undefined;
  const [first] = engines.values();
  const index = must(first, "a store has an engine");
  const notesMounts = role === "background";
  return new DiskWatch({ platform, keymap, index, ...diskFeed, notesMounts });
}
