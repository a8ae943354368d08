import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import { extentBytesMax, extentHeaderBytes, extentHeaderSlotBytes } from "../../format/limits.ts";
import type { ExtentId, SessionId } from "../../format/ids.ts";
import { blockChecksums, recordBytes } from "../../format/record.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import { extentPath } from "../extent-files.ts";
import { settle } from "../testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore } from "../testing/test-store.ts";
import { AppendLane, batchBytesMax } from "./append-lane.ts";
import { DiskHealth } from "../disk/disk-health.ts";
import { ExtentLedger } from "./extent-ledger.ts";
import { openNewExtent } from "./open-new-extent.ts";

const hash = createHash();
const session = 7 as SessionId; // made up

/** A lane whose extents have a member on each of two disks. */
class TwoMembers {
  readonly store: TestStore;
  readonly disks: readonly DiskHealth[];
  readonly lane: AppendLane;
  readonly ledger: ExtentLedger;
  readonly lost: (readonly string[])[] = [];

  private constructor(store: TestStore) {
    this.store = store;
    const { platform, disks, table } = store;
    const { log } = platform;
    this.disks = disks.disks.map(
      (place) => new DiskHealth({ place, session, reserveBytes: 0, log }),
    );
    const options = { platform, disks, table, session, storageClass: "STANDARD" };
    const counts = { extentsOpened: 0, filesInTheWay: 0 };
    this.ledger = new ExtentLedger(table, platform.clock);
    this.lane = new AppendLane({
      clock: platform.clock,
      disks: this.disks,
      ledger: this.ledger,
      extentBytes: extentBytesMax,
      batchBytes: batchBytesMax,
      openExtent: () => openNewExtent(options, this.disks, this.ledger, counts),
      giveBack: (records, error) => {
        for (const record of records) record.reject(error);
      },
      fenced: () => undefined,
      appended: () => undefined,
      lost: (_, memberStates) => void this.lost.push(memberStates),
    });
  }

  static async create(): Promise<TwoMembers> {
    return new TwoMembers(await TestStore.create(hash, 2));
  }

  append(chunk: number, bytes = 100): Promise<ChunkRef> {
    const [identity, payload] = [identityOf(chunk), payloadOf(bytes, chunk)];
    return new Promise((resolve, reject) => {
      this.lane.enqueue({
        identity,
        payload,
        blockChecksums: blockChecksums(hash, payload),
        bytes: recordBytes(identity.key.length, bytes),
        resolve,
        reject,
        failures: 0,
      });
    });
  }

  get rows() {
    return [...this.store.table.entries.values()].map(({ row }) => row);
  }

  /** The extent file of each disk. */
  files(): readonly Uint8Array[] {
    return this.store.memoryDisks.map(
      (disk, index) => disk.files.get(this.store.extentFiles(index)[0]!)!, // there is one
    );
  }

  get conditions(): readonly string[] {
    return this.disks.map((health) => health.state.kind);
  }
}

test("C1: lane: a record is answered once it is durable on every member", async () => {
  const two = await TwoMembers.create();
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
  const members = two.store.diskIds.map((disk) => ({ disk, state: "whole" }));
  assert.deepEqual(row.members, members);
  const [first, second] = two.files();
  assert.equal(decodeExtentHeader(hash, first!.subarray(0, extentHeaderSlotBytes))?.member, 0);
  assert.equal(decodeExtentHeader(hash, second!.subarray(0, extentHeaderSlotBytes))?.member, 1);
  assert.deepEqual(first!.subarray(extentHeaderBytes), second!.subarray(extentHeaderBytes));
});

test("lane: a member's failure stops its own disk, and ends the extent at what all members have", async () => {
  const two = await TwoMembers.create();
  const ref = await two.append(0);
  two.store.memoryDisks[1]!.before = (operation) => {
    if (operation === "write") throw new DiskError("io", "failed");
  };
  await assert.rejects(two.append(1), (error) => isDiskError(error, "io"));
  assert.deepEqual(two.conditions, ["writable", "io"]);
  assert.equal(two.lane.isWritable, false);
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
  const two = await TwoMembers.create();
  await two.append(0);
  const [path] = two.store.extentFiles(1);
  await two.store.memoryDisks[1]!.remove(path!);
  await assert.rejects(two.append(1), (error) => isDiskError(error, "missing"));
  await two.append(2);
  assert.deepEqual(two.lost, [["whole", "missing"]]);
  assert.deepEqual(two.conditions, ["writable", "writable"]);
  await two.ledger.advance();
  assert.deepEqual(
    two.rows[0]?.members.map(({ state }) => state),
    ["whole", "missing"],
  );
});

test("lane: of two members the one that does not answer is stopped", async () => {
  const two = await TwoMembers.create();
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
  const two = await TwoMembers.create();
  const { memoryDisks } = two.store;
  const other = new Uint8Array([1, 2, 3]); // at the path of the first id that the table gives
  memoryDisks[1]!.replace(extentPath(1 as ExtentId), other);
  await two.append(0);
  const [kept, made] = two.store.extentFiles(1);
  assert.deepEqual(memoryDisks[1]!.files.get(kept!), other);
  assert.deepEqual(two.store.extentFiles(0), [made]);
  assert.equal(two.rows.length, 1);
});
