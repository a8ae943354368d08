import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError, isStoreError } from "../../base/errors.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { BucketId, ExtentId } from "../../format/ids.ts";
import type { RecordHeader } from "../../format/record.ts";
import { recordBytes } from "../../format/record.ts";
import { headKey, uploadKey, versionKey } from "../../format/row-keys.ts";
import { around } from "../testing/around.ts";
import { createHash } from "../../node/platform/hash.ts";
import type { CompactionOptions } from "./compaction.ts";
import { Compaction } from "./compaction.ts";
import { createCounters } from "../counters.ts";
import { walkRecords } from "./extent-walk.ts";
import { Liveness } from "./liveness.ts";
import { Manifests } from "./manifests.ts";
import { GarbageDrain } from "../garbage-drain.ts";
import { reconcileExtent } from "./reconcile.ts";
import {
  beginUpload,
  complete,
  makeBucket,
  putChunks,
  putPart,
  read,
  remove,
} from "../testing/objects.ts";
import type { TestMachine, TestProcess } from "../testing/processes.ts";
import { createTestMachine } from "../testing/processes.ts";
import { survey } from "../testing/survey.ts";
import { readRow } from "../../engine/engine.ts";

const hash = createHash();
const { signal } = new AbortController();
const bucket = 1 as BucketId;
const key = encodeUtf8;
const chunksOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i};`.repeat(8));

/** A background process, and what its compactions work with. */
async function startBackground(
  machine: TestMachine,
): Promise<TestProcess & CompactionOptions & { drain: GarbageDrain }> {
  const process = await machine.start("background");
  const manifests = new Manifests(process);
  const liveness = new Liveness(process.keymap, manifests);
  const parts = { ...process, manifests, liveness, counters: createCounters() };
  return { ...parts, drain: new GarbageDrain({ ...parts, restMs: 0, counted: () => {} }) };
}

async function recordsOf(process: TestProcess, entry: ExtentEntry): Promise<RecordHeader[]> {
  const seen = await Array.fromAsync(walkRecords(process, entry, signal));
  return seen.flatMap((one) => (one.kind === "record" ? one.header : []));
}

const bytesOf = (header: RecordHeader): number =>
  recordBytes(header.key.length, header.payloadBytes);

/**
 * An object whose chunks lie in extent 1, and whose manifest lies alone in extent 2; both
 * reconciled.
 */
async function withManifestApart(): Promise<TestMachine> {
  for (let bytes = 3072; bytes < 4096; bytes += 64) {
    const machine = await createTestMachine(hash, bytes);
    const front = await machine.start("front-end");
    await makeBucket(front);
    await putChunks(front, "long", chunksOf("long", 17));
    await front.stop();
    const background = await startBackground(machine);
    const records: number[] = [];
    for (const entry of await background.table.list(undefined, 10)) {
      records.push((await recordsOf(background, entry)).length);
      await reconcileExtent(background, entry, signal);
    }
    background.kill();
    if (records.length === 2 && records[1] === 1) return machine;
  }
  throw new Error("no extent of that size");
}

async function compact(options: CompactionOptions, id: number): Promise<string> {
  const entry = (await options.table.get(id as ExtentId))!;
  const compaction = new Compaction(options, entry, signal);
  for (;;) {
    const outcome = await compaction.step();
    if (outcome !== "busy") return outcome;
  }
}

test("C5: moving chunks makes the manifest that listed them garbage, in another extent too", async () => {
  const machine = await withManifestApart();
  const background = await startBackground(machine);
  assert.equal(await compact(background, 1), "emptied");
  assert.equal(await background.drain.step(), "busy");
  const manifest = (await background.table.get(2 as ExtentId))!;
  const [header] = await recordsOf(background, manifest);
  assert.equal(manifest.row.deadBytes, bytesOf(header!));
  assert.deepEqual((await survey(machine, background)).miscounted, []);
  assert.equal(await read(background, "long"), chunksOf("long", 17).join(""));
});

test("an extent with nothing alive but a manifest is emptied", async () => {
  const machine = await withManifestApart();
  const background = await startBackground(machine);
  assert.equal(await compact(background, 2), "emptied");
  machine.disk.files.delete("extents/02/00000000000002.extent");
  assert.equal(await read(background, "long"), chunksOf("long", 17).join(""));
});

test("reconciling counts what is not on its way through the drain, and nothing twice", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (const name of ["a", "b", "c"]) await putChunks(front, name, chunksOf(name, 18));
  await remove(front, "a");
  const background = await startBackground(machine);
  await background.drain.step();
  await remove(front, "b");
  await front.stop();
  const [entry] = await background.table.list(undefined, 1);
  assert.equal(entry!.row.deadBytes, 0, "an extent that is not reconciled counts nothing");
  const reconciled = await reconcileExtent(background, entry!, signal);
  assert.ok(reconciled !== "conflict");
  const drained = reconciled.row.deadBytes;
  await background.drain.step();
  const { deadBytes } = (await background.table.get(entry!.id))!.row;
  assert.equal(deadBytes, 2 * drained);
  assert.deepEqual((await survey(machine, background)).miscounted, []);
});

test("the drain lets garbage gather that is less than a batch, so that it costs few commits", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (const name of ["a", "b", "c"]) await putChunks(front, name, chunksOf(name, 1));
  const background = await startBackground(machine);
  const drain = new GarbageDrain({ ...background, restMs: 5000, counted: () => {} });
  const drained = async (): Promise<number> => {
    await drain.step();
    return background.counters.garbageRowsDrained;
  };
  await remove(front, "a");
  assert.equal(await drained(), 1);
  await remove(front, "b");
  await remove(front, "c");
  await machine.platform.clock.advance(4000);
  assert.equal(await drained(), 1);
  await machine.platform.clock.advance(1000);
  assert.equal(await drained(), 3);
});

test("C5: a batch of garbage is added once, whenever the drain dies", async () => {
  for (let dieAt = 0; dieAt < 4; dieAt++) {
    const machine = await createTestMachine(hash, 65_536);
    const front = await machine.start("front-end");
    await makeBucket(front);
    for (const name of ["a", "b"]) await putChunks(front, name, chunksOf(name, 3));
    await front.stop();
    const first = await startBackground(machine);
    const [entry] = await first.table.list(undefined, 1);
    await reconcileExtent(first, entry!, signal);
    await remove(first, "a");
    first.dieAtCommit(dieAt);
    await first.drain.step().catch(() => undefined);
    assert.equal(machine.alive.has(first.keymap.session.id), dieAt === 3, "three commits");
    const second = await startBackground(machine);
    await second.drain.step();
    const found = await survey(machine, second);
    assert.deepEqual([found.miscounted, found.undrained], [[], 0], `dies at commit ${dieAt}`);
    assert.ok(found.deadBytes > 0);
  }
});

test("C2: moving a part's data is seen by a commit on its upload", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const upload = await beginUpload(front, "multipart");
  await putPart(front, "multipart", upload, 1, chunksOf("one", 2));
  await front.stop();
  const background = await startBackground(machine);
  const partition = background.keymap.partitions[0]!;
  const rowKey = uploadKey(bucket, key("multipart"), upload);
  const before = await readRow(partition, rowKey);
  assert.equal(await compact(background, 1), "emptied");
  const after = await readRow(partition, rowKey);
  assert.deepEqual(after!.value, before!.value);
  assert.notEqual(after!.stamp, before!.stamp);
});

test("C5: compaction moves the object's reference, not a part's that is left over", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const upload = await beginUpload(front, "multipart");
  await putPart(front, "multipart", upload, 1, chunksOf("one", 2));
  await putPart(front, "multipart", upload, 2, chunksOf("two", 2));
  // The row of the second part is left, to be taken away by a later commit.
  await complete({ ...front, partsPerCommit: 1 }, "multipart", upload);
  await front.stop();
  const background = await startBackground(machine);
  const entry = (await background.table.get(1 as ExtentId))!;
  const records = await recordsOf(background, entry);
  assert.equal(await compact(background, 1), "emptied");
  for (const header of records) {
    assert.equal(await background.liveness.referentOf(header), undefined);
  }
});

test("C5: copies that a row may refer to, for all we know, are not given up", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "a", chunksOf("a", 2));
  await front.stop();
  const background = await startBackground(machine);
  const released: ChunkRef[] = [];
  const { writer } = background;
  const counting: CompactionOptions["writer"] = {
    append: (...args) => writer.append(...args),
    release: (refs) => void released.push(...refs),
  };
  for (const [code, expected] of [
    ["unknown", 0],
    ["unavailable", 2],
  ] as const) {
    const keymap = around(background.keymap, async (call) => {
      if (call === "commit") throw new StoreError(code, "the engine does not answer");
    });
    const liveness = new Liveness(keymap, background.manifests);
    const options = { ...background, keymap, liveness, writer: counting };
    const compaction = new Compaction(
      options,
      (await background.table.get(1 as ExtentId))!,
      signal,
    );
    await assert.rejects(compaction.step(), (thrown) => isStoreError(thrown, code));
    await compaction.close();
    assert.equal(released.length, expected, code);
  }
});

test("C5: a record is not taken for dead while what refers to it moves between head and versions", async () => {
  const machine = await createTestMachine(hash, 65_536);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "a", chunksOf("a", 1));
  const headRow = headKey(bucket, key("a"));
  const older = (await readRow(machine.partition, headRow))!.value;
  await putChunks(front, "a", chunksOf("b", 1));
  const newer = (await readRow(machine.partition, headRow))!.value;
  await front.stop();
  const background = await startBackground(machine);
  const [header] = await recordsOf(background, (await background.table.get(1 as ExtentId))!);
  const version = versionKey(bucket, key("a"), 1);
  const put = (value: Uint8Array) => ({
    id: background.keymap.session.nextChangeId(),
    checks: [],
    puts: [{ key: headRow, value }],
    deletes: [version],
  });
  await machine.partition.commit({
    ...put(newer),
    puts: [{ key: version, value: older }],
    deletes: [],
  });
  // The newer version is deleted, so the older becomes the head, between the looks at head and
  // versions.
  let scans = 0;
  const keymap = around(background.keymap, async (call) => {
    if (call === "scan" && scans++ === 0) await machine.partition.commit(put(older));
  });
  const referent = await new Liveness(keymap, background.manifests).referentOf(header!);
  assert.deepEqual(referent?.rowKey, headRow);
});
