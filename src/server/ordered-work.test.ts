import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { isRefusal } from "../base/refusal.ts";
import { createTestMachine } from "../control/testing/processes.ts";
import type { Shortage } from "../control/extents/redundancy-tally.ts";
import { type ExtentId, idText } from "../format/ids.ts";
import { changeDisks, registryOf } from "../keymap/disk-registry.ts";
import { readWorkOrders } from "../keymap/work-orders.ts";
import { newDiskRow } from "../format/disk-row.ts";
import { createHash } from "../node/platform/hash.ts";
import { OrderedWork } from "./ordered-work.ts";
import type { TreeAnswer } from "./tree-questions.ts";

const hash = createHash();

async function create(work?: TreeAnswer["work"]) {
  const machine = await createTestMachine(hash);
  const { keymap } = await machine.start("front-end");
  const { clock } = machine.platform;
  const [disk] = machine.disks.disks;
  assert.ok(disk !== undefined);
  const row = newDiskRow({ disk: disk.id, name: "/data", addedMs: clock.now() });
  await changeDisks(registryOf(keymap), () => [row]);
  const askOthers = () => Promise.resolve([{ process: "background", answer: { work } }]);
  return { work: new OrderedWork({ clock, keymap, askOthers }), keymap, clock, disk: disk.id };
}

test("OrderedWork: pausing and resuming are kept, and starting says what is begun", async () => {
  const { work, keymap, clock, disk } = await create();
  assert.deepEqual(await work.order("scrub", "pause", undefined), {
    message: "scrub rests; nothing is verified but what is read: holdfast scrub resume goes on",
  });
  assert.equal((await readWorkOrders(keymap, "scrub")).isPaused, true);
  assert.equal((await readWorkOrders(keymap, "repair")).isPaused, false);
  const refused = await work.order("scrub", "start", undefined);
  assert.deepEqual(refused, {
    refusal: "conflict",
    message: "scrub is paused: holdfast scrub resume",
    region: undefined,
  });
  await work.order("scrub", "resume", undefined);
  await work.order("scrub", "start", idText(disk).slice(0, 8));
  const { beginMsOf, beginMs } = await readWorkOrders(keymap, "scrub");
  assert.deepEqual([beginMs, beginMsOf.get(disk)], [0, clock.now()]);
  await work.order("scrub", "start", undefined);
  await work.order("scrub", "start", undefined);
  // Two orders in one millisecond are two.
  assert.equal((await readWorkOrders(keymap, "scrub")).beginMs, clock.now() + 1);
  const missing = await work.order("scrub", "start", "/none");
  assert.ok(isRefusal(missing) && missing.refusal === "notFound");
});

test("OrderedWork: the time left is that of the bytes left, and not known while it is paused", async () => {
  const machine = await createTestMachine(hash);
  const [disk] = machine.disks.disks;
  assert.ok(disk !== undefined);
  const row = {
    disk: disk.id,
    startedMs: 1_000_000,
    upTo: 3 as ExtentId,
    isDone: false,
    readSinceMs: 0,
    members: 2,
    bad: 1,
    bytes: 400,
    passedOver: 3,
  };
  const { work } = await create({
    repair: {
      isPaused: false,
      isLooking: false,
      extents: 3,
      bytesLeft: 700,
      stuck: 0,
      leftMs: 70_000,
      now: [{ extent: 5 as ExtentId, member: 1, disk: disk.id, bytes: 100, bytesDone: 40 }],
    },
    scrub: {
      isPaused: false,
      everyMs: 60_000,
      disks: [{ name: "/data", disk: disk.id, row, isAsked: true, bytesPerSecond: 100 }],
    },
    indexScrub: {
      isAsked: false,
      row: {
        startedMs: 2_000_000,
        isDone: true,
        readSinceMs: machine.platform.clock.now() - 5000,
        bytes: 300,
        bad: 2,
        mended: 1,
        lost: 0,
      },
    },
    shortage: { shortExtents: 3, waitingExtents: 1, narrowExtents: 0 },
    membersMade: 1,
    bytesMade: 2,
    bytesOnDisks: [[disk.id, 1000]],
  });
  const repair = await work.repair();
  assert.ok(!isRefusal(repair));
  assert.deepEqual([repair.secondsLeft, repair.now[0]?.bytesDone], [70, 40]);
  const scrub = await work.scrub();
  assert.ok(!isRefusal(scrub));
  const [read] = scrub.disks;
  assert.deepEqual(
    [read?.directory, read?.secondsLeft, read?.bad, read?.readSince, read?.isReading],
    ["/data", 6, 1, null, true],
  );
  const { ageSeconds, bad, mended, isReading } = must(scrub.index, "a log");
  assert.deepEqual([ageSeconds, bad, mended, isReading], [5, 2, 1, false]);
  await work.order("repair", "pause", undefined);
  await work.order("scrub", "pause", undefined);
  const rests = await work.repair();
  assert.ok(!isRefusal(rests) && rests.isPaused);
  assert.equal(rests.secondsLeft, null);
  const still = await work.scrub();
  assert.ok(!isRefusal(still));
  assert.equal(still.disks[0]?.secondsLeft, null);
});

test("C8: repair is not said to be done while members wait for their disks, or are not counted", async () => {
  const none = { shortExtents: 0, waitingExtents: 0, narrowExtents: 0 };
  const still = { isPaused: false, isLooking: false, extents: 0, bytesLeft: 0, stuck: 0 };
  const asked = async (shortage: Shortage | undefined) => {
    const { work } = await create({
      repair: { ...still, leftMs: 0, now: [] },
      scrub: { isPaused: false, everyMs: 60_000, disks: [] },
      indexScrub: undefined,
      shortage,
      membersMade: 0,
      bytesMade: 0,
      bytesOnDisks: [],
    });
    const report = await work.repair();
    assert.ok(!isRefusal(report));
    return report;
  };
  const waiting = await asked({ ...none, shortExtents: 2, waitingExtents: 2 });
  assert.deepEqual([waiting.isWhole, waiting.secondsLeft, waiting.shortExtents], [false, null, 2]);
  const unplanned = await asked({ ...none, shortExtents: 2 });
  assert.deepEqual([unplanned.isWhole, unplanned.secondsLeft], [false, null]);
  const uncounted = await asked(undefined);
  assert.deepEqual([uncounted.isWhole, uncounted.secondsLeft], [false, null]);
  const whole = await asked(none);
  assert.deepEqual([whole.isWhole, whole.secondsLeft], [true, 0]);
});

test("OrderedWork: without an answer of the background worker nothing is made up", async () => {
  const { work } = await create();
  const refused = await work.repair();
  assert.ok(isRefusal(refused) && refused.refusal === "busy");
});
