import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { makeBucket, putChunks, read } from "./testing/objects.ts";
import { createTestMachine, tasksOf } from "./testing/processes.ts";

const hash = createHash();

test("C1: a worker that outlives its supervisor learns that its new extent was taken away, and loses nothing", async () => {
  const machine = await createTestMachine(hash);
  const old = await machine.start("front-end");
  await makeBucket(old);
  await putChunks(old, "before", ["a".repeat(1900)]);
  // It stops where it makes the file of its next extent, whose row stands already. Its supervisor
  // dies.
  let goOn = () => {};
  const paused = new Promise<void>((isPaused) => {
    machine.disk.before = (operation) => {
      if (operation !== "create") return;
      machine.disk.before = () => {};
      isPaused();
      return new Promise((resolve) => (goOn = resolve));
    };
  });
  const unanswered = putChunks(old, "after", ["b".repeat(1900)]);
  await paused;
  machine.alive.delete(old.keymap.session.id);
  // The next tree fences its session and seals what it left open.
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background);
  await tasks.runUntilIdle();
  const before = (await background.table.list(undefined, 10)).map(({ id }) => id);
  assert.ok(!machine.platform.events.includes("extent_taken_away"));
  goOn();
  await assert.rejects(unanswered, { code: "fenced" });
  const reports = machine.platform.events.filter((event) => event === "extent_taken_away");
  assert.equal(reports.length, 1);
  await tasks.runUntilIdle();
  assert.equal(await read(background, "before"), "a".repeat(1900));
  assert.equal(await read(background, "after"), undefined);
  const after = (await background.table.list(undefined, 10)).map(({ id }) => id);
  assert.ok(after.length <= before.length, "it could make no extent more");
  const files = [...machine.disk.files.keys()].filter((path) => path.endsWith(".extent"));
  assert.equal(files.length, 1, "no file is left of the one that was taken away");
});
