import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import {
  abort,
  beginUpload,
  complete,
  leaveChunks,
  makeBucket,
  putChunks,
  putPart,
  read,
  remove,
} from "./testing/objects.ts";
import type { TestMachine, TestProcess } from "./testing/processes.ts";
import { Killed, createTestMachine, tasksOf } from "./testing/processes.ts";
import { survey } from "./testing/survey.ts";

const hash = createHash();
const chunksOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i};`.repeat(8));

/**
 * Background processes come and go until nothing is left to do. Each seals what it wrote as it
 * goes.
 */
async function settle(machine: TestMachine, deadShare = 1e-9): Promise<TestProcess> {
  for (let round = 0; round < 20; round++) {
    const background = await machine.start("background");
    const tasks = tasksOf(machine, background, { deadShare });
    await tasks.runUntilIdle();
    await machine.platform.clock.advance(1000);
    await tasks.runUntilIdle();
    await background.stop();
    const { counters } = tasks;
    if (counters.extentsCompacted + counters.extentsDropped + counters.extentsReconciled === 0) {
      return machine.start("front-end");
    }
  }
  throw new Error("compaction never ends");
}

test("C5: what is deleted, replaced, left or aborted is reclaimed, and nothing else", async () => {
  const machine = await createTestMachine(hash, 16_384);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const kept = new Map<string, string[]>();
  for (let i = 0; i < 12; i++) {
    const chunks = chunksOf(`object ${i}`, i % 4 === 0 ? 20 : 2);
    await putChunks(front, `object ${i}`, chunksOf("before", 3));
    await putChunks(front, `object ${i}`, chunks);
    if (i % 3 === 0) await remove(front, `object ${i}`);
    else kept.set(`object ${i}`, chunks);
    await leaveChunks(front, `object ${i}`, chunksOf("left", 1));
  }
  const upload = await beginUpload(front, "multipart");
  for (const part of [1, 2, 3])
    await putPart(front, "multipart", upload, part, chunksOf("part", 18));
  await putPart(front, "multipart", upload, 2, chunksOf("again", 2));
  const aborted = await beginUpload(front, "aborted");
  await putPart(front, "aborted", aborted, 1, chunksOf("aborted", 18));
  await abort(front, "aborted", aborted);
  const unfinished = await beginUpload(front, "unfinished");
  await putPart(front, "unfinished", unfinished, 7, chunksOf("unfinished", 17));
  await complete(front, "multipart", upload);
  kept.set("multipart", [
    ...chunksOf("part", 18),
    ...chunksOf("again", 2),
    ...chunksOf("part", 18),
  ]);
  await front.stop();
  // Not all of it: an object across two extents has one manifest, in one of them. To win the last
  // byte of either, the manifest is written again, and leaves a dead one behind in the other, for
  // ever.
  const deadShare = 0.2;
  const reader = await settle(machine, deadShare);
  for (const [name, chunks] of kept) assert.equal(await read(reader, name), chunks.join(""), name);
  assert.equal(await read(reader, "object 0"), undefined);
  const found = await survey(machine, reader);
  assert.deepEqual([found.undrained, found.miscounted], [0, []]);
  assert.ok(found.deadBytes < deadShare * (found.aliveBytes + found.deadBytes));
  assert.equal(found.files, found.extents);
  await complete(reader, "unfinished", unfinished);
  assert.equal(await read(reader, "unfinished"), chunksOf("unfinished", 17).join(""));
});

/**
 * Deletes and replaces enough that every kind of background commit is made; returns what must be
 * there afterwards.
 */
async function makeWork(machine: TestMachine): Promise<Map<string, string>> {
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "small", ["small bytes"]);
  await putChunks(front, "long", chunksOf("long", 18));
  const upload = await beginUpload(front, "multipart");
  await putPart(front, "multipart", upload, 1, chunksOf("one", 17));
  await putPart(front, "multipart", upload, 2, chunksOf("two", 1));
  await putChunks(front, "deleted", chunksOf("deleted", 18));
  await complete(front, "multipart", upload);
  const begun = await beginUpload(front, "begun");
  await putPart(front, "begun", begun, 1, ["part of an upload"]);
  await remove(front, "deleted");
  await leaveChunks(front, "left", ["left"]);
  front.kill();
  return new Map([
    ["small", "small bytes"],
    ["long", chunksOf("long", 18).join("")],
    ["multipart", [...chunksOf("one", 17), ...chunksOf("two", 1)].join("")],
  ]);
}

test("C5: a crash at any commit of the background loses nothing and leaks nothing", async () => {
  let crashes = 0;
  for (let isDead = true; isDead; crashes++) {
    const machine = await createTestMachine(hash);
    const expected = await makeWork(machine);
    const background = await machine.start("background");
    background.dieAtCommit(crashes);
    const tasks = tasksOf(machine, background);
    try {
      await tasks.runUntilIdle();
      await machine.platform.clock.advance(1000);
      await tasks.runUntilIdle();
    } catch (thrown) {
      if (!(thrown instanceof Killed)) throw thrown;
    }
    isDead = !machine.alive.has(background.keymap.session.id);
    background.kill();
    const reader = await settle(machine);
    const crash = `crash at commit ${crashes}`;
    for (const [name, bytes] of expected) assert.equal(await read(reader, name), bytes, crash);
    const found = await survey(machine, reader);
    assert.deepEqual([found.deadBytes, found.undrained, found.miscounted], [0, 0, []], crash);
    assert.equal(found.files, found.extents, "a file without a row, or a row without a file");
  }
  assert.ok(crashes > 30, `only ${crashes} crashes`);
});
