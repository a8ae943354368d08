import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { writeDiskGeneration } from "../extent/disk-generation.ts";
import { extentPath } from "../extent/extent-files.ts";
import { encodeAccessKeyRow, encodeCounterRow, encodeOwnerRow } from "../format/system-rows.ts";
import {
  type BucketId,
  type ChangeId,
  composeId,
  type ExtentId,
  type SessionId,
  type UploadId,
} from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { encodeBucketConfigurationRow } from "../format/bucket-row.ts";
import { decodeObjectRow, encodeObjectRow, type ObjectRow } from "../format/object-row.ts";
import {
  accessKeyKey,
  bucketConfigurationKey,
  chosenSchemeKey,
  bucketFenceKey,
  counterKey,
  headKey,
  ownerKey,
  space,
  spaceRange,
  versionKey,
} from "../format/row-keys.ts";
import { encodeChosenSchemeRow } from "../format/scheme-row.ts";
import { createHash } from "../node/platform/hash.ts";
import { type CheckReport, checkStore } from "./check.ts";
import {
  abort,
  beginUpload,
  complete,
  makeBucket,
  putChunks,
  putPart,
  remove,
  useVersions,
  versionsIn,
} from "./testing/objects.ts";
import { createTestMachine, type TestMachine, type TestProcess } from "./testing/processes.ts";
import { readRow } from "../engine/engine.ts";

