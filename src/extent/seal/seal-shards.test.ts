import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { must } from "../../base/assert.ts";
import { subsets } from "../../erasure/testing/shards.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { SessionId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import { inlineScheme } from "../write-choices.ts";
import { extentPath } from "../extent-files.ts";
import { sealAbandoned } from "../extent-seal.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { openExtentView, scanView } from "../extent-view.ts";
import { verifyMember } from "../member-verification.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { settle } from "../testing/manual-clock.ts";
import type { MemoryDisk } from "../testing/memory-disk.ts";
import { payloadOf } from "../testing/test-store.ts";

const hash = createHash();
const { signal } = new AbortController();
/** Its gap is short, since the disks here are memory; batches have up to ten stripes. */
const scheme = {
  ...inlineScheme({ kind: "coded", code: "rs", data: 4, parity: 2 }),
  gapBlocks: 10,
};

function entryOf({ store }: Pick<LaneOnDisks, "store">): ExtentEntry {
  return must([...store.table.entries.values()][0], "no extent");
}

function seal(lane: LaneOnDisks, session = 1): Promise<ExtentEntry> {
  const { platform, disks, table } = lane.store;
  const entry = entryOf(lane);
  return sealAbandoned({ platform, disks, table, entry, session: session as SessionId });
}

/** An extent of six shards with these batches, and no writer. */
async function abandoned(batches: readonly (readonly number[])[]): Promise<{
  six: LaneOnDisks;
  /** The references of each batch, and where it begins in each shard. */
  refs: readonly (readonly ChunkRef[])[];
  starts: readonly number[];
}> {
  const six = await LaneOnDisks.create(hash, 6, scheme);
  const refs: ChunkRef[][] = [];
  const starts: number[] = [];
  for (const lengths of batches) {
    starts.push(six.files()[0]?.length ?? extentHeaderBytes);
    const appends = lengths.map((length, i) => six.append(i, payloadOf(length, refs.length + i)));
    refs.push(await Promise.all(appends));
    await settle();
  }
  return { six, refs, starts };
}

const fileOf = ({ store }: Pick<LaneOnDisks, "store">, member: number): Uint8Array =>
  store.memoryDisks[member]!.bytesOf(extentPath(entryOf({ store }).id));

function cut(six: LaneOnDisks, member: number, length: number): void {
  const path = extentPath(entryOf(six).id);
  six.store.memoryDisks[member]!.files.set(path, fileOf(six, member).slice(0, length));
}

/** The whole data records that a walk meets. */
async function recordsOf({ store }: LaneOnDisks, entry: ExtentEntry): Promise<number[]> {
  const view = await openExtentView(store, entry);
  try {
    const offsets: number[] = [];
    const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
    for await (const seen of scanView(store.platform, view, range)) {
      if (seen.kind === "hole" || seen.payloadError !== undefined) continue;
      if (seen.header.kind !== "padding") offsets.push(seen.offset);
    }
    return offsets;
  } finally {
    await view.close();
  }
}

/** All shards are as their tables say, and any two of them may be lost. */
async function assertWhole(six: LaneOnDisks, expected: readonly ChunkRef[]): Promise<void> {
  const entry = entryOf(six);
  const offsets = expected.map(({ offset }) => offset);
  for (const [member, { state }] of entry.row.members.entries()) {
    assert.equal(state, "whole");
    assert.deepEqual(await verifyMember(six.store, entry, member, signal), { error: undefined });
  }
  const path = extentPath(entry.id);
  for (const lost of subsets(6, 2)) {
    const files = lost.map((member) => fileOf(six, member));
    for (const member of lost) six.store.memoryDisks[member]!.files.delete(path);
    assert.deepEqual(await recordsOf(six, entry), offsets);
    for (const [i, member] of lost.entries())
      six.store.memoryDisks[member]!.replace(path, files[i]!);
  }
}

function unmount(disk: MemoryDisk): () => void {
  const files = [...disk.files];
  disk.files.clear();
  return () => files.forEach(([path, bytes]) => disk.files.set(path, bytes));
}

test("C1: seal: shards that all have the same get their tables", async () => {
  const { six, refs } = await abandoned([[100, 300_000], [5]]);
  const { row } = await seal(six);
  assert.equal(row.state, "settled");
  await assertWhole(six, refs.flat());
});

test("C1: seal: a shard that ends early, and one that was torn, are made of the others", async () => {
  for (const short of [0, 1, 4, 5]) {
    const { six, refs, starts } = await abandoned([[100], [900_000, 70_000]]);
    cut(six, short, starts[1]! + 1000);
    await seal(six);
    await assertWhole(six, refs.flat());
  }
  for (const torn of [0, 1, 4, 5]) {
    const { six, refs, starts } = await abandoned([[100], [900_000, 70_000]]);
    fileOf(six, torn).fill(0, starts[1]! + 3, starts[1]! + 70_000);
    await seal(six);
    await assertWhole(six, refs.flat());
  }
});

test("C1: seal: what no quorum has is left out where it cannot be read, and all before it is kept", async () => {
  const { six, refs, starts } = await abandoned([[100], [200_000], [900_000]]);
  for (const member of [0, 2, 4]) cut(six, member, starts[2]!);
  fileOf(six, 1).fill(7, starts[2]);
  await seal(six);
  await assertWhole(six, refs.slice(0, 2).flat());
});

