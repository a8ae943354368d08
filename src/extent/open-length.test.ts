import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { copyOn, type ExtentRow, firstLayout } from "../format/extent-row.ts";
import { type ExtentId, noId, type SessionId } from "../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentPath } from "./extent-files.ts";
import { lengthOfOpen } from "./open-length.ts";
import { identityOf, payloadOf, standardExtents, TestStore } from "./testing/test-store.ts";

const hash = createHash();

const openRow: ExtentRow = {
  state: "open",
  scheme: { kind: "replicated", copies: 3, quorum: 2 },
  members: [],
  epoch: 1,
  session: 7 as SessionId, // made up
  ...standardExtents,
  createdMs: 1,
  sealedMs: 0,
  length: 0,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};

/** A store with an extent on three disks that is written, and where its last record ends. */
async function written() {
  const store = await TestStore.create(hash, 3);
  const writer = store.writer();
  for (const chunk of [0, 1]) {
    await writer.append(standardExtents, identityOf(chunk), payloadOf(1000));
  }
  const entry: ExtentEntry = must([...store.table.entries.values()][0], "an extent");
  assert.deepEqual([entry.row.state, entry.row.length], ["open", 0]);
  const path = extentPath(entry.id);
  const end = store.memoryDisks[0]!.bytesOf(path).length;
  assert.ok(end > extentHeaderBytes + 2000);
  const length = (): Promise<number> => lengthOfOpen(store.clock, store.disks, entry);
  const cut = (place: number, bytes: number): void => {
    const { files } = store.memoryDisks[place]!;
    files.set(path, files.get(path)!.slice(0, bytes));
  };
  return { store, path, end, length, cut };
}

test("C8: an open extent is as long as a quorum of its members is", async () => {
  const { end, length, cut } = await written();
  assert.equal(await length(), end);
  cut(0, extentHeaderBytes + 500);
  assert.equal(await length(), end, "one that has not followed yet");
  cut(1, extentHeaderBytes + 900);
  assert.equal(await length(), extentHeaderBytes + 900);
});

test("C8: of an open extent, members that cannot be looked at may have what the others have", async () => {
  const { store, path, end, length, cut } = await written();
  const [first, second, third] = store.memoryDisks;
  first!.before = (operation) => {
    if (operation === "open") throw new DiskError("io", "it fails");
  };
  cut(1, end - 100);
  assert.equal(await length(), end, "the first may have what the third has");
  second!.before = () => Promise.withResolvers<void>().promise;
  const looking = length();
  await store.clock.advance(3000);
  assert.equal(await looking, end);
  third!.files.delete(path);
  second!.before = () => {};
  assert.equal(await length(), end - 100);
  second!.files.delete(path);
  assert.equal(await length(), 0);
});

test("C8: an open extent of shards is as long as what its quorum of shards holds", async () => {
  const store = await TestStore.create(hash, 6);
  const scheme = { kind: "coded", code: "rs", data: 4, parity: 2, isStriped: true } as const;
  const members = store.diskIds.map(copyOn);
  const row = { ...openRow, scheme, members };
  const entry = { id: 5 as ExtentId, row, stamp: noId };
  const blocks = [3, 3, 3, 3, 2, 0];
  const path = extentPath(entry.id);
  for (const [place, count] of blocks.entries()) {
    const bytes = new Uint8Array(extentHeaderBytes + count * blockBytes);
    store.memoryDisks[place]!.files.set(path, bytes);
  }
  const contentBytes = async (): Promise<number> =>
    (await lengthOfOpen(store.clock, store.disks, entry)) - extentHeaderBytes;
  // Five of six have what was answered.
  assert.equal(await contentBytes(), 2 * 4 * blockBytes);
  const disks = store.disks.disks.slice(0, 5);
  assert.equal(
    (await lengthOfOpen(store.clock, { disks }, entry)) - extentHeaderBytes,
    3 * 4 * blockBytes,
  );
});
