import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../base/assert.ts";
import { encodeUtf8, noBytes } from "../base/bytes.ts";
import { isStoreError } from "../base/errors.ts";
import type { StoreErrorCode } from "../base/errors.ts";
import type { Change, CommitResult, Engine, Row } from "../engine/engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { prefixedEngine } from "../engine/prefixed-engine.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { firstLayout } from "../format/extent-row.ts";
import type { BucketId, ChangeId, PartitionId, StoreId } from "../format/ids.ts";
import {
  headKey,
  leaseKey,
  bucketFenceKey,
  garbageBatchKey,
  partitionKey,
  partitionPrefix,
  partitionSelfKey,
  rowKeyOf,
  routedRange,
  sessionKey,
  space,
  spaceRange,
  storeKey,
  versionKey,
} from "../format/row-keys.ts";
import { decodeStoreRow, encodePartitionRow, encodeStoreRow } from "../format/system-rows.ts";
import { createHash } from "../node/platform/hash.ts";
import { nextId } from "./counters.ts";
import { createExtentTable } from "./index-extent-table.ts";
import { createLease, renewLease } from "./leases.ts";
import { firstPartitionId } from "./first-rows.ts";
import { openKeymap } from "./open-keymap.ts";
import { EnginePartition, readHeldRange } from "./partition/engine-partition.ts";
import { snapshotWaitersMax, snapshotsMax } from "./partition/engine-partition.ts";
import { PartitionMap } from "./partition/partition-map.ts";
import { routedForm } from "./partition/routed-form.ts";
import { ReadTracker } from "./read-tracker.ts";
import type { Keymap, Session } from "./keymap.ts";
import { fenceSession, listSessions } from "./sessions.ts";
import { openTestKeymap } from "./testing/open-test-keymap.ts";
import { createTestPlatform } from "./testing/test-platform.ts";
import { readRow } from "../engine/engine.ts";
import { idOfText } from "../format/ids.ts";

const platform = createTestPlatform(createHash());
const bucket = 1 as BucketId;
const key = (text: string): Uint8Array => encodeUtf8(text);
const head = (text: string): Uint8Array => headKey(bucket, key(text));
const failsWith = (code: StoreErrorCode) => (thrown: unknown) => isStoreError(thrown, code);

const inFirst = (engine: Engine) => prefixedEngine(engine, partitionPrefix(firstPartitionId));
const open = (engine: Engine, store?: StoreId) =>
  openTestKeymap({ platform, engines: new Map([["index", engine]]), role: "tool", store });

function put(session: Session, rowKey: Uint8Array, expect?: ChangeId | "absent"): Change {
  const checks = expect === undefined ? [] : [{ key: rowKey, expect }];
  const puts = [{ key: rowKey, value: noBytes }];
  return { id: session.nextChangeId(), checks, puts, deletes: [] };
}

/** An engine whose commits go through `around`. */
function wrap(engine: Engine, around: (change: Change) => Promise<CommitResult>): Engine {
  return {
    read: (keys) => engine.read(keys),
    scan: (range, options) => engine.scan(range, options),
    commit: around,
    snapshot: () => engine.snapshot(),
    statistics: () => engine.statistics(),
    close: () => engine.close(),
  };
}

test("first rows are made once, and a new session each time", async () => {
  const engine = createMemoryEngine();
  const [first, second] = await Promise.all([open(engine), open(engine)]);
  const third = await open(engine);
  const sessions = [first, second, third].map(({ session }) => session.id);
  assert.deepEqual(new Set<number>(sessions), new Set([1, 2, 3]));
  assert.equal(third.partitions.length, 1);
  assert.equal(third.partitionOf(bucket, key("a")), third.partitions[0]);
  assert.deepEqual(third.partitionsOf(bucket), third.partitions);
  assert.equal((await listSessions(third)).length, 3);
});

test("openKeymap refuses the index of another store, and gives a new one the id it was passed", async () => {
  const engine = createMemoryEngine();
  const mine = idOfText<StoreId>("0123456789abcdef0123456789abcdef");
  await open(engine, mine);
  await open(engine, mine);
  const row = await readRow(engine, storeKey());
  assert.equal(decodeStoreRow(row!.value).store, mine);
  await assert.rejects(open(engine, idOfText<StoreId>("f".repeat(32))), failsWith("foreign"));
});

test("C5: a fenced session can commit nothing, in no partition", async () => {
  const engine = createMemoryEngine();
  const [victim, other] = [await open(engine), await open(engine)];
  await fenceSession(other, victim.session.id);
  await fenceSession(other, victim.session.id);
  for (const partition of [victim.system, ...victim.partitions]) {
    const rowKey = partition === victim.system ? leaseKey(victim.session.id) : head("a");
    await assert.rejects(partition.commit(put(victim.session, rowKey)), failsWith("fenced"));
  }
  assert.equal(await readRow(inFirst(engine), head("a")), undefined);
  assert.deepEqual(
    (await listSessions(other)).map(({ session }) => session),
    [other.session.id],
  );
  const lease = createLease({ platform, keymap: victim, reads: new ReadTracker() });
  await assert.rejects(lease.run(new AbortController().signal), failsWith("fenced"));
});

