import assert from "node:assert/strict";
import { test } from "node:test";
import { readRow } from "../engine/engine.ts";
import { decodeRestoreWindowRow } from "../format/restore-window-row.ts";
import { restoreWindowKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import { chooseKept } from "./kept-snapshots.ts";
import { lateDropMs, nextWindow, restorableFromMs, RestoreWindow } from "./restore-window.ts";
import { makeBucket, putChunks, remove } from "./testing/objects.ts";
import { createTestMachine, tasksOf, type TestProcess } from "./testing/processes.ts";

const hash = createHash();
const hour = 3_600_000;
// No read is waited for.
const limits = { restoreWindowMs: hour, oldReadMs: 0 };

async function rowOf({ keymap }: TestProcess) {
  const row = await readRow(keymap.system, restoreWindowKey());
  return row && decodeRestoreWindowRow(row.value);
}

test("C9: what is freed within the restore window stays until the window has passed", async () => {
  const machine = await createTestMachine(hash, 16_384);
  const { clock } = machine.platform;
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "a", ["some bytes", "and more"]);
  await front.stop();
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background, limits);
  const other = await machine.start("front-end");
  await remove(other, "a");
  const rest = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await tasks.runUntilIdle();
  };
  for (let round = 0; round < 50 && tasks.counters.extentsCompacted === 0; round++) {
    await rest(1000);
  }
  assert.equal(tasks.counters.extentsCompacted, 1);
  await rest(5000);
  const since = await rowOf(background);
  assert.equal(since?.windowMs, hour, "the row is there before anything is dropped");
  await rest(hour - 60_000);
  assert.equal(tasks.counters.extentsDropped, 0);
  await rest(lateDropMs + 120_000);
  await rest(1000);
  assert.equal(tasks.counters.extentsDropped, 1);
});

test("C9: a window that is switched off is off in the index before anything is dropped", async () => {
  const machine = await createTestMachine(hash, 16_384);
  const process = await machine.start("background");
  const { platform, keymap } = process;
  const of = (windowMs: number) => new RestoreWindow({ platform, keymap, windowMs });
  const on = of(hour);
  const nowMs = platform.clock.now();
  assert.equal(on.isHeld(nowMs), false, "nothing is known yet");
  assert.equal(await on.holds(nowMs), true);
  assert.equal(await on.holds(nowMs - hour - lateDropMs), false);
  assert.deepEqual(await rowOf(process), { windowMs: hour, sinceMs: nowMs });
  assert.equal(await of(0).holds(nowMs), false);
  assert.equal(await rowOf(process), undefined);
});

test("restore window: since when it holds, as it becomes longer and shorter", () => {
  const day = 24 * hour;
  const begun = nextWindow(undefined, day, 100 * day);
  assert.deepEqual(begun, { windowMs: day, sinceMs: 100 * day });
  const row = { windowMs: day, sinceMs: 100 * day };
  assert.deepEqual(nextWindow(row, day, 110 * day), { windowMs: day, sinceMs: 109 * day });
  assert.deepEqual(nextWindow(row, 7 * day, 110 * day), { windowMs: 7 * day, sinceMs: 109 * day });
  assert.deepEqual(nextWindow(row, hour, 110 * day), {
    windowMs: hour,
    sinceMs: 110 * day - hour,
  });
  assert.deepEqual(nextWindow(row, day, 100.5 * day), row);
  assert.equal(nextWindow(row, 0, 110 * day), "off");
  assert.equal(restorableFromMs(row, 100.5 * day), 100 * day);
  assert.equal(restorableFromMs(row, 110 * day), 109 * day);
});

test("snapshots for a restore window: one from before it, some within it, and the two newest", () => {
  const day = 24 * hour;
  const each = Array.from({ length: 200 }, (_, i) => ({ sequence: i, createdMs: i * hour }));
  const nowMs = 199.5 * hour;
  const { kept, needless } = chooseKept(each, { windowMs: 4 * day, nowMs });
  assert.deepEqual([kept[0], kept[1], kept.at(-1)], [199, 198, 103]);
  assert.equal(kept.length, 10);
  assert.equal(kept.length + needless.length, each.length);
  const between = kept.slice(2).map((one, i) => (kept[i + 1] ?? 0) - one);
  assert.ok(Math.max(...between) <= 12, between.join());
  const none = chooseKept(each, { windowMs: 0, nowMs });
  assert.deepEqual(none.kept, [199, 198]);
  assert.deepEqual(chooseKept(each.slice(0, 1), { windowMs: 0, nowMs }).kept, []);
  const young = chooseKept(each.slice(0, 5), { windowMs: 400 * day, nowMs });
  assert.deepEqual(young.kept, [4, 3, 0], "there is none from before");
});
