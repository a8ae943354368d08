import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { copyOn, firstLayout } from "../format/extent-row.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { fenceSession } from "../keymap/sessions.ts";
import { createHash } from "../node/platform/hash.ts";
import { BucketSweep } from "./bucket-sweep.ts";
import { createCounters } from "./counters.ts";
import { around } from "./testing/around.ts";
import { makeBucket } from "./testing/objects.ts";
import type { TestProcess } from "./testing/processes.ts";
import { createTestMachine, tasksOf } from "./testing/processes.ts";

// What the background reads while nothing happens.

const hash = createHash();
const extentBytes = 64 * 1024;

/** Counts the rows of extents that are read. */
function counting(table: ExtentTable): { table: ExtentTable; rows: () => number } {
  let rows = 0;
  const counted: ExtentTable = {
    ...table,
    async get(id) {
      rows++;
      return table.get(id);
    },
    async list(after, limit) {
      const entries = await table.list(after, limit);
      rows += entries.length;
      return entries;
    },
  };
  return { table: counted, rows: () => rows };
}

const fullRow: ExtentRow = {
  state: "reconciled",
  scheme: { kind: "replicated", copies: 1, quorum: 1 },
  members: [],
  epoch: 1,
  session: 1 as TestProcess["keymap"]["session"]["id"],
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 0,
  sealedMs: 0,
  length: extentHeaderBytes + extentBytes,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};

test("what an idle pass reads does not grow with the number of extents", async () => {
  const reads: number[] = [];
  for (const extents of [10, 1000]) {
    const machine = await createTestMachine(hash);
    const background = await machine.start("background");
    const members = machine.disks.disks.map(({ id }) => copyOn(id));
    for (let i = 0; i < extents; i++) {
      await background.table.create({ ...fullRow, members });
    }
    const { table, rows } = counting(background.table);
    const all = tasksOf(machine, { ...background, table }, { smallBytes: extentBytes / 4 });
    // It looks at files by a clock of its own.
    const tasks = all.tasks.filter(({ name }) => name !== "extent inventory");
    const { signal } = new AbortController();
    const pass = async (): Promise<number> => {
      const before = rows();
      for (const task of tasks) while ((await task.step(signal)) === "busy");
      return rows() - before;
    };
    assert.ok((await pass()) >= extents, "the first pass looks at all");
    await machine.platform.clock.advance(61_000);
    await pass();
    reads.push(await pass());
    // What changes is looked at again.
    await background.table.create({ ...fullRow, members, length: extentHeaderBytes });
    assert.ok((await pass()) > 0);
    assert.equal(all.counters.extentsCompacted, 1, "an extent without a record");
  }
  assert.deepEqual(reads, [0, 0]);
});

test("a bucket sweep reads the fences of buckets only after a session has ended", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const background = await machine.start("background");
  let looks = 0;
  const keymap = around(background.keymap, async () => void looks++);
  const sweep = new BucketSweep({
    ...background,
    keymap,
    counters: createCounters(),
    everyMs: 1000,
  });
  const looksOf = async (sweeps: number): Promise<number> => {
    looks = 0;
    for (let i = 0; i < sweeps; i++) {
      await machine.platform.clock.advance(1000);
      await sweep.step();
    }
    return looks;
  };
  assert.equal(await looksOf(2), 2);
  assert.equal(await looksOf(10), 0);
  const other = await machine.start("front-end");
  assert.equal(await looksOf(10), 0);
  await fenceSession(background.keymap, other.keymap.session.id);
  assert.equal(await looksOf(10), 2);
  // One that came and went between two looks.
  const brief = await machine.start("front-end");
  await fenceSession(background.keymap, brief.keymap.session.id);
  assert.equal(await looksOf(10), 2);
});
