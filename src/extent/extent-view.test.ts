import assert from "node:assert/strict";
import { test } from "node:test";
import { subsets } from "../erasure/testing/shards.ts";
import type { ShardScheme } from "../format/extent-row.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { shardGeometry } from "../format/shard.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentPath } from "./extent-files.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { openExtentView, scanView } from "./extent-view.ts";
import { verifyMember } from "./member-verification.ts";
import { copyExtent, encodeExtent } from "./testing/coded-extent.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();
const { signal } = new AbortController();
const rs = (data: number, parity: number): ShardScheme => ({
  kind: "coded",
  code: "rs",
  data,
  parity,
});
/** The scheme of an extent that was coded while it was written. */
const striped = (data: number, parity: number): ShardScheme => ({
  ...rs(data, parity),
  isStriped: true,
});
const lrc: ShardScheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };
/** Some in one block, some over several, so that records lie in one shard and in two. */
const lengths = [100, 70_000, 300_000, 5, 200_000, 130_000, 64_000, 1];

interface Bench {
  readonly store: TestStore;
  readonly entry: ExtentEntry;
  readonly refs: readonly ChunkRef[];
  /** The extent as it was written, in its own offsets. */
  readonly bytes: Uint8Array;
  /** The file of a member. */
  file(member: number): Uint8Array;
  lose(members: readonly number[]): void;
}

async function benchOf(disks: number, scheme: ShardScheme | number, seed = 0): Promise<Bench> {
  const store = await TestStore.create(hash, disks);
  const writer = store.writer({ disks: { ...store.disks, disks: store.disks.disks.slice(0, 1) } });
  const refs: ChunkRef[] = [];
  for (const [i, length] of lengths.entries()) {
    refs.push(await writer.append(standardExtents, identityOf(i), payloadOf(length, seed + i)));
  }
  // Small and large ones go to extents of their own: the large ones' is looked at.
  const { extent } = refs[2]!;
  const bytes = store.memoryDisks[0]!.bytesOf(extentPath(extent)).slice();
  const entry =
    typeof scheme === "number"
      ? await copyExtent(store, extent, scheme)
      : await encodeExtent(store, extent, scheme);
  const path = extentPath(extent, entry.row.layout);
  return {
    store,
    entry,
    refs: refs.filter((ref) => ref.extent === extent),
    bytes,
    file: (member) => store.memoryDisks[member]!.bytesOf(path),
    lose: (members) => members.forEach((member) => store.memoryDisks[member]!.files.delete(path)),
  };
}

/** What a walk meets: the places of whole records, and those of holes and damaged ones. */
async function walk({ store, entry }: Bench, skipPayload = false) {
  const view = await openExtentView(store, entry);
  try {
    const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
    const whole: number[] = [];
    const bad: number[] = [];
    for await (const seen of scanView(store.platform, view, { ...range, skipPayload })) {
      const isWhole = seen.kind === "record" && seen.payloadError === undefined;
      (isWhole ? whole : bad).push(seen.offset);
    }
    return { whole, bad };
  } finally {
    await view.close();
  }
}

async function assertAllReadable(bench: Bench, what: string): Promise<void> {
  const whole = bench.refs.map(({ offset }) => offset);
  assert.deepEqual(await walk(bench), { whole, bad: [] }, what);
  assert.deepEqual(await walk(bench, true), { whole, bad: [] }, what);
}

/** All bytes as the last source gives them: the one that proves what it gives. */
async function contentOf({ store, entry }: Bench): Promise<Uint8Array> {
  const view = await openExtentView(store, entry);
  try {
    const content = new Uint8Array(entry.row.length);
    const source = view.sources.at(-1)!;
    const rest = content.subarray(extentHeaderBytes);
    assert.equal(await source.read(rest, extentHeaderBytes), rest.length);
    return rest;
  } finally {
    await view.close();
  }
}

