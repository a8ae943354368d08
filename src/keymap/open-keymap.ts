import { assert, must } from "../base/assert.ts";
import { compareBytes, equalBytes, noBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Check, Engine } from "../engine/engine.ts";
import { scanRowsMax } from "../engine/engine.ts";
import { prefixedEngine } from "../engine/prefixed-engine.ts";
import type { ChangeId, PartitionId, SessionId, StoreId } from "../format/ids.ts";
import {
  idOfKey,
  leaseKey,
  partitionPrefix,
  sessionKey,
  space,
  spaceRange,
} from "../format/row-keys.ts";
import type { PartitionRow, SessionRow } from "../format/system-rows.ts";
import {
  decodePartitionRow,
  encodeLeaseRow,
  encodePartitionRow,
  encodeSessionRow,
} from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { countUp } from "./counters.ts";
import { commitEarly } from "./first-rows.ts";
import type { PartitionPlace } from "./partition/engine-partition.ts";
import { EnginePartition, readHeldRange } from "./partition/engine-partition.ts";
import { PartitionMap } from "./partition/partition-map.ts";
import { routedForm } from "./partition/routed-form.ts";
import { type Keymap, Session } from "./keymap.ts";
import { requireStoreRow } from "./store-generation.ts";

export interface KeymapOptions {
  readonly platform: Platform;
  /**
   * Engines by their names in the map. The first holds the system partition, and all else in a new
   * store.
   */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly role: SessionRow["role"];
  /** The store of the data directories. */
  readonly store?: StoreId | undefined;
  /**
   * The lowest generation that the index may have: the highest that data directories or other
   * processes have seen.
   */
  readonly generation?: number | undefined;
}

const systemPartitionId = 0 as PartitionId; // partitions of the map count from 1

/**
 * Opens the index under a new session. Costs a handful of commits, however many keys there are.
 * StoreError `missing` where the index is empty, `foreign` where it is not the one expected: then
 * nothing was changed.
 */
export async function openKeymap(options: KeymapOptions): Promise<Keymap> {
  const [home] = options.engines;
  const [, system] = must(home, "a keymap needs an engine");
  await requireStoreRow(system, { store: options.store, generation: options.generation ?? 0 });
  const places = await readMap(options, system);
  const { session, stamps, systemStamp } = await registerSession(options, system, places);
  const { clock } = options.platform;
  const map = new PartitionMap();
  for (const place of places) {
    const stamp = must(stamps.get(place.id), "a partition without a session");
    map.add(new EnginePartition(place, { clock, map }, { session, stamp }));
  }
  const systemPlace = { id: systemPartitionId, engine: system, held: undefined };
  return {
    session,
    system: new EnginePartition(systemPlace, { clock, map }, { session, stamp: systemStamp }),
    partitions: map.partitions,
    partitionOf: (bucket, key) => map.partitionOf(routedForm(bucket, key)),
    partitionsOf: (bucket) => map.partitionsOf(bucket),
  };
}

/** The map in key order, each partition having said of itself what the map says of it. */
async function readMap(options: KeymapOptions, system: Engine): Promise<PartitionPlace[]> {
  const rows = await system.scan(spaceRange(space.partitions), { limit: scanRowsMax });
  assert(rows.length < scanRowsMax, "more partitions than a map may have");
  const entries = rows.map(({ key, value }) => ({
    id: idOfKey<PartitionId>(key),
    row: decodePartitionRow(value),
  }));
  entries.sort((a, b) => compareBytes(a.row.start, b.row.start));
  const places: PartitionPlace[] = [];
  let end: Uint8Array = noBytes;
  for (const { id, row } of entries) {
    if (!equalBytes(row.start, end)) throw new StoreError("corrupt", "the partition map has a gap");
    end = row.end;
    const whole = options.engines.get(row.engine);
    if (whole === undefined) {
      const where = `partition ${id} lies in engine "${row.engine}"`;
      throw new StoreError("unavailable", `${where}, which is not configured: configure it`);
    }
    const engine = prefixedEngine(whole, partitionPrefix(id));
    const held = await readHeldRange(id, engine);
    if (!isSamePartition(held.row, row)) {
      throw new StoreError("unavailable", `partition ${id} is not what the map says it is`);
    }
    places.push({ id, engine, held });
  }
  if (places.length === 0 || end.length > 0)
    throw new StoreError("corrupt", "the partition map has a gap");
  return places;
}

function isSamePartition(one: PartitionRow, other: PartitionRow): boolean {
  return equalBytes(encodePartitionRow(one), encodePartitionRow(other));
}

interface Registered {
  readonly session: Session;
  /** Stamps of the session's rows. */
  readonly stamps: ReadonlyMap<PartitionId, ChangeId>;
  readonly systemStamp: ChangeId;
}

/**
 * A new session in every partition. The lease comes first, so that the worker that fences dead
 * sessions learns of this one however far it gets; the system's session row comes last and checks
 * the lease, so that a session fenced meanwhile never begins.
 */
async function registerSession(
  options: KeymapOptions,
  system: Engine,
  places: readonly PartitionPlace[],
): Promise<Registered> {
  const { platform } = options;
  const counted = await countUp("sessions", system, async (change) => {
    return (await commitEarly(platform, system, change)) !== "conflict";
  });
  const id = counted as SessionId; // what that counter counts
  const now = platform.clock.now();
  const lease = await commitEarly(platform, system, {
    checks: [{ key: leaseKey(id), expect: "absent" }],
    puts: [{ key: leaseKey(id), value: encodeLeaseRow({ period: 0, oldestReadPeriod: 0 }) }],
    deletes: [],
  });
  assert(lease !== "conflict", `session ${id} has a lease although its id is new`);
  const value = encodeSessionRow({ startedMs: now, role: options.role });
  const register = async (engine: Engine, check: readonly Check[]): Promise<ChangeId> => {
    const checks = [{ key: sessionKey(id), expect: "absent" } as const, ...check];
    const puts = [{ key: sessionKey(id), value }];
    const stamp = await commitEarly(platform, engine, { checks, puts, deletes: [] });
    if (stamp === "conflict") throw new StoreError("fenced", "fenced while starting: start again");
    return stamp;
  };
  const stamps = new Map<PartitionId, ChangeId>();
  for (const { id: partition, engine } of places) {
    stamps.set(partition, await register(engine, []));
  }
  const systemStamp = await register(system, [{ key: leaseKey(id), expect: lease }]);
  return { session: new Session(id), stamps, systemStamp };
}
