import assert from "node:assert/strict";
import { test } from "node:test";
import { subsets } from "../erasure/testing/shards.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { inlineScheme, type WriteChoices } from "./write-choices.ts";
import { extentPath } from "./extent-files.ts";
import { openExtentView, scanView } from "./extent-view.ts";
import { settle } from "./testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

// Large records that are coded while they are written, through the writer and the reader.

const hash = createHash();
const scheme = inlineScheme({ kind: "coded", code: "rs", data: 4, parity: 2 });
const length = 300_000;

async function benchOf(disks: number) {
  const store = await TestStore.create(hash, disks);
  const choices: WriteChoices = {
    of: () => ({ copies: 3, inline: scheme }),
    plan: (_, exclude) =>
      Promise.resolve(store.diskIds.filter((id) => !exclude.includes(id)).slice(0, 6)),
  };
  const writer = store.writer({ choices });
  const append = (chunk: number, bytes = length): Promise<ChunkRef> =>
    writer.append(standardExtents, identityOf(chunk), payloadOf(bytes, chunk));
  const rowOf = (ref: ChunkRef) => store.table.entries.get(ref.extent)!.row;
  return { store, writer, append, rowOf };
}

function fail(store: TestStore, disk: number): void {
  store.memoryDisks[disk]!.before = () => {
    throw new DiskError("io", "unreadable and not to be written");
  };
}

/** Reads a chunk whole, and ranges of it, by a reader that knows nothing yet. */
async function assertReadable(store: TestStore, ref: ChunkRef, chunk: number): Promise<void> {
  const reader = store.reader();
  try {
    const payload = payloadOf(ref.length, chunk);
    for (const [start, end] of [
      [0, ref.length],
      [0, 1],
      [65_535, 65_537],
      [140_000, 270_000],
      [ref.length - 1, ref.length],
    ] as const) {
      const bytes = await reader.read(ref, identityOf(chunk), start, end);
      assert.deepEqual(new Uint8Array(bytes), payload.slice(start, end));
    }
  } finally {
    await reader.close();
  }
}

test("inline writer: large records are coded, small ones are copies", async () => {
  const { append, rowOf, store } = await benchOf(6);
  const [large, small] = [await append(0), await append(1, 100)];
  assert.deepEqual(rowOf(large).scheme, scheme);
  assert.equal(rowOf(small).scheme.kind, "replicated");
  await assertReadable(store, large, 0);
});

test("inline writer: with too few disks large records are written as copies", async () => {
  const { append, rowOf } = await benchOf(5);
  assert.equal(rowOf(await append(0)).scheme.kind, "replicated");
});

test("C4: inline: while the extent is open each range is read, with any two shards gone", async () => {
  const { append, store } = await benchOf(6);
  const refs = [await append(0), await append(1, 1_000_000)];
  await settle();
  for (const lost of [...subsets(6, 1), ...subsets(6, 2)]) {
    const path = extentPath(refs[0]!.extent);
    const files = lost.map((member) => store.memoryDisks[member]!.bytesOf(path));
    for (const member of lost) store.memoryDisks[member]!.files.delete(path);
    await assertReadable(store, refs[0]!, 0);
    await assertReadable(store, refs[1]!, 1);
    for (const [i, member] of lost.entries()) {
      store.memoryDisks[member]!.replace(path, files[i]!);
    }
  }
});

test("C4: inline: while the extent is open a shard that is behind, or torn, is read around", async () => {
  for (const member of [0, 1, 2, 3]) {
    const { append, store } = await benchOf(6);
    const ref = await append(0);
    await settle();
    const path = extentPath(ref.extent);
    const file = store.memoryDisks[member]!.bytesOf(path);
    store.memoryDisks[member]!.files.set(path, file.slice(0, extentHeaderBytes));
    await assertReadable(store, ref, 0);
    store.memoryDisks[member]!.files.set(path, file.slice().fill(1, extentHeaderBytes + 10));
    await assertReadable(store, ref, 0);
    assert.equal(store.table.entries.get(ref.extent)?.row.members[member]?.state, "whole");
  }
});

test("C4: inline: a walk of the open extent meets all records, whichever shard is behind", async () => {
  for (const member of [0, 3, 5]) {
    const { append, store } = await benchOf(6);
    const refs = [await append(0), await append(1)];
    await settle();
    const entry = store.table.entries.get(refs[0]!.extent)!;
    const path = extentPath(entry.id);
    const file = store.memoryDisks[member]!.bytesOf(path);
    store.memoryDisks[member]!.files.set(path, file.slice(0, extentHeaderBytes + blockBytes));
    const view = await openExtentView(store, entry);
    const offsets: number[] = [];
    const range = { extent: entry.id, from: extentHeaderBytes };
    for await (const seen of scanView(store.platform, view, range)) {
      assert.ok(seen.kind === "record" && seen.payloadError === undefined);
      if (seen.header.kind === "data") offsets.push(seen.offset);
    }
    await view.close();
    assert.deepEqual(
      offsets,
      refs.map(({ offset }) => offset),
    );
  }
});

test("inline writer: one disk fails, and what follows is written to others", async () => {
  const { append, rowOf, store } = await benchOf(7);
  const first = await append(0);
  await settle();
  fail(store, 2);
  const second = await append(1);
  await settle();
  const third = await append(2);
  assert.equal(second.extent, first.extent);
  assert.notEqual(third.extent, first.extent);
  assert.ok(!rowOf(third).members.some(({ disk }) => disk === store.diskIds[2]));
  assert.deepEqual(rowOf(third).scheme, scheme);
  for (const [chunk, ref] of [first, second, third].entries()) {
    await assertReadable(store, ref, chunk);
  }
});

test("inline writer: where disks fail below the quorum large records become copies", async () => {
  const { append, rowOf, store } = await benchOf(6);
  const first = await append(0);
  await settle();
  for (const member of [1, 2]) fail(store, member);
  const second = await append(1);
  assert.equal(rowOf(second).scheme.kind, "replicated");
  for (const member of [1, 2]) store.memoryDisks[member]!.before = () => undefined;
  await assertReadable(store, first, 0);
  await assertReadable(store, second, 1);
});
