import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { SessionId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import { sealAbandoned } from "../extent-seal.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { settle } from "../testing/manual-clock.ts";
import type { MemoryDisk } from "../testing/memory-disk.ts";
import { identityOf, payloadOf, type TestStore } from "../testing/test-store.ts";

const hash = createHash();

function seal(store: TestStore): Promise<ExtentEntry> {
  const entry = must([...store.table.entries.values()][0], "no extent");
  const { platform, disks, table } = store;
  return sealAbandoned({ platform, disks, table, entry, session: 1 as SessionId });
}

const records = (file: Uint8Array): Uint8Array => file.subarray(extentHeaderBytes);

/** Three members of which the first ones have more than those behind them, and no writer. */
async function uneven(counts: readonly number[]): Promise<{
  three: LaneOnDisks;
  refs: readonly ChunkRef[];
  full: Uint8Array;
}> {
  const three = await LaneOnDisks.create(hash, counts.length);
  const refs: ChunkRef[] = [];
  const most = Math.max(1, ...counts);
  const sizes = [extentHeaderBytes];
  for (let chunk = 0; chunk < most; chunk++) {
    refs.push(await three.append(chunk));
    await settle();
    sizes.push(must(three.files()[0], "a file").length);
  }
  const full = must(three.files()[0], "a file").slice();
  for (const [disk, count] of counts.entries()) {
    const path = must(three.store.extentFiles(disk)[0], "a file");
    const file = three.store.memoryDisks[disk]!.bytesOf(path);
    three.store.memoryDisks[disk]!.files.set(path, file.slice(0, sizes[count]));
  }
  return { three, refs, full };
}

const fileOf = (three: LaneOnDisks, disk: number): Uint8Array => three.files()[disk]!;

const isExtent = (path: string): boolean => path.endsWith(".extent");

function unmount(disk: MemoryDisk): () => void {
  const files = [...disk.files];
  disk.files.clear();
  return () => files.forEach(([path, bytes]) => disk.files.set(path, bytes));
}

test("C1: seal: the longest of the members counts, and the others get what they lack", async () => {
  const { three, full } = await uneven([3, 1, 2]);
  const { row } = await seal(three.store);
  assert.equal(row.length, full.length);
  assert.deepEqual(three.states, [["whole", "whole", "whole"]]);
  for (const disk of [0, 1, 2]) assert.deepEqual(records(fileOf(three, disk)), records(full));
  assert.ok(!three.store.logged.some(({ event }) => event === "extent_sealed_with_damage"));
});

test("C1: seal: without one disk of three it is sealed, and the member there is behind", async () => {
  const { three, full } = await uneven([1, 3, 2]);
  unmount(three.store.memoryDisks[2]!);
  const { row } = await seal(three.store);
  assert.equal(row.length, full.length);
  assert.deepEqual(three.states, [["whole", "whole", "behind"]]);
  assert.deepEqual(records(fileOf(three, 0)), records(full));
});

test("C1: seal: without two disks of three nothing is decided until one is back", async () => {
  const { three, full } = await uneven([1, 3, 3]);
  const mounts = three.store.memoryDisks.slice(1).map(unmount);
  await assert.rejects(seal(three.store), { code: "missing" });
  assert.equal(three.rows[0]?.state, "open");
  mounts[0]!();
  assert.equal((await seal(three.store)).row.length, full.length);
});

test("C1: seal: a file that is lost says nothing of what was acknowledged", async () => {
  const { three, full } = await uneven([3, 2, 3]);
  const [first, , third] = three.store.memoryDisks;
  first!.files.delete(three.store.extentFiles(0)[0]!);
  const mount = unmount(third!);
  await assert.rejects(seal(three.store), { code: "missing" });
  mount();
  assert.equal((await seal(three.store)).row.length, full.length);
  assert.deepEqual(three.states, [["missing", "whole", "whole"]]);
});

test("C4: seal: a record damaged in one member is taken from another", async () => {
  const { three, refs, full } = await uneven([3, 3, 3]);
  for (const [disk, ref] of refs.entries()) fileOf(three, disk)[ref.offset + 40]! ^= 1;
  const { row } = await seal(three.store);
  assert.equal(row.length, full.length);
  for (const disk of [0, 1, 2]) assert.deepEqual(records(fileOf(three, disk)), records(full));
  assert.ok(!three.store.logged.some(({ event }) => event === "extent_sealed_with_damage"));
});

test("C1: seal: what one of two reached members has is not sealed before the other has it", async () => {
  const { three, full } = await uneven([3, 1, 1]);
  const [, second, third] = three.store.memoryDisks;
  unmount(third!);
  let writes = 0;
  second!.before = (operation, path) => {
    // The first one is that of its epoch.
    if (operation === "write" && isExtent(path) && ++writes > 1)
      throw new DiskError("io", "failed");
  };
  await assert.rejects(seal(three.store), { code: "io" });
  assert.equal(three.rows[0]?.state, "open");
  second!.before = () => {};
  assert.equal((await seal(three.store)).row.length, full.length);
  assert.deepEqual(three.states, [["whole", "whole", "behind"]]);
});

test("C1: seal: one of three that cannot be written is behind, and two are enough", async () => {
  const { three, full } = await uneven([3, 2, 1]);
  let writes = 0;
  three.store.memoryDisks[2]!.before = (operation, path) => {
    if (operation === "write" && isExtent(path) && ++writes > 1)
      throw new DiskError("io", "failed");
  };
  const { row } = await seal(three.store);
  assert.equal(row.length, full.length);
  assert.deepEqual(three.states, [["whole", "whole", "behind"]]);
});

test("seal: an extent that nothing was written to is empty, and its members are as they were", async () => {
  const { three } = await uneven([0, 0, 0]);
  three.store.memoryDisks[0]!.files.delete(three.store.extentFiles(0)[0]!);
  const { row } = await seal(three.store);
  assert.equal(row.length, extentHeaderBytes);
  assert.deepEqual(three.states, [["whole", "whole", "whole"]]);
});

test("C1: seal: a writer that was only paused is answered by no quorum afterwards", async () => {
  const { three } = await uneven([2, 2, 2]);
  unmount(three.store.memoryDisks[0]!);
  await seal(three.store);
  await assert.rejects(three.append(9), (error: Error) =>
    /sealed|fails|not there/.test(error.message),
  );
});

test("seal: the records of every member can be read afterwards", async () => {
  const { three, refs } = await uneven([2, 3, 1]);
  await seal(three.store);
  for (const [disk, memory] of three.store.memoryDisks.entries()) {
    const mounts = three.store.memoryDisks.filter((one) => one !== memory).map(unmount);
    const entry = must([...three.store.table.entries.values()][0], "an extent");
    const members = entry.row.members.map((one, i) =>
      i === disk ? one : { ...one, state: "missing" as const },
    );
    await three.store.table.replace(entry, { ...entry.row, members });
    const reader = three.store.reader();
    for (const [chunk, ref] of refs.entries()) {
      const bytes = await reader.read(ref, identityOf(chunk), 0, ref.length);
      assert.deepEqual(bytes, payloadOf(100, chunk));
    }
    await reader.close();
    for (const mount of mounts) mount();
    const after = must([...three.store.table.entries.values()][0], "an extent");
    await three.store.table.replace(after, entry.row);
  }
});
