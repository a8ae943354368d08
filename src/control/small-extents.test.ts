import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentEntry, ExtentTable } from "../extent/extent-table.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/hash.ts";
import { makeBucket, putChunks, read } from "./testing/objects.ts";
import type { TestMachine, TestProcess } from "./testing/processes.ts";
import { createTestMachine, workersOf } from "./testing/processes.ts";

const hash = createHash();
const extentBytes = 64 * 1024;

/** A write now and then, each of which leaves an extent of its own, as a quiet store's do by their age. */
async function putApart(machine: TestMachine, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const front = await machine.start("front-end");
    if (i === 0) await makeBucket(front);
    await putChunks(front, `object ${i}`, [contentOf(i)]);
    await front.stop();
  }
}

const contentOf = (i: number): string => `${i};`.repeat(200);

/** Background processes come and go until all is done: each seals what it wrote as it ends. */
async function settle(machine: TestMachine): Promise<{ bytesMoved: number; extents: number }> {
  let bytesMoved = 0;
  for (;;) {
    const background = await machine.start("background");
    const workers = workersOf(machine, background, { smallBytes: extentBytes / 4 });
    await workers.runUntilIdle();
    await machine.platform.clock.advance(100_000);
    await workers.runUntilIdle();
    const extents = (await background.table.list(undefined, 1000)).length;
    await background.stop();
    bytesMoved += workers.counters.bytesMoved;
    if (workers.counters.extentsMerged > 0) continue;
    return { bytesMoved, extents };
  }
}

test("small extents are merged, in steps: few are left, and no byte is copied again and again", async () => {
  const machine = await createTestMachine(hash, extentBytes);
  const writes = 60;
  let bytesMoved = 0;
  let extents = 0;
  for (let i = 0; i < writes; i += 10) {
    await putApart(machine, i, i + 10);
    const after = await settle(machine);
    bytesMoved += after.bytesMoved;
    ({ extents } = after);
  }
  assert.ok(extents < 20, `${extents} extents are left of ${writes}`);
  const bytes = Array.from({ length: writes }, (_, i) => contentOf(i).length).reduce(
    (a, b) => a + b,
  );
  assert.ok(bytesMoved <= 3 * bytes, `${bytesMoved} bytes moved of ${bytes}`);
  const reader = await machine.start("front-end");
  for (let i = 0; i < writes; i++) assert.equal(await read(reader, `object ${i}`), contentOf(i));
  const moved = bytesMoved;
  assert.deepEqual(await settle(machine), { bytesMoved: 0, extents }, `after ${moved}`);
});

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
  createdMs: 0,
  sealedMs: 0,
  length: extentHeaderBytes + extentBytes,
  deadBytes: 0,
  droppedMs: 0,
};

test("what an idle pass reads does not grow with the number of extents", async () => {
  const reads: number[] = [];
  for (const extents of [10, 1000]) {
    const machine = await createTestMachine(hash);
    const background = await machine.start("background");
    const members = machine.disks.disks.map(({ id }) => ({ disk: id, state: "whole" as const }));
    const created: ExtentEntry[] = [];
    for (let i = 0; i < extents; i++) {
      created.push(await background.table.create({ ...fullRow, members }));
    }
    const { table, rows } = counting(background.table);
    const all = workersOf(machine, { ...background, table }, { smallBytes: extentBytes / 4 });
    // It looks at files by a clock of its own.
    const workers = all.workers.filter(({ name }) => name !== "extent inventory");
    const { signal } = new AbortController();
    const pass = async (): Promise<number> => {
      const before = rows();
      for (const worker of workers) while ((await worker.step(signal)) === "busy");
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