test("C1: a session fenced while it registers never begins", async () => {
  const engine = createMemoryEngine();
  const other = await open(engine);
  const fencing = wrap(engine, async (change) => {
    const result = await engine.commit(change);
    const lease = change.puts.find((row) => row.key[0] === space.leases);
    if (lease !== undefined) {
      for (const { session } of await listSessions(other)) {
        if (session !== other.session.id) await fenceSession(other, session);
      }
    }
    return result;
  });
  await assert.rejects(open(fencing), failsWith("fenced"));
  assert.equal((await engine.scan(spaceRange(space.sessions), { limit: 10 })).length, 1);
});

/** Which engine holds the keys up to "m", and which the others. */
interface Halves {
  readonly system: Engine;
  readonly north: Engine;
  readonly south: Engine;
}

const [northId, southId] = [1, 2] as [PartitionId, PartitionId];
const inNorth = (engine: Engine) => prefixedEngine(engine, partitionPrefix(northId));
const inSouth = (engine: Engine) => prefixedEngine(engine, partitionPrefix(southId));
let made = 0;

/** Puts rows without a session, as a split does. */
async function putRows(engine: Engine, ...puts: Change["puts"]): Promise<void> {
  const id = idOfText<ChangeId>((++made).toString(16).padStart(32, "f"));
  assert.deepEqual(await engine.commit({ id, checks: [], puts, deletes: [] }), { outcome: "ok" });
}

/** Two partitions that meet at a key; called again, the boundary moves and a new epoch begins. */
async function divide(
  { system, north, south }: Halves,
  boundary: string,
  epoch: number,
): Promise<void> {
  const middle = routedForm(bucket, key(boundary));
  const rows = [
    { start: noBytes, end: middle, epoch, engine: "north" },
    { start: middle, end: noBytes, epoch, engine: "south" },
  ].map(encodePartitionRow);
  await putRows(inNorth(north), { key: partitionSelfKey(), value: rows[0]! });
  await putRows(inSouth(south), { key: partitionSelfKey(), value: rows[1]! });
  const ids = [northId, southId];
  await putRows(system, ...rows.map((value, i) => ({ key: partitionKey(ids[i]!), value })));
}

/** Opens the keymap of two partitions, in engines of their own or in one. */
async function openHalves(halves: Halves): Promise<() => Promise<Keymap>> {
  const store = { store: idOfText<StoreId>("a".repeat(32)), generation: 0, createdMs: 0 };
  await putRows(halves.system, { key: storeKey(), value: encodeStoreRow(store) });
  await divide(halves, "m", 1);
  const engines = new Map<string, Engine>(Object.entries(halves));
  return () => openKeymap({ platform, engines, role: "front-end" });
}

function inOneEngine(): Halves {
  const engine = createMemoryEngine();
  return { system: engine, north: engine, south: engine };
}

test("a session is registered, and fenced, in each partition of the map", async () => {
  const [system, north, south] = [createMemoryEngine(), createMemoryEngine(), createMemoryEngine()];
  const halves = { system, north, south };
  const openBoth = await openHalves(halves);
  const [victim, other] = [await openBoth(), await openBoth()];
  assert.deepEqual(victim.partitionsOf(bucket), victim.partitions);
  assert.deepEqual(victim.partitionsOf(2 as BucketId), [victim.partitions[1]]);
  for (const name of ["a", "z"]) {
    const partition = victim.partitionOf(bucket, key(name));
    assert.deepEqual(await partition.commit(put(victim.session, head(name))), { outcome: "ok" });
  }
  assert.ok(await readRow(inNorth(north), head("a")));
  assert.ok(await readRow(inSouth(south), head("z")));
  const places = [system, inNorth(north), inSouth(south)];
  const ofVictim = sessionKey(victim.session.id);
  for (const engine of places) assert.notEqual(await readRow(engine, ofVictim), undefined);
  await fenceSession(other, victim.session.id);
  for (const engine of places) assert.equal(await readRow(engine, ofVictim), undefined);
  const wrong = victim.partitions[1]!;
  await assert.rejects(
    async () => readRow(wrong, head("a")),
    failsWith("unavailable"),
    "a stale map",
  );
});

