import { assert, must } from "../base/assert.ts";
import { compareBytes, equalBytes, noBytes, toHex } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Change, Engine } from "../engine/engine.ts";
import { scanRowsMax } from "../engine/engine.ts";
import type { ChangeId, PartitionId, SessionId, StoreId } from "../format/ids.ts";
import {
  idOfKey,
  leaseKey,
  partitionKey,
  partitionSelfKey,
  sessionKey,
  space,
  spaceRange,
  storeKey,
} from "../format/row-keys.ts";
import type { PartitionRow, SessionRow } from "../format/system-rows.ts";
import {
  decodePartitionRow,
  decodeStoreRow,
  encodeLeaseRow,
  encodePartitionRow,
  encodeSessionRow,
  encodeStoreRow,
} from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { countUp } from "./counters.ts";
import type { Keymap } from "./keymap.ts";
import type { RegisteredSession } from "./partition/engine-partition.ts";
import { EnginePartition } from "./partition/engine-partition.ts";
import { resolveCommit } from "./partition/resolve-commit.ts";
import { isInRange, overlapsBucket, routedForm } from "./partition/routed-form.ts";
import { Session } from "./session.ts";

export interface KeymapOptions {
  readonly platform: Platform;
  /** By the names the map uses. The first holds the system partition, and all else in a new store. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly role: SessionRow["role"];
  /** The store the caller expects (of its data directories), and the id of a new one; StoreError `foreign` otherwise. */
  readonly store?: StoreId | undefined;
}

const systemPartitionId = 0 as PartitionId; // partitions of the map count from 1
const firstPartitionId = 1 as PartitionId;

/**
 * Opens the index under a new session, making the first rows where there are none. Costs a handful of commits, however
 * many keys there are.
 */
export async function openKeymap(options: KeymapOptions): Promise<Keymap> {
  const [home] = options.engines;
  const [name, system] = must(home, "a keymap needs an engine");
  await claimStore(options, name, system);
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

/** Ids of changes made before there is a session: random, which no session's can be (they begin with zeros). */
function earlyChangeId(platform: Platform): ChangeId {
  return toHex(platform.random.bytes(16)) as ChangeId; // made to be one
}

/** Commits without a session; the id of the change if it happened. */
async function commitEarly(
  platform: Platform,
  engine: Engine,
  change: Omit<Change, "id">,
): Promise<ChangeId | "conflict"> {
  const whole = { ...change, id: earlyChangeId(platform) };
  const result = await engine.commit(whole);
  if (result.outcome === "conflict") return "conflict";
  if (result.outcome === "ok") return whole.id;
  const answer = await resolveCommit(engine, platform.clock, whole, result.cause);
  if (answer === "happened") return whole.id;
  throw new StoreError("unavailable", "the index did not take a commit", { cause: result.cause });
}

/** Makes the store's first rows unless they are there; of several processes, one does. */
async function claimStore(options: KeymapOptions, name: string, system: Engine): Promise<void> {
  const { platform } = options;
  const present = await system.get(storeKey());
  if (present === undefined) {
    const store = options.store ?? (toHex(platform.random.bytes(16)) as StoreId); // made to be one
    const whole = encodePartitionRow({ start: noBytes, end: noBytes, epoch: 1, engine: name });
    await commitEarly(platform, system, {
      checks: [{ key: storeKey(), expect: "absent" }],
      puts: [
        { key: storeKey(), value: encodeStoreRow({ store, createdMs: platform.clock.now() }) },
        { key: partitionKey(firstPartitionId), value: whole },
        { key: partitionSelfKey(), value: whole },
      ],
      deletes: [],
    });
  }
  const row = must(present ?? (await system.get(storeKey())), "no store row after making it");
  const { store } = decodeStoreRow(row.value);
  if (options.store !== undefined && options.store !== store) {
    const fix = "give the data directories that belong together";
    throw new StoreError("foreign", `the index is of store ${store}, not ${options.store}: ${fix}`);
  }
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
    const self = await engine.get(partitionSelfKey());
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
    puts: [{ key: leaseKey(id), value: encodeLeaseRow({ renewedMs: now, oldestReadMs: now }) }],
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
