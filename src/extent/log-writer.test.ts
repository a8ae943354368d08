import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { chainFrom } from "../engine/commit-chain.ts";
import { recordAfter } from "../engine/commit-log.ts";
import type { LogPosition } from "../format/commit-record.ts";
import { firstLogPosition } from "../format/commit-record.ts";
import { encodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { logHeaderBytes } from "../format/log-segment.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { logWriterOf } from "./testing/log-writer.ts";
import { settle } from "./testing/manual-clock.ts";
import { TestStore } from "./testing/test-store.ts";
import { ZonedDisks } from "./testing/zoned-disks.ts";
import { localLogDisks } from "./local-log-members.ts";
import { findRecords, findSegments, LogRecordReader } from "./log-scan.ts";
import { trimLog } from "./log-trim.ts";
import type { LogWriter, LogWriterOptions } from "./log-writer.ts";

const hash = createHash();

/** A log on some disks, and a chain of records that are appended to it. */
class TestLog {
  readonly store: TestStore;
  readonly writer: LogWriter;
  position: LogPosition = firstLogPosition;

  constructor(store: TestStore, options: Partial<LogWriterOptions> = {}) {
    this.store = store;
    this.writer = logWriterOf(hash, store, { generation: 3, ...options });
  }

  static async create(disks: number, options?: { segmentBytes?: number }): Promise<TestLog> {
    return new TestLog(await TestStore.create(hash, disks), options);
  }

  async append(quorumRow?: Uint8Array): Promise<void> {
    const { bytes, position } = recordAfter({ log: this.writer, hash }, this.position, []);
    await this.writer.append(position.sequence, bytes, quorumRow);
    this.position = position;
  }

  async found(without: readonly number[] = []) {
    const disks = localLogDisks(hash, this.store.disks).filter((_, i) => !without.includes(i));
    const { segments } = await findSegments(hash, this.store.disks.store, disks);
    return { segments, ...(await findRecords(hash, segments, firstLogPosition)) };
  }

  async sequences(without: readonly number[] = []): Promise<number[]> {
    const { records } = await this.found(without);
    return chainFrom(firstLogPosition, records).records.map(({ sequence }) => sequence);
  }

  logFiles(disk: number): string[] {
    const paths = [...must(this.store.memoryDisks[disk], "a disk").files.keys()];
    return paths.filter((path) => path.startsWith("log/"));
  }
}

test("log writer: each record is on three disks, and on those there are", async () => {
  for (const [disks, copies] of [
    [1, 1],
    [2, 2],
    [5, 3],
  ] as const) {
    const log = await TestLog.create(disks);
    await log.append();
    await log.append();
    await settle();
    const { records, segments } = await log.found();
    assert.deepEqual(
      records.map(({ places }) => places.length),
      [copies, copies],
    );
    assert.equal(segments.length, copies);
    await log.writer.close();
    assert.equal(log.store.memoryDisks[0]!.filesOpen, 0);
  }
});

test("log writer: a record is read again from any of its copies", async () => {
  const log = await TestLog.create(3);
  for (let i = 0; i < 5; i++) await log.append();
  await settle();
  const reader = new LogRecordReader(hash);
  for (const without of [[], [0, 1], [1, 2], [0, 2]]) {
    assert.deepEqual(await log.sequences(without), [1, 2, 3, 4, 5]);
    const { records } = await log.found(without);
    for (const found of records) {
      const { sequence, generation } = await reader.read(found);
      assert.deepEqual([sequence, generation], [found.sequence, 3]);
    }
  }
  await reader.close();
});

test("log writer: a disk that fails is left behind, and the record goes to others", async () => {
  for (const operation of ["write", "sync", "isInPlace", "create"] as const) {
    const log = await TestLog.create(4);
    await log.append();
    const bad = must(log.store.memoryDisks[0], "a disk");
    bad.before = (asked) => {
      if (asked === operation) throw new DiskError("io", "broken");
    };
    for (let i = 0; i < 3; i++) await log.append();
    await settle();
    assert.deepEqual(await log.sequences([0]), [1, 2, 3, 4], operation);
    const { records } = await log.found([0]);
    for (const { sequence, places } of records) {
      assert.ok(places.length >= 2, `record ${sequence} has ${places.length} copies`);
    }
  }
});

test("log writer: a disk that stands still holds up nobody for longer than the limit", async () => {
  const log = await TestLog.create(3);
  await log.append();
  for (const slow of [
    must(log.store.memoryDisks[1], "a disk"),
    must(log.store.memoryDisks[2], "one"),
  ])
    slow.before = (operation) =>
      operation === "sync" ? new Promise<void>(() => undefined) : undefined;
  let outcome = "waits";
  const appended = log.append().then(
    () => (outcome = "appended"),
    (error: { code?: string }) => (outcome = String(error.code)),
  );
  await settle();
  assert.equal(outcome, "waits");
  await log.store.clock.advance(30_000);
  await appended;
  assert.equal(outcome, "unknown"); // one disk has it
  for (const disk of log.store.memoryDisks) disk.before = () => undefined;
  await log.append();
  assert.deepEqual(await log.sequences(), [1, 2]);
});

test("log writer: one of two disks goes on alone, and has the other again once it is back", async () => {
  const log = await TestLog.create(2);
  await log.append();
  const [, bad] = log.store.memoryDisks;
  assert.ok(bad !== undefined);
  bad.before = () => {
    throw new DiskError("missing", "it is gone");
  };
  for (let i = 0; i < 3; i++) await log.append();
  assert.deepEqual(await log.sequences([1]), [1, 2, 3, 4]);
  bad.before = () => undefined;
  await log.store.clock.advance(20_000);
  await log.append();
  await settle();
  const { records } = await log.found();
  const last = records.find(({ sequence }) => sequence === 5);
  assert.equal(last?.places.length, 2);
});

test("log writer: of two disks the one that has to goes on alone, and the other does not", async () => {
  const log = await TestLog.create(2);
  const [home, other] = log.store.disks.disks.map(({ id }) => id);
  assert.ok(home !== undefined && other !== undefined);
  const quorumRow = encodeLogQuorumRow({ domains: [[home], [other]], sole: home });
  const broken = () => {
    throw new DiskError("missing", "it is gone");
  };
  await log.append(quorumRow);
  log.store.memoryDisks[1]!.before = broken;
  await log.append(quorumRow);
  log.store.memoryDisks[1]!.before = () => undefined;
  log.store.memoryDisks[0]!.before = broken;
  await assert.rejects(log.append(quorumRow), { code: "unknown" }); // it may stand in the segment
  await assert.rejects(log.append(quorumRow), { code: "unavailable" });
  log.store.memoryDisks[0]!.before = () => undefined;
  assert.deepEqual(await log.sequences([1]), [1, 2]);
});

test("log writer: where too few disks take a segment nothing of the record stands anywhere", async () => {
  const log = await TestLog.create(3);
  await log.append();
  for (const disk of log.store.memoryDisks.slice(1)) {
    disk.before = (operation) => {
      if (operation === "create") throw new DiskError("full", "no space");
    };
    for (const path of disk.files.keys())
      if (path.startsWith("log/")) disk.replace(path, new Uint8Array(0));
  }
  // The files were replaced: copies of the next record stand in files without a name.
  await assert.rejects(log.append(), { code: "unknown" });
  await assert.rejects(log.append(), { code: "storage_full" });
});

test("log writer: a segment ends at its size, and trimming removes those wholly before", async () => {
  const log = await TestLog.create(3, { segmentBytes: logHeaderBytes + 3 * 512 });
  for (let i = 0; i < 8; i++) await log.append();
  await settle();
  assert.equal(log.logFiles(0).length, 3);
  const { platform } = log.store;
  const trim = async (sequence: number): Promise<number> =>
    trimLog(platform, (await log.found()).segments, sequence);
  assert.equal(await trim(2), 0);
  assert.equal(await trim(4), 3); // 1 to 3 are gone
  const { records } = await log.found();
  assert.deepEqual(
    records.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    [4, 5, 6, 7, 8],
  );
  assert.equal(await trim(8), 6); // also the one that is appended to …
  await log.append(); // … whose writer goes on in another
  await settle();
  assert.deepEqual(
    (await log.found()).records.map(({ sequence }) => sequence),
    [9],
  );
});

test("log writer: trimming keeps what its header does not prove to be the segment", async () => {
  const log = await TestLog.create(2);
  await log.append();
  await settle();
  const { segments } = await log.found();
  const disk = must(log.store.memoryDisks[0], "a disk");
  const [path = ""] = log.logFiles(0);
  disk.replace(path, disk.bytesOf(path).slice().fill(1, 0, 64));
  await trimLog(log.store.platform, segments, 1);
  assert.deepEqual(log.logFiles(0), [path]);
  assert.deepEqual(log.logFiles(1), []);
});

test("log scan: a damaged record hides none of those after it, and another copy has it", async () => {
  const log = await TestLog.create(2);
  for (let i = 0; i < 4; i++) await log.append();
  await settle();
  const disk = must(log.store.memoryDisks[0], "a disk");
  const [path = ""] = log.logFiles(0);
  disk.bytesOf(path)[logHeaderBytes + 512 + 40]! ^= 1;
  assert.deepEqual(await log.sequences([1]), [1]);
  assert.deepEqual(await log.sequences(), [1, 2, 3, 4]);
  const { records } = await log.found([1]);
  assert.equal(chainFrom(firstLogPosition, records).gapBefore, 3);
});

test("log writer: a record is synced, and its file's name is, on two disks before it is answered", async () => {
  const log = await TestLog.create(3);
  const done: string[] = [];
  for (const disk of log.store.memoryDisks) {
    disk.before = (operation, path) => void done.push(`${disk.name} ${operation} ${path}`);
  }
  const file = "log/0000000000000000-1.log";
  const isDone = (what: string) =>
    log.store.memoryDisks.filter(({ name }) => done.includes(`${name} ${what}`)).length >= 2;
  await log.append();
  assert.ok(isDone("syncDirectory log"));
  done.length = 0;
  await log.append();
  assert.ok(isDone(`write ${file}`) && isDone(`sync ${file}`));
});

test("log trim: what is appended while a segment is sealed keeps it", async () => {
  const log = await TestLog.create(3);
  await log.append();
  await settle();
  const { segments } = await log.found();
  const disk = must(log.store.memoryDisks[0], "a disk");
  disk.before = async (operation) => {
    if (operation !== "write") return;
    disk.before = () => undefined;
    await log.append();
  };
  assert.equal(await trimLog(log.store.platform, segments, 1), 0);
  assert.deepEqual(await log.sequences(), [1, 2]);
});

test("log members: a file of another segment, store or disk, and one that is not sealed, is kept", async () => {
  const log = await TestLog.create(2);
  await log.append();
  await settle();
  const [first, second] = localLogDisks(hash, log.store.disks);
  assert.ok(first !== undefined && second !== undefined);
  const segment = { writer: "0000000000000000", ordinal: 1 };
  assert.equal((await first.log.drop(segment)).outcome, "kept");
  assert.equal(await first.log.seal(segment), true);
  const [a, b] = log.store.memoryDisks;
  assert.ok(a !== undefined && b !== undefined);
  const [path = ""] = log.logFiles(0);
  b.replace(path, a.bytesOf(path));
  assert.deepEqual(await second.log.drop(segment), {
    outcome: "kept",
    why: "it is of another data directory",
  });
  a.replace("log/0000000000000000-2.log", a.bytesOf(path));
  const renamed = await first.log.drop({ ...segment, ordinal: 2 });
  assert.deepEqual(renamed, { outcome: "kept", why: "its header names another segment" });
  assert.equal((await first.log.drop(segment)).outcome, "removed");
  assert.equal((await first.log.drop(segment)).outcome, "absent");
});

/** A log on disks in three zones, and whether a path is that of its segment with a number. */
async function zonedLog(count: number) {
  const store = await TestStore.create(hash, count);
  const zoned = new ZonedDisks(store);
  const { mounted } = zoned;
  const log = new TestLog(store, {
    disks: () => localLogDisks(hash, mounted),
    segmentBytes: logHeaderBytes + 2 * 512,
  });
  const isSegment = (ordinal: number) => (path: string) => path.endsWith(`-${ordinal}.log`);
  return { log, store, zoned, isSegment };
}

test("C1: each segment of the log stands in three zones, so the loss of any zone leaves two copies", async () => {
  const { log, store, zoned, isSegment } = await zonedLog(18);
  for (let ordinal = 1; ordinal <= 20; ordinal++) {
    for (let i = 0; i < 2; i++) await log.append();
    await settle();
    assert.deepEqual(zoned.zonesWith(store, isSegment(ordinal)), ["a", "b", "c"]);
    assert.ok(!zoned.placesWith(store, isSegment(ordinal)).includes(0), "not beside the index");
  }
  for (let zone = 0; zone < 3; zone++) {
    const lost = Array.from({ length: 6 }, (_, i) => zone * 6 + i);
    assert.equal((await log.sequences(lost)).length, 40);
  }
});

test("C5: a segment ends once one of its disks is emptied, out, removed or not there", async () => {
  for (const state of ["emptying", "out", "removed", "gone"] as const) {
    const { log, store, zoned, isSegment } = await zonedLog(6);
    await log.append();
    await settle();
    const left = must(zoned.placesWith(store, isSegment(1))[1], "a disk of the segment");
    if (state === "gone") zoned.set([left], {});
    else zoned.set([], { [left]: state });
    await log.append();
    await settle();
    const places = zoned.placesWith(store, isSegment(2));
    assert.ok(places.length === 3 && !places.includes(left), state);
    assert.deepEqual(zoned.zonesWith(store, isSegment(2)), ["a", "b", "c"]);
  }
});

test("C5: a segment goes on where too few disks would take the next one", async () => {
  const { log, store, zoned, isSegment } = await zonedLog(3);
  await log.append();
  zoned.set([], { 0: "emptying", 1: "emptying" });
  await log.append();
  await settle();
  assert.deepEqual(zoned.placesWith(store, isSegment(2)), []);
  assert.deepEqual(await log.sequences(), [1, 2]);
});

test("C1: a bit that flips anywhere in a record of one copy hides no record of the log", async () => {
  const log = await TestLog.create(2);
  for (let i = 0; i < 3; i++) await log.append();
  await settle();
  const disk = must(log.store.memoryDisks[1], "a disk");
  const [path = ""] = log.logFiles(1);
  const record = logHeaderBytes + 512;
  for (let at = record; at < record + 96; at++) {
    for (const bit of [0, 7]) {
      const bytes = disk.bytesOf(path);
      bytes[at]! ^= 1 << bit;
      assert.deepEqual(await log.sequences(), [1, 2, 3], `bit ${bit} of byte ${at - record}`);
      bytes[at]! ^= 1 << bit;
    }
  }
});
