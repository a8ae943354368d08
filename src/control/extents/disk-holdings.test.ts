import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryExtentTable } from "../../extent/testing/memory-extent-table.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import { copyOn, type ExtentRow, firstLayout } from "../../format/extent-row.ts";
import { type DiskId, idOfText, type SessionId } from "../../format/ids.ts";
import { holdingOf, noHolding } from "./disk-holdings.ts";
import { EmptyingProgress } from "./emptying-progress.ts";

const id = (n: number): DiskId => idOfText<DiskId>(n.toString(16).padStart(32, "0"));
const [first, second, third] = [id(1), id(2), id(3)];
const where = (isThere: (disk: DiskId) => boolean) => ({ isThere, isHeld: () => false });
const everywhere = where(() => true);

const row: ExtentRow = {
  state: "reconciled",
  scheme: { kind: "replicated", copies: 1, quorum: 1 },
  members: [copyOn(first)],
  epoch: 1,
  session: 1 as SessionId, // made up
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 1,
  sealedMs: 2,
  length: 1000,
  deadBytes: 100,
  droppedMs: 0,
  ...firstLayout,
};
const members = [copyOn(first), copyOn(second), copyOn(third)];
const copies: ExtentRow = { ...row, scheme: { kind: "replicated", copies: 3, quorum: 2 }, members };
const shards: ExtentRow = {
  ...row,
  scheme: { kind: "coded", code: "rs", data: 2, parity: 1 },
  members,
};

async function tableOf(...rows: readonly ExtentRow[]): Promise<MemoryExtentTable> {
  const table = new MemoryExtentTable();
  for (const one of rows) await table.create(one);
  return table;
}

test("disk holdings: counts what is on a disk, and what could not be read without it", async () => {
  const table = await tableOf(row, copies, shards, { ...row, members: [copyOn(second)] });
  assert.deepEqual(await holdingOf(table, first, everywhere), {
    extents: 3,
    bytes: 2500,
    heldExtents: 0,
    onlyExtents: 1,
    onlyBytes: 900,
    damaged: 0,
  });
  // Without the second disk the shards on the other two are needed both.
  const { onlyExtents } = await holdingOf(
    table,
    first,
    where((disk) => disk !== second),
  );
  assert.equal(onlyExtents, 2);
  const none = await holdingOf(
    table,
    first,
    where(() => false),
  );
  assert.equal(none.onlyExtents, 3);
});

test("C1: disk holdings: one of three copies of an open extent may lack what the quorum answered", async () => {
  const table = await tableOf({ ...copies, state: "open" });
  assert.equal((await holdingOf(table, first, everywhere)).onlyExtents, 0);
  assert.equal(
    (
      await holdingOf(
        table,
        first,
        where((disk) => disk !== second),
      )
    ).onlyExtents,
    1,
  );
});

test("C1: disk holdings: one of four shards of an open RS(2,2) extent may lack what was answered", async () => {
  const scheme = { kind: "coded", code: "rs", data: 2, parity: 2 } as const;
  const striped = { ...row, scheme, members: [...members, copyOn(id(4))] };
  const only = async (one: ExtentRow): Promise<number> =>
    (
      await holdingOf(
        await tableOf(one),
        first,
        where((disk) => disk !== second),
      )
    ).onlyExtents;
  assert.equal(await only(striped), 0);
  assert.equal(await only({ ...striped, state: "open" }), 1);
  const open = await tableOf({ ...striped, state: "open" });
  assert.equal((await holdingOf(open, first, everywhere)).onlyExtents, 0);
});

test("disk holdings: members that are damaged do not count, nor do extents that are dropped; files on their way do", async () => {
  const damaged = members.map((member) =>
    member.disk === first ? member : { ...member, state: "damaged" as const },
  );
  const coming = { layout: 0, scheme: row.scheme, member: 0, disk: first };
  const table = await tableOf(
    { ...copies, members: damaged },
    { ...row, state: "dropping" },
    { ...row, members: [copyOn(second)], coming: [coming] },
  );
  const holding = await holdingOf(table, first, everywhere);
  assert.deepEqual([holding.extents, holding.onlyExtents, holding.damaged], [3, 1, 0]);
  assert.equal((await holdingOf(table, second, everywhere)).damaged, 1);
});

test("emptying progress: the time left follows from the rate since it began; a pause begins anew", () => {
  const progress = new EmptyingProgress();
  const emptying = newDiskRow({ disk: first, addedMs: 0, name: "/d", state: "emptying" });
  const note = (bytes: number, nowMs: number, disk = emptying): void => {
    const holding = { ...noHolding, extents: 1, bytes };
    progress.note(new Map([[first, holding]]), new Map([[first, disk]]), nowMs);
  };
  note(1000, 0);
  assert.equal(progress.secondsLeft(first), undefined);
  note(900, 10_000);
  assert.equal(progress.secondsLeft(first), 90);
  note(500, 20_000);
  assert.equal(progress.secondsLeft(first), 20);
  note(500, 30_000, { ...emptying, isPaused: true });
  assert.equal(progress.secondsLeft(first), undefined);
  note(400, 90_000);
  note(200, 100_000);
  assert.equal(progress.secondsLeft(first), 10);
  note(0, 110_000);
  assert.equal(progress.secondsLeft(first), 0);
});
