import assert from "node:assert/strict";
import { test } from "node:test";
import { createLoggedEngine } from "../../engine/logged-engine.ts";
import { createMemoryEngine } from "../../engine/memory-engine.ts";
import { bytesOf, ChangeMaker } from "../../engine/suite/rows.suite.ts";
import { chainFrom } from "../../engine/commit-chain.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { localLogDisks, shippedDisk } from "../../extent/local-log-members.ts";
import { findRecords, findSegments, LogRecordReader } from "../../extent/log-scan.ts";
import { findSnapshotsOn, readSnapshotRows } from "../../extent/snapshot-files.ts";
import { StoreError } from "../../base/errors.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import { fetchShipped } from "./fetch-shipped.ts";
import { logWriterOf } from "../../extent/testing/log-writer.ts";
import { settle } from "../../extent/testing/manual-clock.ts";
import { MemoryDisk } from "../../extent/testing/memory-disk.ts";
import { TestStore } from "../../extent/testing/test-store.ts";
import { logHeaderBytes } from "../../format/log-segment.ts";
import { makeFirstRows } from "../../keymap/first-rows.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import { DirectoryTarget } from "./directory-target.ts";
import { IndexShipping } from "./index-shipping.ts";
import { IndexSnapshots } from "../index-snapshots.ts";

const hash = createHash();
const { signal } = new AbortController();

async function shippingStore() {
  const store = await TestStore.create(hash, 3);
  const { platform, disks, clock } = store;
  const segmentBytes = logHeaderBytes + 4 * 512;
  const log = logWriterOf(hash, store, { writer: "00000000000000aa", segmentBytes });
  const index = createLoggedEngine(createMemoryEngine(), log, hash);
  await makeFirstRows({ platform, engine: index, engineName: "main", store: disks.store });
  const changes = new ChangeMaker();
  let count = 0;
  const commit = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const key = bytesOf(`key ${++count}`);
      await index.commit(changes.put({ key, value: key }));
    }
    await settle();
  };
  const snapshot = async (): Promise<void> => {
    const task = new IndexSnapshots({ platform, index, disks });
    task.ask();
    while ((await task.step()) === "busy");
  };
  const to = new MemoryDisk("/shipped");
  const target = new DirectoryTarget(to);
  const open = (shipTo: ShippingTarget = target, recordsAtOnce?: number) =>
    new IndexShipping({ platform, index, disks, target: shipTo, everyMs: 0, recordsAtOnce });
  return { store, commit, snapshot, to, target, open, clock };
}

const behindAndSequence = ({ statistics }: IndexShipping) => [
  statistics.sequence,
  statistics.behind,
];

const filesOf = (to: MemoryDisk, kind: string): string[] =>
  [...to.files.keys()].filter((path) => path.includes(`/${kind}/`));

/** The rows of an index that is made from what was fetched. */
async function remade(store: TestStore, target: ShippingTarget): Promise<Map<string, string>> {
  const { platform, disks } = store;
  const to = new MemoryDisk("/fetched");
  const fetching = {
    platform,
    target,
    store: disks.store,
    to,
    signal,
    onProgress: () => undefined,
  };
  assert.ok(await fetchShipped({ ...fetching, isWanted: () => true }));
  const [snapshot] = await findSnapshotsOn(platform, disks.store, to);
  assert.ok(snapshot);
  const rows = new Map<string, string>();
  const put = ({ key, value }: { key: Uint8Array; value: Uint8Array }): void => {
    rows.set(textOf(key), textOf(value));
  };
  const { position } = snapshot.head;
  for await (const some of readSnapshotRows(hash, to, position.sequence)) some.forEach(put);
  const place = { store: disks.store, disks: [localDataDisk(hash, shippedDisk, to)] };
  const { segments } = await findSegments(hash, disks.store, localLogDisks(hash, place));
  const found = await findRecords(hash, segments, position);
  const { records, gapBefore } = chainFrom(position, found.records);
  assert.equal(gapBefore, undefined);
  const reader = new LogRecordReader(hash);
  for (const record of records) {
    for (const { puts } of (await reader.read(record)).changes) puts.forEach(put);
  }
  await reader.close();
  return rows;
}

const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

test("index shipping: snapshot and records, from where it was, also by another process", async () => {
  const { store, commit, snapshot, to, target, open } = await shippingStore();
  const first = open();
  await commit(3);
  assert.equal(await first.step(signal), "idle");
  assert.equal(first.statistics.sequence, undefined); // there is no snapshot to begin with
  await snapshot();
  for (let rounds = 0; rounds < 3; rounds++) {
    await commit(2);
    await first.step(signal);
  }
  assert.deepEqual(behindAndSequence(first), [10, 0]);
  assert.equal(filesOf(to, "log").length, 1, "a short file is put again, longer");
  await first.close();
  const second = open();
  await commit(2);
  await second.step(signal);
  assert.deepEqual(behindAndSequence(second), [12, 0]);
  assert.equal(filesOf(to, "log").length, 2);
  await second.close();
  const rows = await remade(store, target);
  for (let i = 1; i <= 11; i++) assert.equal(rows.get(`key ${i}`), `key ${i}`);
});

