import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentHeader } from "../format/extent-header.ts";
import {
  idOfText,
  type DiskId,
  type ExtentId,
  type SessionId,
  type StoreId,
} from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { localDataDisk } from "./local-members.ts";
import { MeteredDisks, TransferMeter } from "./metered-disks.ts";
import { MountedDisks } from "./mounted-disks.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const store = idOfText<StoreId>("5".repeat(32));
const header: ExtentHeader = {
  store,
  disk: idOfText<DiskId>("1".repeat(32)),
  extent: 1 as ExtentId,
  session: 1 as SessionId,
  createdMs: 1,
  epoch: 1,
  layout: 0,
  scheme: { kind: "replicated", copies: 1, quorum: 1 },
  member: 0,
  sequence: 0,
};

test("MeteredDisks: what is appended to members and read from them is counted", async () => {
  const disk = localDataDisk(createHash(), header.disk, new MemoryDisk("/d"));
  const meter = new TransferMeter();
  const [metered] = new MeteredDisks({ store, disks: [disk] }, meter).disks;
  assert.ok(metered !== undefined);
  const member = await metered.members.create(header);
  await member.append(1, extentHeaderBytes, [new Uint8Array(100), new Uint8Array(20)]);
  await member.close();
  assert.deepEqual([meter.bytesRead, meter.bytesWritten], [0, 120]);
  const opened = await metered.members.open(header);
  assert.ok(typeof opened === "object" && "append" in opened);
  await opened.read(new Uint8Array(50), extentHeaderBytes);
  await opened.close();
  const reading = await metered.members.openForReading({ extent: header.extent, layout: 0 });
  // At the end of the file there is less than was asked for.
  await reading.read(new Uint8Array(500), extentHeaderBytes + 70);
  await reading.close();
  assert.deepEqual([meter.bytesRead, meter.bytesWritten], [100, 120]);
  assert.equal(meter.bytes, 220);
});

test("MeteredDisks: disks that stay are the same while others come and go", () => {
  const disks = ["1", "2"].map((digit) =>
    localDataDisk(createHash(), idOfText<DiskId>(digit.repeat(32)), new MemoryDisk(`/${digit}`)),
  );
  const mounted = new MountedDisks(store, disks.slice(0, 1));
  const metered = new MeteredDisks(mounted, new TransferMeter());
  const before = metered.disks;
  assert.equal(metered.disks, before);
  mounted.set(disks, new Map());
  assert.notEqual(metered.disks, before);
  assert.equal(metered.disks[0], before[0]);
  assert.equal(metered.disks.length, 2);
});
