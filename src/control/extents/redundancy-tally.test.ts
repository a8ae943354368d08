import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOn, type ExtentRow, firstLayout } from "../../format/extent-row.ts";
import { type DiskId, type ExtentId, idOfText, noId, type SessionId } from "../../format/ids.ts";
import { lossesAt } from "../../placement/survival.ts";
import { RedundancyTally } from "./redundancy-tally.ts";

const disks = ["1", "2", "3"].map((digit) => idOfText<DiskId>(digit.repeat(32)));
const copies: ExtentRow = {
  state: "reconciled",
  scheme: { kind: "replicated", copies: 3, quorum: 2 },
  members: disks.map(copyOn),
  epoch: 1,
  session: 1 as SessionId, // made up
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 1,
  sealedMs: 2,
  length: 100_000,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};

function tallyOf(row: ExtentRow, missing: readonly (DiskId | undefined)[]) {
  const isThere = (disk: DiskId): boolean => !missing.includes(disk);
  const tally = new RedundancyTally({
    isThere,
    isHeld: () => false,
    rows: new Map(),
    canLose: () => true,
    copiesWanted: () => 3,
  });
  tally.add({ id: 1 as ExtentId, row, stamp: noId });
  const { levels, survival } = tally.count;
  const level = Object.entries(levels).find(([, { extents }]) => extents === 1)?.[0];
  return [level, survival && lossesAt(survival, "disk")];
}

test("C8: of an open extent no more is said to survive than what was answered for", () => {
  assert.deepEqual(tallyOf(copies, []), ["full", 2]);
  assert.deepEqual(tallyOf(copies, disks.slice(0, 1)), ["reduced", 1]);
  // A quorum of two was synced, and nobody knows which: one of the two that are left may be all.
  const open: ExtentRow = { ...copies, state: "open" };
  assert.deepEqual(tallyOf(open, []), ["full", 1]);
  assert.deepEqual(tallyOf(open, disks.slice(0, 1)), ["none", 0]);
  assert.deepEqual(tallyOf(open, disks.slice(0, 2)), ["none", 0]);
  assert.deepEqual(tallyOf(open, disks), ["unreadable", undefined]);
});

test("C8: an extent with fewer copies than new ones have is not at full redundancy", () => {
  const scheme = { kind: "replicated", copies: 2, quorum: 2 } as const;
  const two: ExtentRow = { ...copies, scheme, members: copies.members.slice(0, 2) };
  assert.deepEqual(tallyOf(two, []), ["reduced", 1]);
});