test("index shipping: where the log was trimmed before it was shipped, a snapshot bridges the gap", async () => {
  const { store, commit, snapshot, to, target, open, clock } = await shippingStore();
  const shipping = open();
  await commit(2);
  await snapshot();
  await shipping.step(signal);
  to.before = () => {
    throw new DiskError("missing", "the directory has gone");
  };
  for (let round = 0; round < 4; round++) {
    await commit(10);
    await snapshot();
    await assert.rejects(shipping.step(signal), DiskError);
    await clock.advance(1000);
  }
  assert.equal(shipping.statistics.behind, 40);
  assert.equal(shipping.statistics.lagMs, 4000);
  await commit(3);
  to.before = () => undefined;
  for (let steps = 0; steps < 3; steps++) await shipping.step(signal);
  assert.deepEqual(behindAndSequence(shipping), [46, 0]);
  assert.equal(shipping.statistics.lagMs, 0);
  await shipping.close();
  assert.equal((await remade(store, target)).get("key 45"), "key 45");
});

test("C6: index shipping remembers few records, however long its target is away", async () => {
  const { store, commit, snapshot, to, target, open, clock } = await shippingStore();
  const recordsAtOnce = 16;
  const shipping = open(target, recordsAtOnce);
  await commit(5);
  await snapshot();
  while ((await shipping.step(signal)) === "busy");
  to.before = () => {
    throw new DiskError("missing", "the directory has gone");
  };
  const roundMs = 5000;
  for (let round = 1; round <= 6; round++) {
    await commit(20);
    await assert.rejects(shipping.step(signal), DiskError);
    await clock.advance(roundMs);
    const { behind, lagMs, placesHeld } = shipping.statistics;
    assert.deepEqual([behind, lagMs], [round * 20, round * roundMs]);
    assert.ok(placesHeld <= recordsAtOnce, `${placesHeld} places`);
  }
  to.before = () => undefined;
  let placesMax = 0;
  for (let isMore = true; isMore;) {
    isMore = (await shipping.step(signal)) === "busy";
    placesMax = Math.max(placesMax, shipping.statistics.placesHeld);
    // A commit between two looks is shipped in its turn.
    if (shipping.statistics.behind > 90) await commit(1);
  }
  await shipping.step(signal);
  assert.equal(shipping.statistics.behind, 0);
  assert.equal(shipping.statistics.lagMs, 0);
  assert.ok(placesMax <= recordsAtOnce, `${placesMax} places`);
  await shipping.close();
  const rows = await remade(store, target);
  for (let i = 1; i <= 125; i++) assert.equal(rows.get(`key ${i}`), `key ${i}`);
});

test("index shipping: a disk that goes while its records are to be shipped is read around", async () => {
  const { store, commit, snapshot, target, open } = await shippingStore();
  const shipping = open(target, 8);
  await snapshot();
  await commit(2);
  while ((await shipping.step(signal)) === "busy");
  await commit(30);
  const isLog = (path: string): boolean => path.startsWith("log/");
  for (const disk of store.memoryDisks.slice(0, 2)) {
    for (const path of [...disk.files.keys()].filter(isLog)) disk.files.delete(path);
  }
  for (let isMore = true; isMore;) isMore = (await shipping.step(signal)) === "busy";
  assert.equal(shipping.statistics.behind, 0);
  await shipping.close();
  assert.equal((await remade(store, target)).get("key 32"), "key 32");
});

test("index shipping: puts that happened and were not answered leave a whole chain, and are removed in the end", async () => {
  const { store, commit, snapshot, to, target, open } = await shippingStore();
  let failures = 0;
  const unsure: ShippingTarget = {
    name: target.name,
    list: (directory) => target.list(directory),
    get: (name) => target.get(name),
    remove: (name) => target.remove(name),
    put: async (name, bytes) => {
      await target.put(name, bytes);
      if (failures++ % 2 === 0) throw new StoreError("unavailable", "the connection broke");
    },
  };
  const shipping = open(unsure);
  await snapshot();
  const rounds = 6;
  for (let round = 0; round < rounds; round++) {
    await commit(3);
    let broken = 0;
    do await shipping.step(signal).catch(() => broken++);
    while (shipping.statistics.behind > 0);
    assert.ok(broken > 0);
  }
  const rows = await remade(store, target);
  for (let i = 1; i <= 3 * rounds; i++) assert.equal(rows.get(`key ${i}`), `key ${i}`);
  const before = filesOf(to, "log").length;
  for (let snapshots = 0; snapshots < 2; snapshots++) {
    await snapshot();
    const { sequence } = shipping.statistics;
    await commit(1);
    do await shipping.step(signal).catch(() => undefined);
    while (shipping.statistics.sequence === sequence);
  }
  assert.ok(filesOf(to, "log").length < before, `${before} files`);
  assert.equal(filesOf(to, "snapshots").length, 2);
  await shipping.close();
  assert.equal((await remade(store, target)).get("key 18"), "key 18");
});

test("fetching a shipped index: a damaged snapshot is left out, and the older one taken", async () => {
  const { store, commit, snapshot, to, target, open } = await shippingStore();
  const shipping = open();
  for (let snapshots = 0; snapshots < 2; snapshots++) {
    await commit(5);
    await snapshot();
    while ((await shipping.step(signal)) === "busy");
  }
  await shipping.close();
  const newest = filesOf(to, "snapshots").toSorted().at(-1) ?? "";
  const bytes = to.files.get(newest)?.slice() ?? new Uint8Array();
  bytes[bytes.length - 40] = 0xff ^ (bytes[bytes.length - 40] ?? 0);
  to.files.set(newest, bytes);
  assert.equal((await remade(store, target)).get("key 10"), "key 10");
  assert.ok(store.logged.some(({ event }) => event === "shipped_snapshot_damaged"));
  to.files.delete(filesOf(to, "snapshots").toSorted()[0] ?? "");
  await assert.rejects(remade(store, target), /no good snapshot of the index to begin with/);
});
