import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { isRefusal } from "../base/refusal.ts";
import { extentClassText, type ExtentRow, type Scheme } from "../format/extent-row.ts";
import { bucketKey } from "../format/row-keys.ts";
import { changeChosenScheme } from "../keymap/chosen-schemes.ts";
import { createHash } from "../node/platform/hash.ts";
import { getBucket } from "../object/bucket/buckets.ts";
import { inNamedBucket } from "../object/bucket/in-named-bucket.ts";
import { always, attributes, incomingOf, ok } from "../object/testing/bodies.ts";
import { putObject } from "../object/write/put.ts";
import { type BackgroundLimits, backgroundLimits, createTasks } from "./background.ts";
import type { KeptScheme } from "./redundancy/encoding.ts";
import { TransferMeter } from "../extent/metered-disks.ts";
import { makeBucket, read, remove } from "./testing/objects.ts";
import {
  createTestMachine,
  keptIn,
  tasksOf,
  type TestMachine,
  type TestProcess,
} from "./testing/processes.ts";

const hash = createHash();
const { signal } = new AbortController();
const bucket = "bucket";
const textOf = (name: string): string => `${name};`.repeat(40);

async function put(process: TestProcess, name: string, storageClass: string): Promise<void> {
  const key = encodeUtf8(name);
  const input = { bucket, key, attributes: { ...attributes, storageClass }, condition: always };
  const incoming = incomingOf(encodeUtf8(textOf(name)));
  ok(await inNamedBucket(process, putObject, { ...input, incoming }));
}

async function choose(process: TestProcess, scheme: string | undefined): Promise<void> {
  const { id } = ok(await getBucket(process, bucket));
  const place = { storageClass: "STANDARD", bucket: { id, key: bucketKey(encodeUtf8(bucket)) } };
  const row = scheme === undefined ? undefined : { scheme, isInline: false, chosenMs: 1 };
  assert.ok(!isRefusal(await changeChosenScheme(process.keymap, place, row)));
}

/** A store whose writer has sealed what it wrote of each class. */
async function machineWith(
  write: (front: TestProcess) => Promise<void>,
  disks = 1,
): Promise<TestMachine> {
  const machine = await createTestMachine(hash, 2048, disks);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await write(front);
  await front.stop();
  return machine;
}

const rowsOf = async (process: TestProcess): Promise<ExtentRow[]> =>
  (await process.table.list(undefined, 1000))
    .map(({ row }) => row)
    .filter(({ state, length }) => state !== "dropping" && (state === "open" || length > 8192));

const classesOf = async (process: TestProcess): Promise<string[]> =>
  (await rowsOf(process)).map(extentClassText).sort();

test("compaction: copies go to extents of their object's class, as chosen for its bucket now", async () => {
  const machine = await machineWith(async (front) => {
    for (const name of ["a", "b"]) await put(front, name, "STANDARD");
    for (const name of ["c", "d"]) await put(front, name, "GLACIER_IR");
    for (const name of ["b", "d"]) await remove(front, name);
    await choose(front, "copies-1");
  });
  const background = await machine.start("background");
  await tasksOf(machine, background).runUntilIdle();
  assert.deepEqual(await classesOf(background), ["GLACIER_IR", "STANDARD copies-1"]);
  for (const name of ["a", "c"]) assert.equal(await read(background, name), textOf(name));
});

test("compaction: extents of a time when all classes had the same ones are sorted by class", async () => {
  const machine = await machineWith(async (front) => {
    await put(front, "a", "GLACIER_IR");
    await put(front, "b", "GLACIER_IR");
    await remove(front, "b");
  });
  const background = await machine.start("background");
  for (const entry of await background.table.list(undefined, 10)) {
    await background.table.replace(entry, { ...entry.row, storageClass: "STANDARD" });
  }
  await tasksOf(machine, background).runUntilIdle();
  assert.deepEqual(await classesOf(background), ["GLACIER_IR"]);
  assert.equal(await read(background, "a"), textOf("a"));
});

test("small extents: only those of one class are merged with each other", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `object ${i}`);
  const machine = await machineWith(() => Promise.resolve());
  for (const [i, name] of names.entries()) {
    const front = await machine.start("front-end");
    await put(front, name, i % 2 === 0 ? "STANDARD" : "GLACIER_IR");
    await front.stop();
  }
  const limits = { deadShare: 1, smallBytes: 1000, mergedAtOnce: 5 };
  const background = await machine.start("background");
  await tasksOf(machine, background, limits).runUntilIdle();
  assert.equal((await classesOf(background)).length, 8, "of none are there enough");
  await background.stop();
  const again = await machine.start("background");
  await tasksOf(machine, again, { ...limits, mergedAtOnce: 4 }).runUntilIdle();
  assert.deepEqual(await classesOf(again), ["GLACIER_IR", "STANDARD"]);
  for (const name of names) assert.equal(await read(again, name), textOf(name));
});

