import assert from "node:assert/strict";
import { test } from "node:test";
import { capacityIn, type DiskReport } from "./disk-report.ts";

const disk: DiskReport = {
  name: "/d1",
  state: "ok",
  registryState: "active",
  isMounted: true,
  labels: "",
  capacityBytes: 1000,
  bytesFree: 400,
  fileSystem: "1",
  emptyInSeconds: undefined,
  verifiedSince: undefined,
};

test("C8: capacity: a file system that several data directories are on is counted once", () => {
  const second: DiskReport = { ...disk, name: "/d2" };
  const other: DiskReport = { ...disk, name: "/d3", fileSystem: "2" };
  const unknown: DiskReport = { ...disk, name: "/d4", fileSystem: undefined };
  assert.deepEqual(capacityIn([disk, second, other, unknown, { ...unknown, name: "/d5" }]), [
    { kind: "active", disks: 5, capacityBytes: 4000, bytesFree: 1600 },
  ]);
  // What new objects can have comes first, wherever the other directory stands in the list.
  const emptying: DiskReport = { ...disk, name: "/d0", registryState: "emptying" };
  const away: DiskReport = { ...other, name: "/d6", state: "missing" };
  assert.deepEqual(capacityIn([emptying, away, disk]), [
    { kind: "active", disks: 1, capacityBytes: 1000, bytesFree: 400 },
    { kind: "emptying", disks: 1, capacityBytes: 0, bytesFree: 0 },
    { kind: "missing", disks: 1, capacityBytes: 1000, bytesFree: 0 },
  ]);
});
