import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOn, type ExtentRow, firstLayout, type Scheme } from "../../format/extent-row.ts";
import { type DiskId, idOfText, type SessionId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { ClassTally } from "./class-tally.ts";

const disk = idOfText<DiskId>("1".repeat(32));
const contentBytes = 1_000_000;

function rowOf(storageClass: string, scheme: Scheme, more: Partial<ExtentRow> = {}): ExtentRow {
  const members = scheme.kind === "replicated" ? scheme.copies : scheme.data + scheme.parity;
  return {
    state: "reconciled",
    scheme,
    members: Array.from({ length: members }, () => copyOn(disk)),
    epoch: 1,
    session: 1 as SessionId, // made up
    storageClass,
    bucketScheme: undefined,
    createdMs: 1,
    sealedMs: 2,
    length: extentHeaderBytes + contentBytes,
    deadBytes: 0,
    droppedMs: 0,
    ...firstLayout,
    ...more,
  };
}

const copies: Scheme = { kind: "replicated", copies: 3, quorum: 2 };
const coded: Scheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };

test("class tally: live bytes and those of all files, by storage class and scheme", () => {
  const tally = new ClassTally();
  tally.add(rowOf("STANDARD", copies));
  tally.add(rowOf("STANDARD", copies, { deadBytes: 400_000, bucketScheme: "copies-3" }));
  tally.add(rowOf("STANDARD", coded));
  tally.add(rowOf("GLACIER_IR", copies, { state: "open", length: 0 }));
  const [replicated, shards, ...others] = tally.holdings;
  assert.deepEqual(replicated, {
    storageClass: "STANDARD",
    scheme: "copies-3",
    extents: 2,
    aliveBytes: 1_600_000,
    diskBytes: 6 * (extentHeaderBytes + contentBytes),
  });
  assert.deepEqual([shards?.scheme, shards?.aliveBytes], ["lrc-12-2-2", contentBytes]);
  const share = (shards?.diskBytes ?? 0) / contentBytes;
  assert.ok(share > 16 / 12 && share < 1.6, `${share} bytes on disk for each`);
  assert.deepEqual(others, []);
});

test("C8: class tally: files that leave, and those of what is dropped, take space until they have gone", () => {
  const tally = new ClassTally();
  const leaving = [{ layout: 0, scheme: copies, member: 0, disk }];
  tally.add(rowOf("STANDARD", copies, { leaving, layout: 1 }));
  tally.add(rowOf("STANDARD", copies, { state: "dropping" }));
  const [holding] = tally.holdings;
  assert.equal(holding?.diskBytes, 7 * (extentHeaderBytes + contentBytes));
  assert.equal(holding?.aliveBytes, contentBytes);
});
