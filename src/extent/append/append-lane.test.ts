import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOn } from "../../format/extent-row.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import { extentHeaderBytes, extentHeaderSlotBytes } from "../../format/limits.ts";
import type { ExtentId } from "../../format/ids.ts";
import { recordBytes } from "../../format/record.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import { extentPath } from "../extent-files.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { settle } from "../testing/manual-clock.ts";
import { identityOf } from "../testing/test-store.ts";

const hash = createHash();
const twoDisks = (): Promise<LaneOnDisks> => LaneOnDisks.create(hash, 2);

test("C1: lane: a record is answered once it is durable on every member", async () => {
  const two = await twoDisks();
  await two.append(0);
  const synced = new Set<string>();
  for (const disk of two.store.memoryDisks) {
    disk.before = (operation) => {
      if (operation === "sync") synced.add(disk.name);
    };
  }
  await two.append(1);
  assert.deepEqual([...synced].sort(), ["/data1", "/data2"]);
  const [row] = two.rows;
  assert.deepEqual(row?.scheme, { kind: "replicated", copies: 2, quorum: 2 });
  const members = two.store.diskIds.map((disk) => copyOn(disk));
  assert.deepEqual(row.members, members);
  const [first, second] = two.files();
  assert.equal(decodeExtentHeader(hash, first!.subarray(0, extentHeaderSlotBytes))?.member, 0);
  assert.equal(decodeExtentHeader(hash, second!.subarray(0, extentHeaderSlotBytes))?.member, 1);
  assert.deepEqual(first!.subarray(extentHeaderBytes), second!.subarray(extentHeaderBytes));
});

test("lane: a member's failure stops its own disk, and ends the extent at what all members have", async () => {
  const two = await twoDisks();
  const ref = await two.append(0);
  two.store.memoryDisks[1]!.before = (operation) => {
    if (operation === "write") throw new DiskError("io", "failed");
  };
  await assert.rejects(two.append(1), (error) => isDiskError(error, "io"));
  assert.deepEqual(two.conditions, ["writable", "io"]);
  await two.ledger.advance();
  const [row] = two.rows;
  assert.equal(row?.state, "sealed");
  assert.equal(row.length, ref.offset + recordBytes(identityOf(0).key.length, 100));
  assert.deepEqual(
    two.store.memoryDisks.map(({ filesOpen }) => filesOpen),
    [0, 0],
  );
});

test("lane: a file that has gone is noted for its own member, and its disk goes on", async () => {
  const two = await twoDisks();
  await two.append(0);
  const [path] = two.store.extentFiles(1);
  await two.store.memoryDisks[1]!.remove(path!);
  await assert.rejects(two.append(1), (error) => isDiskError(error, "missing"));
  await two.append(2);
  assert.deepEqual(two.lost, [["/data2 missing"]]);
  assert.deepEqual(two.conditions, ["writable", "writable"]);
  await two.ledger.advance();
  assert.deepEqual(
    two.rows[0]?.members.map(({ state }) => state),
    ["whole", "missing"],
  );
});

test("lane: of two members the one that does not answer is stopped", async () => {
  const two = await twoDisks();
  await two.append(0);
  const hung = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  two.store.memoryDisks[1]!.before = (operation) => {
    if (operation !== "write") return;
    reached.resolve();
    return hung.promise;
  };
  const appended = two.append(1);
  await reached.promise;
  await settle();
  two.lane.abandonWork(new DiskError("io", "no answer"));
  await assert.rejects(appended, (error) => isDiskError(error, "io"));
  assert.deepEqual(two.conditions, ["writable", "io"]);
  hung.resolve();
  await two.lane.finish();
});

test("C9: lane: a file in the way of one member is left, and the other member's file is removed", async () => {
  const two = await twoDisks();
  const { memoryDisks } = two.store;
  const other = new Uint8Array([1, 2, 3]); // at the path of the first id that the table gives
  memoryDisks[1]!.replace(extentPath(1 as ExtentId), other);
  await two.append(0);
  const [kept, made] = two.store.extentFiles(1);
  assert.deepEqual(memoryDisks[1]!.files.get(kept!), other);
  assert.deepEqual(two.store.extentFiles(0), [made]);
  assert.equal(two.rows.length, 1);
});