test("two partitions in one engine do not see each other's rows", async () => {
  const openBoth = await openHalves(inOneEngine());
  const keymap = await openBoth();
  const [north, south] = keymap.partitions;
  const fence = bucketFenceKey(bucket);
  await north!.commit(put(keymap.session, fence));
  assert.equal(await readRow(south!, fence), undefined);
  await south!.commit(put(keymap.session, fence, "absent"));
  await north!.commit(put(keymap.session, head("a")));
  assert.deepEqual(await south!.scan(spaceRange(space.heads), { limit: 9 }), []);
  assert.equal((await north!.scan(spaceRange(space.heads), { limit: 9 })).length, 1);
  const batch = garbageBatchKey(1);
  for (const partition of [north!, south!]) {
    const outcome = await partition.commit(put(keymap.session, batch, "absent"));
    assert.deepEqual(outcome, { outcome: "ok" });
  }
  const self = await north!.read([partitionSelfKey()]);
  assert.notDeepEqual(self[0]?.value, (await readRow(south!, partitionSelfKey()))?.value);
});

test("C7: a commit of an old epoch is refused, and the keymap finds the partition that holds its keys now", async () => {
  const halves = inOneEngine();
  const openBoth = await openHalves(halves);
  const stale = await openBoth();
  const [north, south] = stale.partitions;
  const written = put(stale.session, head("l"), "absent");
  await divide(halves, "k", 2);
  assert.equal(stale.partitionOf(bucket, key("l")), north);
  assert.deepEqual(await north!.commit(written), { outcome: "ok" });
  assert.equal(await readRow(inNorth(halves.north), head("l")), undefined);
  assert.notEqual(await readRow(inSouth(halves.south), head("l")), undefined);
  assert.equal(stale.partitionOf(bucket, key("l")), south);
  // What is not routed stays with its partition, whatever that holds.
  await divide(halves, "j", 3);
  const fence = bucketFenceKey(bucket);
  assert.deepEqual(await north!.commit(put(stale.session, fence, "absent")), { outcome: "ok" });
  assert.notEqual(await readRow(inNorth(halves.north), fence), undefined);
});

test("C6: a commit gives up where the partition begins a new epoch each time", async () => {
  const halves = inOneEngine();
  await openHalves(halves);
  let epoch = 1;
  const restless = wrap(halves.north, async (change) => {
    if (change.puts.some(({ key: stored }) => rowKeyOf(stored)[0] === space.heads)) {
      await divide(halves, "m", ++epoch);
    }
    return halves.north.commit(change);
  });
  const engines = new Map<string, Engine>(Object.entries({ ...halves, north: restless }));
  const keymap = await openKeymap({ platform, engines, role: "tool" });
  const change = put(keymap.session, head("a"));
  await assert.rejects(keymap.partitions[0]!.commit(change), failsWith("unavailable"));
  assert.ok(epoch < 10);
});

test("a partition keeps to its range and its spaces", async () => {
  const engine = createMemoryEngine();
  const wide = await open(engine);
  const { session } = wide;
  const id = 7 as PartitionId;
  const own = prefixedEngine(engine, partitionPrefix(id));
  const range = { start: routedForm(bucket, key("b\0")), end: routedForm(bucket, key("d")) };
  const self = encodePartitionRow({ ...range, epoch: 1, engine: "index" });
  await putRows(
    own,
    { key: partitionSelfKey(), value: self },
    { key: sessionKey(session.id), value: noBytes },
  );
  const { stamp } = (await readRow(own, sessionKey(session.id)))!;
  const place = { id, engine: own, held: await readHeldRange(id, own) };
  const map = new PartitionMap();
  const partition = new EnginePartition(place, { clock: platform.clock, map }, { session, stamp });
  for (const name of ["a", "b", "b\0", "b\0\0", "c", "d"]) {
    const rows = [head(name), versionKey(bucket, key(name), 1)];
    await putRows(own, ...rows.map((rowKey) => ({ key: rowKey, value: noBytes })));
  }
  for (const spaceByte of [space.heads, space.versions]) {
    const found = await partition.scan(spaceRange(spaceByte, bucket), { limit: 10 });
    assert.equal(found.length, 3, `space ${spaceByte}`);
  }
  await assert.rejects(async () => readRow(partition, head("b")), failsWith("unavailable"));
  await assert.rejects(
    partition.commit(put(session, versionKey(bucket, key("d"), 1))),
    failsWith("unavailable"),
  );
  assert.equal(
    (await own.scan(routedRange(space.versions, bucket, key("b")), { limit: 9 })).length,
    1,
  );
  await assert.rejects(
    async () => readRow(partition, storeKey()),
    /a row of space 1 in partition 7/,
  );
});

test("unknown: a commit that happened is answered ok", async () => {
  const engine = createMemoryEngine();
  const keymap = await open(
    wrap(engine, async (change) => {
      const result = await engine.commit(change);
      return result.outcome === "ok" ? { outcome: "unknown", cause: "lost" } : result;
    }),
  );
  const change = put(keymap.session, head("a"), "absent");
  assert.deepEqual(await keymap.partitions[0]!.commit(change), { outcome: "ok" });
});