test("view: of a coded extent a walk meets the same as of the copy it was made of", async () => {
  for (const scheme of [rs(4, 2), rs(3, 1), lrc, striped(4, 2), striped(3, 1)]) {
    const bench = await benchOf(16, scheme);
    await assertAllReadable(bench, JSON.stringify(scheme));
    assert.deepEqual(await contentOf(bench), bench.bytes.subarray(extentHeaderBytes));
    assert.equal(
      bench.store.memoryDisks.reduce((sum, { filesOpen }) => sum + filesOpen, 0),
      2,
    );
  }
});

for (const [name, scheme] of [
  ["RS(4,2)", rs(4, 2)],
  ["striped RS(4,2)", striped(4, 2)],
] as const) {
  test(`view: with any two shards of ${name} lost all is read; with three it is missing`, () =>
    assertSurvivesTwo(scheme));
}

async function assertSurvivesTwo(scheme: ShardScheme): Promise<void> {
  const bench = await benchOf(6, scheme);
  const path = extentPath(bench.entry.id, bench.entry.row.layout);
  for (const lost of [...subsets(6, 1), ...subsets(6, 2), ...subsets(6, 3)]) {
    const files = lost.map((member) => bench.file(member));
    bench.lose(lost);
    if (lost.length < 3) {
      await assertAllReadable(bench, `without ${lost.join()}`);
      assert.deepEqual(await contentOf(bench), bench.bytes.subarray(extentHeaderBytes));
    } else if (lost.some((member) => member < 4)) {
      await assert.rejects(contentOf(bench), { code: "missing" });
    }
    for (const [i, member] of lost.entries()) {
      bench.store.memoryDisks[member]!.replace(path, files[i]!);
    }
  }
}

test("view: one lost shard of LRC(12,2,2) is made of the six others of its group", async () => {
  const bench = await benchOf(16, lrc);
  bench.lose([2]);
  assert.deepEqual(await contentOf(bench), bench.bytes.subarray(extentHeaderBytes));
  const reads = bench.store.memoryDisks.map((disk) => disk.count("read"));
  assert.deepEqual(
    [12, 13, 14, 15].map((member) => reads[member]! > 0),
    [true, false, false, false],
  );
});

/** Where a shard's block table stands in its file. */
const tableAt = ({ entry: { row } }: Bench): number =>
  row.scheme.kind === "coded" ? shardGeometry(row.scheme, row.length).tableOffset : 0;

test("C4: flipped bits in a data shard, a parity, a table and a header are read around", async () => {
  const cases: [string, (bench: Bench) => void][] = [
    ["in data", (bench) => (bench.file(1)[extentHeaderBytes + 70_000]! ^= 4)],
    [
      "in data and a parity",
      (bench) => {
        bench.file(1)[extentHeaderBytes + 70_000]! ^= 4;
        bench.file(4)[extentHeaderBytes + 70_000]! ^= 4;
      },
    ],
    [
      "in a table, and in data of another",
      (bench) => {
        bench.file(0)[tableAt(bench) + 20]! ^= 1;
        bench.file(2)[extentHeaderBytes + 3]! ^= 1;
      },
    ],
    ["in headers", (bench) => [0, 1].forEach((member) => bench.file(member).fill(7, 0, 99))],
    [
      "a shard that was cut, and one that is empty",
      (bench) => {
        const path = extentPath(bench.entry.id, bench.entry.row.layout);
        bench.store.memoryDisks[3]!.files.set(
          path,
          bench.file(3).slice(0, extentHeaderBytes + 999),
        );
        bench.store.memoryDisks[0]!.files.set(path, new Uint8Array(0));
      },
    ],
  ];
  for (const scheme of [rs(4, 2), striped(4, 2)]) {
    for (const [what, spoil] of cases) {
      const bench = await benchOf(6, scheme);
      spoil(bench);
      await assertAllReadable(bench, what);
      assert.deepEqual(await contentOf(bench), bench.bytes.subarray(extentHeaderBytes), what);
    }
  }
});

test("C4: a shard of another writing, whole in itself, is not combined with the others", async () => {
  const [bench, other] = [await benchOf(6, rs(4, 2)), await benchOf(6, rs(4, 2), 9)];
  const path = extentPath(bench.entry.id, bench.entry.row.layout);
  assert.deepEqual(await verifyMember(other.store, other.entry, 5, signal), { error: undefined });
  bench.store.memoryDisks[5]!.replace(path, other.file(5));
  bench.lose([0]);
  assert.deepEqual(await contentOf(bench), bench.bytes.subarray(extentHeaderBytes));
  bench.lose([1]);
  await assert.rejects(contentOf(bench), { code: "corrupt" });
});

