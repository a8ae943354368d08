import { must } from "../base/assert.ts";
import type { Engine } from "../engine/engine.ts";
import { IndexDamage, watchDamage } from "../engine/index-damage.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import {
  createExtentReader,
  type ExtentReader,
  readCacheBytesMax,
} from "../extent/extent-reader.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import { createExtentWriter, type ExtentWriter } from "../extent/extent-writer.ts";
import type { SessionRow } from "../format/system-rows.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { createLease, type Lease } from "../keymap/leases.ts";
import { openKeymap } from "../keymap/open-keymap.ts";
import { lowestGeneration } from "../keymap/store-generation.ts";
import { ReadTracker } from "../keymap/read-tracker.ts";
import type { Platform, Service } from "../platform/platform.ts";

/** What belongs to the machine; the same composition runs on a simulated one. */
export interface StoreMachine {
  readonly platform: Platform;
  /** Engines by their names in the map; the first holds the system partition. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly disks: ExtentDisks;
  /**
   * The generation that the index had when the store was opened; it has at least this one for ever.
   */
  readonly generation: number;
}

export interface WriterLimits {
  readonly sealAfterMs?: number | undefined;
  readonly reserveBytes?: number | undefined;
  readonly extentBytes?: number | undefined;
}

/** The only storage class so far; rows name it from the start. */
const storageClass = "STANDARD";

/** The storage plane and the index as one process uses them, under a session of its own. */
export interface StoreCore {
  /** The machine's engines; damage that they meet is recorded. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly damage: IndexDamage;
  readonly keymap: Keymap;
  readonly table: ExtentTable;
  readonly writer: ExtentWriter;
  readonly reader: ExtentReader;
  readonly reads: ReadTracker;
  readonly lease: Lease;
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
  const writer = createExtentWriter({ platform, disks, table, session, storageClass, ...limits });
  // Background work reads everything once, and must see what is on the disk.
  const cacheBytes = role === "front-end" ? readCacheBytesMax : 0;
  const reader = createExtentReader({ platform, disks, table, cacheBytes });
  const reads = new ReadTracker();
  const lease = createLease({ platform, keymap, reads });
  const opened = { engines, damage, keymap, table, writer, reader, reads, lease };
  return { ...opened, services: [lease, writer] };
}
