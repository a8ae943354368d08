import assert from "node:assert/strict";
import { test } from "node:test";
import type { ShownDisk } from "../admin/disk-pages.ts";
import { diskLines } from "./disk.ts";

const disk: ShownDisk = {
  directory: "/d1",
  id: "1".repeat(32),
  labels: "",
  state: "active",
  since: "2026-11-30T10:00:00.000Z",
  reason: "",
  isPaused: false,
  isReplaced: false,
  holdsIndex: false,
  indexMove: undefined,
  condition: "ok",
  capacityBytes: 0,
  freeBytes: undefined,
  extents: undefined,
  extentBytes: undefined,
  heldExtents: undefined,
  onlyExtents: undefined,
  emptyInSeconds: undefined,
  faults: {},
};

test("C8: disk list says of a disk that it hangs, and that the others are used meanwhile", () => {
  const text = diskLines([disk, { ...disk, directory: "/d2", condition: "no_answer" }]).join("\n");
  assert.match(text, /^\/d2 .* no-answer$/m);
  assert.match(text, /^\/d2 gives no answer: see to the disk and its cable; .*on the others/m);
  assert.doesNotMatch(text, /^\/d1 gives/m);
});

test("C8: disk list says of a disk that is emptied what only the restore window keeps on it", () => {
  const emptying = { ...disk, state: "emptying", extents: 4, extentBytes: 4096 } as const;
  const [held] = diskLines([{ ...emptying, heldExtents: 3 }]).slice(-1);
  assert.match(held ?? "", /being emptied: 4 extents \(4\.0 KiB\), 3 for a restore only left/);
  const [live] = diskLines([{ ...emptying, heldExtents: 0 }]).slice(-1);
  assert.match(live ?? "", /being emptied: 4 extents \(4\.0 KiB\) left/);
});

test("C8: disk list says how the index leaves its disk, and why that is emptied", () => {
  const move = { to: "/d2", doing: "rows of the snapshot", done: 9 };
  const home: ShownDisk = { ...disk, state: "emptying", holdsIndex: true, indexMove: move };
  const text = (more: Partial<ShownDisk>): string => diskLines([{ ...home, ...more }]).join("\n");
  const goes = /^\/d1 holds the index, which moves to \/d2: rows of the snapshot, 9 so far$/m;
  assert.match(text({}), goes);
  assert.match(text({ extents: 0 }), /^\/d1 is empty but for the index$/m);
  assert.match(text({ reason: "replaced by /d3" }), /is being emptied \(replaced by \/d3\): /);
  const waits = { to: undefined, doing: "no other disk", done: 0 };
  assert.match(text({ indexMove: waits }), /^\/d1 .* has to move, and waits: no other disk$/m);
});

test("C8: disk list says of a replaced disk what keeps it in the store", () => {
  const kept: ShownDisk = { ...disk, state: "emptying", isReplaced: true, extents: 2 };
  const [note] = diskLines([{ ...kept, reason: "replaced by /d3", onlyExtents: 1 }]).slice(-1);
  const why =
    /^\/d1 is being emptied \(replaced by \/d3\): 2 extents \(0 B\), 1 nowhere else left; /;
  assert.match(note ?? "", why);
  const then =
    /removed once nothing is left that is nowhere else \(holdfast disk remove \/d1 --force/;
  assert.match(note ?? "", then);
  const home = diskLines([{ ...kept, holdsIndex: true }]).join("\n");
  assert.match(home, /left; under way$/m);
});