test("C1: seal: without one disk of six it is sealed, and the shard there is behind", async () => {
  const { six, refs } = await abandoned([[100, 300_000], [5]]);
  unmount(six.store.memoryDisks[2]!);
  const { row } = await seal(six);
  assert.deepEqual(
    row.members.map(({ state }) => state),
    ["whole", "whole", "behind", "whole", "whole", "whole"],
  );
  assert.ok(row.members.every(({ tableChecksum }) => tableChecksum !== 0));
  assert.deepEqual(
    await recordsOf(six, entryOf(six)),
    refs.flat().map(({ offset }) => offset),
  );
});

test("C1: seal: without two disks of six nothing is decided until one is back", async () => {
  const { six, refs, starts } = await abandoned([[100], [300_000]]);
  cut(six, 0, starts[1]!);
  const mounts = [3, 5].map((member) => unmount(six.store.memoryDisks[member]!));
  await assert.rejects(seal(six), { name: "StoreError" });
  assert.equal(entryOf(six).row.state, "open");
  mounts[0]!();
  await seal(six, 2);
  const { row } = entryOf(six);
  assert.equal(row.state, "settled");
  assert.deepEqual(
    await recordsOf(six, entryOf(six)),
    refs.flat().map(({ offset }) => offset),
  );
});

test("C9: seal: where too few shards are left for good the extent stays open, and its files stay", async () => {
  const { six } = await abandoned([[300_000]]);
  for (const member of [0, 1, 2]) {
    six.store.memoryDisks[member]!.files.delete(extentPath(entryOf(six).id));
  }
  await assert.rejects(seal(six), { code: "missing" });
  assert.equal(entryOf(six).row.state, "open");
});

test("seal: an extent that nothing was written to ends behind its header", async () => {
  const six = await LaneOnDisks.create(hash, 6, scheme);
  six.fail(3, "write");
  await assert.rejects(six.append(0));
  six.store.memoryDisks[3]!.before = () => undefined;
  if (six.store.table.entries.size === 0) return;
  const { row } = await seal(six);
  assert.ok(row.length <= extentHeaderBytes);
});

test("C1: seal: where fewer shards than a quorum can be written nothing is decided", async () => {
  const { six, refs } = await abandoned([[100], [300_000]]);
  for (const member of [1, 4]) {
    let writes = 0; // the first is that of the header, with the epoch
    six.store.memoryDisks[member]!.before = (operation) => {
      if (operation === "write" && writes++ > 0) throw new DiskError("io", "failed");
    };
  }
  await assert.rejects(seal(six), { code: "io" });
  assert.equal(entryOf(six).row.state, "open");
  six.store.memoryDisks[1]!.before = () => undefined;
  await seal(six, 2);
  const { row } = entryOf(six);
  assert.equal(row.members[4]?.state, "behind");
  assert.deepEqual(
    await recordsOf(six, entryOf(six)),
    refs.flat().map(({ offset }) => offset),
  );
});

test("C1: seal: a crash at any operation of the disks is repeated, and loses nothing", async () => {
  for (let at = 0, done = false; !done; at += 7) {
    const { six, refs, starts } = await abandoned([[100], [500_000, 70_000]]);
    cut(six, 1, starts[1]! + 5000);
    let left = at;
    const stop = (): undefined => {
      if (left-- <= 0) throw new DiskError("io", "crashed");
    };
    for (const disk of six.store.memoryDisks) disk.before = stop;
    await seal(six).then(
      () => (done = true),
      () => undefined,
    );
    done &&= left > 0;
    for (const disk of six.store.memoryDisks) disk.before = () => undefined;
    if (!done && entryOf(six).row.state === "open") await seal(six, 2);
    if (entryOf(six).row.members.every(({ state }) => state === "whole")) {
      await assertWhole(six, refs.flat());
    } else {
      const offsets = refs.flat().map(({ offset }) => offset);
      assert.deepEqual(await recordsOf(six, entryOf(six)), offsets);
    }
  }
});

test("C1: seal: whatever became of what was not acknowledged, all that was is there", async () => {
  const batch = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 2 });
  const batches = fc.array(batch, { minLength: 1, maxLength: 3 });
  /** What one shard has of the last batch, if it is among those that did not end it. */
  const damage = fc.record({
    kind: fc.constantFrom("short", "torn", "absent"),
    at: fc.nat(5 * blockBytes),
  });
  const cases = fc.tuple(
    batches,
    fc.nat(5),
    damage,
    fc.boolean(),
    fc.array(damage, { minLength: 6, maxLength: 6 }),
  );
  await fc.assert(
    fc.asyncProperty(cases, async ([acknowledged, member, one, hasMore, others]) => {
      const all = hasMore ? [...acknowledged, [200_000]] : acknowledged;
      const { six, refs, starts } = await abandoned(all);
      const spoil = (shard: number, start: number, { kind, at }: typeof one): void => {
        const from = kind === "absent" ? start : start + at;
        if (kind === "torn") fileOf(six, shard).fill(9, from);
        else cut(six, shard, from);
      };
      if (hasMore) others.forEach((other, shard) => spoil(shard, starts.at(-1)!, other));
      spoil(member, starts[acknowledged.length - 1]!, one);
      await seal(six);
      const kept = refs
        .slice(0, acknowledged.length)
        .flat()
        .map(({ offset }) => offset);
      const found = await recordsOf(six, entryOf(six));
      assert.deepEqual(found.slice(0, kept.length), kept);
    }),
    { numRuns: 15 },
  );
});
