import assert from "node:assert/strict";
import { test } from "node:test";
import { type DiskRowState, newDiskRow } from "../../format/disk-row.ts";
import { type DiskId, idBytes, idOfBytes } from "../../format/ids.ts";
import { fittestHome } from "./index-home.ts";

/** Directories whose disks are in these states; undefined: not in the registry. */
function fittestOf(...states: readonly (DiskRowState | undefined)[]): number {
  const directories = states.map((_, i) => {
    return { path: `/${i}`, disk: idOfBytes<DiskId>(new Uint8Array(idBytes).fill(i)) };
  });
  const rows = directories.flatMap(({ path, disk }, i) => {
    const state = states[i];
    return state === undefined ? [] : [newDiskRow({ disk, name: path, addedMs: 0, state })];
  });
  return directories.findIndex((one) => one === fittestHome(rows, directories));
}

test("C1: home of the index: the first disk in use, then one that is emptied, out or new, none that was removed", () => {
  assert.equal(fittestOf("removed", "out", "emptying", "active", "active"), 3);
  assert.equal(fittestOf("removed", undefined, "out", "emptying"), 3);
  assert.equal(fittestOf("removed", undefined, "out"), 2);
  assert.equal(fittestOf("removed", undefined), 1);
  assert.equal(fittestOf("removed", "removed"), -1);
});