const hash = createHash();
const chunksOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i};`.repeat(8));
const bucket = 1 as BucketId;
const head = (name: string): Uint8Array => headKey(bucket, encodeUtf8(name));

/** A store with something of every kind in it, and one process that runs. */
async function createStore(): Promise<{ machine: TestMachine; process: TestProcess }> {
  const machine = await createTestMachine(hash);
  const process = await machine.start("front-end");
  await makeBucket(process);
  await putChunks(process, "small", ["small"]);
  await putChunks(process, "long", chunksOf("long", 20));
  const done = await beginUpload(process, "multipart");
  for (const part of [1, 2]) await putPart(process, "multipart", done, part, chunksOf("part", 18));
  await complete(process, "multipart", done);
  const unfinished = await beginUpload(process, "unfinished");
  await putPart(process, "unfinished", unfinished, 3, chunksOf("unfinished", 2));
  const aborted = await beginUpload(process, "aborted");
  await putPart(process, "aborted", aborted, 1, ["aborted"]);
  await abort(process, "aborted", aborted);
  await putChunks(process, "removed", chunksOf("removed", 17));
  await remove(process, "removed");
  await process.stop();
  return { machine, process: await machine.start("front-end") };
}

const check = (process: TestProcess): Promise<CheckReport> =>
  checkStore({ ...process, signal: new AbortController().signal });

let early = 0;
/** Changes rows behind everybody's back. */
async function tamper(
  { engine, partition }: TestMachine,
  puts: readonly (readonly [Uint8Array, Uint8Array])[],
  deletes: readonly Uint8Array[] = [],
): Promise<void> {
  const id = composeId<ChangeId>(999 as SessionId, ++early);
  const rows = puts.map(([key, value]) => ({ key, value }));
  const [first] = [...rows.map(({ key }) => key), ...deletes];
  const isSystem = first![0]! < space.partitionSelf;
  await (isSystem ? engine : partition).commit({ id, checks: [], puts: rows, deletes });
}

const kindsOf = (report: CheckReport): string[] =>
  [...new Set(report.problems.map(({ kind }) => kind))].toSorted();

test("checkStore finds nothing wrong with a store that is well, and counts what is there", async () => {
  const { process } = await createStore();
  const phases = new Set<string>();
  const report = await checkStore({
    ...process,
    signal: new AbortController().signal,
    onProgress: ({ phase }) => phases.add(phase),
  });
  assert.deepEqual(report.problems, []);
  assert.ok(report.isClean);
  const { counts } = report;
  assert.deepEqual(
    [counts.buckets, counts.objects, counts.uploads, counts.parts, counts.garbageRows],
    [1, 3, 1, 1, 2],
  );
  assert.ok(counts.unreferencedBytes > 0 && counts.aliveBytes > counts.objectBytes);
  assert.equal(counts.files, counts.extents);
  assert.deepEqual([...phases], ["extents", "files"]);
});

test("checkStore reads access keys and owners; an account that was never counted would be given again", async () => {
  const { machine, process } = await createStore();
  const account = "000000000001";
  const owner = { owner: "0a".repeat(32), account, createdMs: 1 };
  const key = { ...owner, secret: Uint8Array.of(1), ownerName: "alice", state: "active" } as const;
  const [keyRow, ownerRow] = [accessKeyKey(encodeUtf8("ALICE1")), ownerKey(encodeUtf8("alice"))];
  await tamper(machine, [
    [keyRow, encodeAccessKeyRow(key)],
    [ownerRow, encodeOwnerRow(owner)],
    [counterKey("accounts"), encodeCounterRow({ value: 1 })],
  ]);
  assert.deepEqual((await check(process)).problems, []);
  await tamper(machine, [], [counterKey("accounts")]);
  assert.deepEqual(kindsOf(await check(process)), ["inconsistent"]);
  await tamper(machine, [[keyRow, Uint8Array.of(1, 2)]]);
  assert.deepEqual(kindsOf(await check(process)), ["corrupt", "inconsistent"]);
});

test("checkStore can be stopped", async () => {
  const { process } = await createStore();
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await assert.rejects(checkStore({ ...process, signal: stop.signal }), /enough/);
});

test("checkStore finds every flipped byte of a record, and files that lack or are too many", async () => {
  const { machine, process } = await createStore();
  const [path] = machine.disk.files.keys().filter((name) => name.endsWith(".extent"));
  const bytes = machine.disk.files.get(path!)!;
  const text = Buffer.from(bytes).indexOf("long-0;");
  for (const at of [extentHeaderBytes + 20, text, 8]) {
    bytes[at]! ^= 1;
    const report = await check(process);
    assert.deepEqual(kindsOf(report), ["corrupt"], `byte ${at}`);
    bytes[at]! ^= 1;
  }
  machine.disk.files.delete(path!);
  machine.disk.files.set(`${path}.old`, bytes);
  assert.deepEqual(kindsOf(await check(process)), ["missing", "stray"]);
});

test("C8: checkStore reports the generations of index and disks, and a disk that is ahead of the index", async () => {
  const { machine, process } = await createStore();
  const [place] = machine.disks.disks;
  const { store } = machine.disks;
  assert.deepEqual((await check(process)).generation, {
    index: 0,
    disks: [{ disk: machine.disk.name, generation: 0 }],
  });
  await writeDiskGeneration(hash, store, place!, 3);
  const { problems, generation } = await check(process);
  assert.deepEqual([generation.index, generation.disks[0]?.generation], [0, 3]);
  assert.match(problems[0]?.message ?? "", /seen generation 3, the index is at 0: .*older copy/);
});

test("C8: checkStore reports whose a stray file is", async () => {
  const { machine, process } = await createStore();
  const [path, bytes] = must(
    [...machine.disk.files].find(([name]) => name.endsWith(".extent")),
    "an extent",
  );
  assert.equal(path, extentPath(1 as ExtentId));
  machine.disk.directories.add("extents/63");
  machine.disk.files.set(extentPath(99 as ExtentId), bytes.slice());
  machine.disk.files.set("extents/63/notes", bytes.slice());
  const { problems } = await check(process);
  const size = bytes.length;
  const whose = `${size} bytes, extent 1 of this store, written in session 1`;
  assert.deepEqual(
    problems.map(({ kind, message }) => `${kind}: ${message}`),
    [
      `stray: no row knows this file: ${whose}`,
      "stray: its name is none that an extent's file has",
    ],
  );
});

test("checkStore finds rows that contradict others", async () => {
  const cases: [string, string[], (machine: TestMachine) => Promise<void>][] = [
    [
      "an object that names another's data",
      ["corrupt", "doubled"],
      async (machine) => {
        const small = (await readRow(machine.partition, head("small")))!;
        await tamper(machine, [[versionKey(bucket, encodeUtf8("small"), 1), small.value]]);
        await tamper(machine, [[head("other"), small.value]]);
      },
    ],
    [
      "a wrong size",
      ["corrupt"],
      async (machine) => {
        const row = decodeObjectRow((await readRow(machine.partition, head("long")))!.value);
        await tamper(machine, [[head("long"), encodeObjectRow({ ...row, size: row.size + 1 })]]);
      },
    ],
    [
      "a part without its upload",
      ["dangling"],
      async (machine) => {
        const [upload] = await machine.partition.scan(spaceRange(space.uploads), { limit: 1 });
        await tamper(machine, [], [upload!.key]);
      },
    ],
    [
      "objects without their bucket's fence",
      ["dangling"],
      async (machine) => tamper(machine, [], [bucketFenceKey(bucket)]),
    ],
    [
      "a configuration without its bucket",
      ["dangling"],
      async (machine) => {
        const value = encodeBucketConfigurationRow({ document: encodeUtf8("<Tagging/>") });
        await tamper(machine, [[bucketConfigurationKey(9 as BucketId, "tagging"), value]]);
      },
    ],
    [
      "a scheme that was chosen for a bucket that is not there",
      ["dangling"],
      async (machine) => {
        const value = encodeChosenSchemeRow({ scheme: "copies-3", isInline: false, chosenMs: 1 });
        const key = (id: BucketId | undefined): Uint8Array =>
          chosenSchemeKey({ storageClass: "STANDARD", bucket: id });
        await tamper(machine, [
          [key(9 as BucketId), value],
          [key(bucket), value],
          [key(undefined), value],
        ]);
      },
    ],
    [
      "a configuration that does not decode",
      ["corrupt"],
      async (machine) =>
        tamper(machine, [[bucketConfigurationKey(bucket, "tagging"), new Uint8Array([1, 9])]]),
    ],
    [
      "ids that were never given",
      ["inconsistent"],
      async (machine) => tamper(machine, [[counterKey("extents"), encodeCounterRow({ value: 1 })]]),
    ],
    [
      "a row of no known kind",
      ["unknown"],
      async (machine) => tamper(machine, [[new Uint8Array([0x7e, 1]), new Uint8Array(1)]]),
    ],
    [
      "a row that does not decode",
      ["corrupt"],
      async (machine) => tamper(machine, [[head("broken"), new Uint8Array([1, 9])]]),
    ],
  ];
  for (const [what, kinds, harm] of cases) {
    const { machine, process } = await createStore();
    await harm(machine);
    const report = await check(process);
    const found = kindsOf(report).filter((kind) => kind !== "inconsistent" || kinds.includes(kind));
    assert.deepEqual(found, kinds, `${what}: ${JSON.stringify(report.problems)}`);
  }
});

test("checkStore finds versions that contradict the head of their key", async () => {
  const read = async (machine: TestMachine, rowKey: Uint8Array) =>
    decodeObjectRow((await readRow(machine.partition, rowKey))!.value);
  const change = async (machine: TestMachine, rowKey: Uint8Array, to: Partial<ObjectRow>) =>
    tamper(machine, [[rowKey, encodeObjectRow({ ...(await read(machine, rowKey)), ...to })]]);
  const older = async (machine: TestMachine) => {
    const { nullOrder } = await read(machine, head("small"));
    return versionKey(bucket, encodeUtf8("small"), nullOrder!);
  };
  const cases: [string, (machine: TestMachine) => Promise<void>][] = [
    ["dangling", (machine) => tamper(machine, [], [head("small")])],
    ["inconsistent", async (machine) => tamper(machine, [], [await older(machine)])],
    ["inconsistent", (machine) => change(machine, head("small"), { nullOrder: undefined })],
    ["inconsistent", (machine) => change(machine, head("small"), { nullVersion: true })],
    ["inconsistent", async (machine) => change(machine, await older(machine), { nullOrder: 1 })],
    ["inconsistent", async (machine) => change(machine, await older(machine), { order: 1 })],
    ["inconsistent", (machine) => change(machine, head("small"), { order: 1 })],
  ];
  for (const [kind, harm] of cases) {
    const { machine, process } = await createStore();
    await useVersions(process);
    await putChunks(process, "small", ["newer"]);
    await remove(process, "long");
    const { problems, counts } = await check(process);
    assert.deepEqual(problems, []);
    assert.deepEqual([counts.versions, counts.deleteMarkers], [2, 1]);
    await harm(machine);
    assert.deepEqual(kindsOf(await check(process)), [kind], String(harm));
  }
});

test("checkStore of a store in use does not take change for damage", async () => {
  const { machine, process } = await createStore();
  const other = await machine.start("front-end");
  const begun: [string, UploadId][] = [];
  for (let i = 0; i < 5; i++) begun.push([`up ${i}`, await beginUpload(other, `up ${i}`)]);
  await useVersions(other);
  let turns = 0;
  const busy = (async () => {
    for (let round = 0; round < 30; round++, turns++) {
      await putChunks(other, `key ${round % 5}`, chunksOf("busy", (round % 3) * 9 + 1));
      const [name, upload] = begun[round % 5]!;
      if (round < 20) await putPart(other, name, upload, 1, chunksOf("part", 3));
      else if (round < 25) await complete(other, name, upload);
      if (round % 7 === 0) await remove(other, `key ${round % 5}`);
      const [newest] = await versionsIn(other);
      if (round % 3 === 0 && newest !== undefined) await remove(other, newest.name, newest.ref);
    }
  })();
  while (turns < 30) assert.deepEqual((await check(process)).problems, []);
  await busy;
});