test("C4: of three copies, each damaged elsewhere, a walk meets every record", async () => {
  const bench = await benchOf(3, 3);
  const [first, second, third] = bench.refs;
  bench.file(0)[first!.offset + 8]! ^= 1; // a header
  bench.file(1)[second!.offset + second!.length]! ^= 1; // a payload
  bench.store.memoryDisks[2]!.files.set(
    extentPath(bench.entry.id),
    bench.file(2).slice(0, third!.offset + 4),
  );
  bench.file(0).fill(0, third!.offset, third!.offset + 200_000);
  await assertAllReadable(bench, "each damaged");
  // Where no copy has a record, there is a hole, and the walk goes on behind it.
  bench.file(1).fill(0, third!.offset, third!.offset + 100);
  const { whole, bad } = await walk(bench);
  assert.ok(!whole.includes(third!.offset) && bad.includes(third!.offset));
  assert.equal(whole.length, bench.refs.length - 1);
});

test("view: one copy that cannot be read, or is not there, leaves the others", async () => {
  const bench = await benchOf(3, 3);
  bench.lose([0]);
  bench.store.memoryDisks[1]!.before = () => {
    throw new DiskError("io", "unreadable");
  };
  await assertAllReadable(bench, "one of three");
  bench.lose([2]);
  await assert.rejects(walk(bench), { code: "io" });
});

test("view: a member that hangs is done without, and its late answer spoils nothing", async () => {
  for (const scheme of [3, rs(4, 2)]) {
    const bench = await benchOf(6, scheme);
    const gate = Promise.withResolvers<void>();
    let reads = 0;
    bench.store.memoryDisks[0]!.before = (operation) =>
      operation === "read" && ++reads > 1 ? gate.promise : undefined;
    let isDone = false;
    const walking = walk(bench).finally(() => (isDone = true));
    for (let i = 0; i < 10 && !isDone; i++) await bench.store.clock.advance(30_000);
    assert.ok(isDone, "before the member answers");
    gate.resolve();
    const found = await walking;
    assert.deepEqual(found, { whole: bench.refs.map(({ offset }) => offset), bad: [] });
  }
});

test("C4: verifying a member finds what is wrong with it alone", async () => {
  const bench = await benchOf(6, rs(4, 2));
  const bad = async (member: number) =>
    (await verifyMember(bench.store, bench.entry, member, signal)).error;
  for (const member of [0, 1, 2, 3, 4, 5]) assert.equal(await bad(member), undefined);
  const ends = [extentHeaderBytes, extentHeaderBytes + blockBytes + 7, tableAt(bench) - 1];
  for (const at of [...ends, 9, tableAt(bench) + 16]) {
    bench.file(5)[at]! ^= 1;
    assert.equal((await bad(5))?.code, "corrupt", `a bit flipped at ${at}`);
    bench.file(5)[at]! ^= 1;
  }
  bench.lose([5]);
  await assert.rejects(bad(5), { code: "missing" });
  assert.equal(await bad(4), undefined);

  const copies = await benchOf(3, 3);
  const inCopy = async (member: number) =>
    (await verifyMember(copies.store, copies.entry, member, signal)).error;
  assert.equal(await inCopy(1), undefined);
  // In either slot of the header, also where it was never written; in padding, and in a payload.
  const padding = copies.refs[1]!.offset - 1;
  assert.equal(copies.file(1)[padding], 0);
  for (const at of [9, 4000, 4096, 8191, padding]) {
    copies.file(1)[at]! ^= 1;
    assert.equal((await inCopy(1))?.code, "corrupt", `a bit flipped at ${at}`);
    copies.file(1)[at]! ^= 1;
  }
  copies.file(1)[copies.refs[0]!.offset + 500]! ^= 1;
  assert.equal((await inCopy(1))?.code, "corrupt");
  assert.equal(await inCopy(0), undefined);
});