const coded = (data: number, parity: number): Scheme => ({
  kind: "coded",
  code: "rs",
  data,
  parity,
});

/** The tasks, with extents kept as `kept` says of their class at that moment. */
function tasksKeeping(
  machine: TestMachine,
  process: TestProcess,
  limits: Partial<BackgroundLimits> = {},
) {
  const keeping = new Map<string, KeptScheme>();
  const tasks = createTasks(
    {
      ...process,
      transfers: new TransferMeter(),
      isAlive: (session) => machine.alive.has(session),
      schemeAtRest: (extentClass) =>
        Promise.resolve(keeping.get(extentClassText(extentClass)) ?? keptIn(coded(2, 1))),
    },
    {
      ...backgroundLimits,
      deadShare: 1,
      smallBytes: 0,
      drainRestMs: 0,
      encodedBytesMin: 0,
      ...limits,
    },
  );
  const all = [tasks.deadWriters, tasks.inventory, tasks.reclaim, tasks.drops, tasks.encoding];
  const settle = async (): Promise<void> => {
    for (let looks = 0; looks < 3; looks++) {
      for (let isBusy = true; isBusy;) {
        isBusy = false;
        for (const task of all) isBusy = (await task.step(signal)) === "busy" || isBusy;
      }
      await machine.platform.clock.advance(31_000);
    }
  };
  return { keeping, settle };
}

const schemesOf = async (process: TestProcess): Promise<string[]> =>
  (await rowsOf(process)).map((row) => {
    const { scheme } = row;
    const name = scheme.kind === "coded" ? `rs-${scheme.data}-${scheme.parity}` : "copies";
    return `${extentClassText(row)}: ${name}`;
  });

test("encoding: extents are coded as their class says, and anew where it says something else", async () => {
  const machine = await machineWith(async (front) => {
    await put(front, "a", "STANDARD");
    await put(front, "b", "GLACIER_IR");
  }, 5);
  const background = await machine.start("background");
  const { keeping, settle } = tasksKeeping(machine, background);
  keeping.set("GLACIER_IR", { ...keptIn(coded(3, 1)), isWished: true });
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD: rs-2-1", "GLACIER_IR: rs-3-1"]);
  // What the disks allow only is no reason to write all of it again.
  keeping.set("STANDARD", keptIn(coded(3, 2)));
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD: rs-2-1", "GLACIER_IR: rs-3-1"]);
  keeping.set("STANDARD", { ...keptIn(coded(3, 2)), isWished: true });
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD: rs-3-2", "GLACIER_IR: rs-3-1"]);
  for (const name of ["a", "b"]) assert.equal(await read(background, name), textOf(name));
});

test("encoding: a small extent that found no others is coded after a rest, if that saves space", async () => {
  const machine = await createTestMachine(hash, 200_000, 4);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await put(front, "tiny", "GLACIER_IR");
  for (let i = 0; i < 400; i++) await put(front, `key ${i}`, "STANDARD");
  await front.stop();
  const background = await machine.start("background");
  const { keeping, settle } = tasksKeeping(machine, background, { encodedBytesMin: 1_000_000 });
  for (const name of ["STANDARD", "GLACIER_IR"]) keeping.set(name, keptIn(coded(2, 2)));
  await settle();
  const found = async () => new Set(await schemesOf(background));
  assert.deepEqual(await found(), new Set(["STANDARD: copies", "GLACIER_IR: copies"]));
  await machine.platform.clock.advance(backgroundLimits.smallRestMs);
  await settle();
  assert.deepEqual(await found(), new Set(["STANDARD: rs-2-2", "GLACIER_IR: copies"]));
  for (const name of ["tiny", "key 3"]) assert.equal(await read(background, name), textOf(name));
});

test("encoding: where copies are to be kept of what is coded, it is copied to new extents", async () => {
  const machine = await machineWith((front) => put(front, "a", "STANDARD"), 4);
  const background = await machine.start("background");
  const { keeping, settle } = tasksKeeping(machine, background);
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD: rs-2-1"]);
  const scheme: Scheme = { kind: "replicated", copies: 3, quorum: 2 };
  keeping.set("STANDARD", { ...keptIn(scheme), isWished: true });
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD: copies"]);
  assert.equal(await read(background, "a"), textOf("a"));
});

test("encoding: what was written by a choice that no bucket has any more is copied to new extents", async () => {
  const machine = await machineWith(async (front) => {
    await choose(front, "rs-2-1");
    await put(front, "a", "STANDARD");
  }, 4);
  const background = await machine.start("background");
  const { keeping, settle } = tasksKeeping(machine, background);
  await settle();
  assert.deepEqual(await schemesOf(background), ["STANDARD rs-2-1: rs-2-1"]);
  await choose(background, undefined);
  keeping.set("STANDARD rs-2-1", { ...keptIn(coded(2, 1)), isLeft: true });
  await settle();
  assert.deepEqual(await classesOf(background), ["STANDARD"]);
  assert.equal(await read(background, "a"), textOf("a"));
});
