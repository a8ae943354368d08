import { assert, must } from "../base/assert.ts";
import { compareBytes, equalBytes, noBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { readRow, scanRowsMax } from "../engine/engine.ts";
import type { ChangeId, PartitionId, SessionId, StoreId } from "../format/ids.ts";
import {
  idOfKey,
  leaseKey,
  partitionSelfKey,
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
import { commitEarly } from "./early-commit.ts";
import type { Keymap } from "./keymap.ts";
import type { RegisteredSession } from "./partition/engine-partition.ts";
import { EnginePartition } from "./partition/engine-partition.ts";
import { isInRange, overlapsBucket, routedForm } from "./partition/routed-form.ts";
import { Session } from "./session.ts";
import { requireStoreRow } from "./store-generation.ts";

export interface KeymapOptions {
  readonly platform: Platform;
  /** By the names the map uses. The first holds the system partition, and all else in a new store. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly role: SessionRow["role"];
  /** The store of the data directories. */
  readonly store?: StoreId | undefined;
  /** What the index must have reached: the highest that data directories or other processes have seen of it. */
  readonly generation?: number | undefined;
}

const systemPartitionId = 0 as PartitionId; // partitions of the map count from 1

/**
 * Opens the index under a new session. Costs a handful of commits, however many keys there are. StoreError `missing` where the index
 * is empty, `foreign` where it is not the one expected: then nothing was changed.
 */
export async function openKeymap(options: KeymapOptions): Promise<Keymap> {
  const [home] = options.engines;
  const [, system] = must(home, "a keymap needs an engine");
  await requireStoreRow(system, { store: options.store, generation: options.generation ?? 0 });
  const map = await readMap(options, system);
  const registered = await registerSession(options, system, [...map.values()]);
  const { clock } = options.platform;
  const place = { id: systemPartitionId, engine: system, range: undefined };
  const partitions = [...map].map(([{ id, row }, engine]) => {
    const partition = new EnginePartition(
      { id, engine, range: row },
      clock,
      must(registered.get(engine), "a partition's engine without a session"),
    );
    return { partition, range: row };
  });
  const all = partitions.map(({ partition }) => partition);
  const own = must(registered.get(system), "no session in the system partition");
  return {
    session: own.session,
    system: new EnginePartition(place, clock, own),
    partitions: all,
    partitionOf(bucket, key) {
      const routed = routedForm(bucket, key);
      const found = partitions.find(({ range }) => isInRange(range, routed));
      return must(found, "the map has a gap").partition;
    },
    partitionsOf(bucket) {
      return partitions
        .filter(({ range }) => overlapsBucket(range, bucket))
        .map(({ partition }) => partition);
    },
  };
}

interface MapEntry {
  readonly id: PartitionId;
  readonly row: PartitionRow;
}

/** The map in key order, each partition having said of itself what the map says of it. */
async function readMap(options: KeymapOptions, system: Engine): Promise<Map<MapEntry, Engine>> {
  const rows = await system.scan(spaceRange(space.partitions), { limit: scanRowsMax });
  assert(rows.length < scanRowsMax, "more partitions than a map may have");
  const entries = rows.map(({ key, value }) => ({
    id: idOfKey<PartitionId>(key),
    row: decodePartitionRow(value),
  }));
  entries.sort((a, b) => compareBytes(a.row.start, b.row.start));
  const map = new Map<MapEntry, Engine>();
  let end: Uint8Array = noBytes;
  for (const entry of entries) {
    if (!equalBytes(entry.row.start, end)) throw new StoreError("corrupt", "the map has a gap");
    end = entry.row.end;
    const engine = options.engines.get(entry.row.engine);
    if (engine === undefined) {
      const where = `partition ${entry.id} lies in engine "${entry.row.engine}"`;
      throw new StoreError("unavailable", `${where}, which is not configured: configure it`);
    }
    const self = await readRow(engine, partitionSelfKey());
    if (self === undefined || !equalBytes(self.value, encodePartitionRow(entry.row))) {
      throw new StoreError("unavailable", `partition ${entry.id} is not what the map says it is`);
    }
    map.set(entry, engine);
  }
  if (map.size === 0 || end.length > 0) throw new StoreError("corrupt", "the map has a gap");
  return map;
}

/**
 * A new session in every engine. The lease comes first, so that whoever fences dead sessions learns of this one
 * however far it gets; the system's session row comes last and checks the lease, so that a session fenced meanwhile
 * never begins.
 */
async function registerSession(
  options: KeymapOptions,
  system: Engine,
  engines: readonly Engine[],
): Promise<Map<Engine, RegisteredSession>> {
  const { platform } = options;
  const counted = await countUp("sessions", system, async (change) => {
    return (await commitEarly(platform, system, change)) !== "conflict";
  });
  const id = counted as SessionId; // what that counter counts
  const session = new Session(id);
  const now = platform.clock.now();
  const lease = await commitEarly(platform, system, {
    checks: [{ key: leaseKey(id), expect: "absent" }],
    puts: [{ key: leaseKey(id), value: encodeLeaseRow({ period: 0, oldestReadPeriod: 0 }) }],
    deletes: [],
  });
  assert(lease !== "conflict", `session ${id} has a lease although its id is new`);
  const value = encodeSessionRow({ startedMs: now, role: options.role });
  const out = new Map<Engine, RegisteredSession>();
  for (const engine of [...engines.filter((one) => one !== system), system]) {
    if (out.has(engine)) continue;
    const checks = [{ key: sessionKey(id), expect: "absent" as ChangeId | "absent" }];
    if (engine === system) checks.push({ key: leaseKey(id), expect: lease });
    const puts = [{ key: sessionKey(id), value }];
    const stamp = await commitEarly(platform, engine, { checks, puts, deletes: [] });
    if (stamp === "conflict") throw new StoreError("fenced", "fenced while starting: start again");
    out.set(engine, { session, stamp });
  }
  return out;
}