test("unknown: only what the rows prove is claimed", async () => {
  const engine = createMemoryEngine();
  let lose: (change: Change) => Promise<unknown> = (change) => engine.commit(change);
  const keymap = await open(
    wrap(engine, async (change) => {
      if (change.puts.some((row) => rowKeyOf(row.key)[0] === space.heads)) {
        await lose(change);
        return { outcome: "unknown", cause: "lost" };
      }
      return engine.commit(change);
    }),
  );
  const other = await open(engine);
  const [partition] = keymap.partitions;
  const first = put(keymap.session, head("a"), "absent");
  lose = async () => {};
  await assert.rejects(partition!.commit(first), failsWith("unknown"), "absent proves nothing");

  await other.partitions[0]!.commit(put(other.session, head("a")));
  const stamp = (await readRow(inFirst(engine), head("a")))!.stamp;
  const replaced = put(keymap.session, head("a"), stamp);
  await assert.rejects(partition!.commit(replaced), failsWith("unavailable"), "it did not happen");

  lose = async (change) => {
    await engine.commit(change);
    await other.partitions[0]!.commit(put(other.session, head("a")));
  };
  const overtaken = put(keymap.session, head("a"), stamp);
  await assert.rejects(partition!.commit(overtaken), failsWith("unknown"), "others came after it");
});

test("nextId gives no id twice, in any process", async () => {
  const engine = createMemoryEngine();
  const keymaps = [await open(engine), await open(engine)];
  const ids = await Promise.all(
    Array.from({ length: 40 }, (_, i) => nextId(keymaps[i % 2]!, "buckets")),
  );
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
});

test("the extent table replaces and removes only what it read", async () => {
  const engine = createMemoryEngine();
  const table = createExtentTable(await open(engine));
  const row: ExtentRow = {
    state: "open",
    scheme: { kind: "replicated", copies: 1, quorum: 1 },
    members: [],
    epoch: 1,
    session: (await open(engine)).session.id,
    storageClass: "STANDARD",
    bucketScheme: undefined,
    createdMs: 1,
    sealedMs: 0,
    length: 0,
    deadBytes: 0,
    droppedMs: 0,
    ...firstLayout,
  };
  const [first, second] = [await table.create(row), await table.create(row)];
  assert.ok(!("refusedBy" in first || "refusedBy" in second));
  assert.deepEqual(await table.list(undefined, 10), [first, second]);
  assert.deepEqual(await table.list(first.id, 10), [second]);
  const sealed = await table.replace(first, { ...row, state: "sealed" });
  assert.ok(sealed !== "conflict");
  assert.deepEqual(await table.get(first.id), sealed);
  assert.equal(await table.replace(first, row), "conflict");
  assert.equal(await table.remove(first), "conflict");
  assert.equal(await table.remove(sealed), "ok");
  assert.equal(await table.get(first.id), undefined);
});

test("a lease says in which period the oldest read under way began", async () => {
  const own = createTestPlatform(createHash());
  const keymap = await openTestKeymap({
    platform: own,
    engines: new Map([["index", createMemoryEngine()]]),
    role: "tool",
  });
  const reads = new ReadTracker();
  const end = reads.begin();
  const leaseAfterRenewal = async () => {
    await renewLease({ platform: own, keymap, reads });
    return (await listSessions(keymap))[0]!.lease;
  };
  assert.deepEqual(await leaseAfterRenewal(), { period: 1, oldestReadPeriod: 1 });
  assert.deepEqual(await leaseAfterRenewal(), { period: 2, oldestReadPeriod: 1 });
  end();
  assert.deepEqual(await leaseAfterRenewal(), { period: 3, oldestReadPeriod: 3 });
});

test("C6: a partition reads a few snapshots at a time, each of one moment; too many waiting are overloaded", async () => {
  const keymap = await open(createMemoryEngine());
  const [partition] = keymap.partitions;
  const { session } = keymap;
  const stop = Promise.withResolvers<undefined>();
  const seen: (Row | undefined)[] = [];
  let underWay = 0;
  let most = 0;
  const read = async () =>
    partition!.inSnapshot(async (reader) => {
      most = Math.max(most, ++underWay);
      await stop.promise;
      seen.push(await readRow(reader, head("k")));
      underWay--;
    });
  const reads = Array.from({ length: snapshotsMax + snapshotWaitersMax }, read);
  await assert.rejects(read(), failsWith("overloaded"));
  await partition!.commit(put(session, head("k")));
  stop.resolve(undefined);
  await Promise.all(reads);
  assert.equal(most, snapshotsMax);
  assert.equal(seen.filter((row) => row === undefined).length, snapshotsMax);
  await assert.rejects(
    async () => partition!.inSnapshot((reader) => readRow(reader, storeKey())),
    AssertionError,
  );
});
