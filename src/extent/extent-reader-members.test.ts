import assert from "node:assert/strict";
import { test } from "node:test";
import { subsets } from "../erasure/testing/shards.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { newDiskRow } from "../format/disk-row.ts";
import type { MemberState, ShardScheme } from "../format/extent-row.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { recordHeaderBytes } from "../format/record.ts";
import { shardGeometry, shardRanges, shardTableBytes } from "../format/shard.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentPath } from "./extent-files.ts";
import { createExtentReader, type ExtentReader, isIn } from "./extent-reader.ts";
import { MountedDisks } from "./mounted-disks.ts";
import { copyExtent, encodeExtent } from "./testing/coded-extent.ts";
import { settle } from "./testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

// Reads of extents with several members, some of which are not as they should be (C4).

const hash = createHash();
const length = 300_000;
const payload = payloadOf(length);
const rs42: ShardScheme = { kind: "coded", code: "rs", data: 4, parity: 2 };
const lrc: ShardScheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };

interface Bench {
  readonly store: TestStore;
  readonly refs: readonly ChunkRef[];
  /** The file of a member of the extent. */
  file(member: number): Uint8Array;
  /** The member that a record's byte is in, and where in its file. */
  placeOf(ref: ChunkRef, at: number): { readonly member: number; readonly offset: number };
  lose(members: readonly number[]): void;
  states(): MemberState[];
}

/** Records of 300,000 bytes in one extent. */
async function benchOf(disks: number, scheme: ShardScheme | number, records = 4): Promise<Bench> {
  const store = await TestStore.create(hash, disks);
  const writer = store.writer({ disks: { ...store.disks, disks: store.disks.disks.slice(0, 1) } });
  const refs: ChunkRef[] = [];
  for (let i = 0; i < records; i++)
    refs.push(await writer.append(standardExtents, identityOf(i), payload));
  const { extent } = refs[0]!;
  const isCopies = typeof scheme === "number";
  const { row } = await (isCopies
    ? copyExtent(store, extent, scheme)
    : encodeExtent(store, extent, scheme));
  const path = extentPath(extent, row.layout);
  const file = (member: number) => store.memoryDisks[member]!.bytesOf(path);
  return {
    store,
    refs,
    file,
    placeOf: (ref, at) => {
      const offset = ref.offset + at;
      if (isCopies) return { member: 0, offset };
      const [range] = shardRanges(shardGeometry(scheme, row.length), offset, offset + 1);
      return { member: range!.member, offset: extentHeaderBytes + range!.start };
    },
    lose: (members) => members.forEach((member) => store.memoryDisks[member]!.files.delete(path)),
    states: () => store.table.entries.get(extent)!.row.members.map(({ state }) => state),
  };
}

async function assertRead(reader: ExtentReader, { refs }: Bench, what = "read"): Promise<void> {
  for (const [i, ref] of refs.entries()) {
    assert.deepEqual(await reader.read(ref, identityOf(i), 0, length), payload, what);
    const part = await reader.read(ref, identityOf(i), 100_000, 200_001);
    assert.deepEqual(part, payload.subarray(100_000, 200_001), what);
  }
}

test("C4: a flipped bit in one copy is read around, and noted of that member alone", async () => {
  const bench = await benchOf(3, 3);
  for (const member of [0, 1]) {
    const [header, body] = bench.refs.slice(2 * member);
    bench.file(member)[header!.offset + 30]! ^= 1;
    bench.file(member)[body!.offset + 150_000]! ^= 1;
  }
  const reader = bench.store.reader();
  for (let round = 0; round < 3; round++) await assertRead(reader, bench);
  await reader.close();
  const states = bench.states();
  assert.equal(states[2], "whole");
  assert.ok(states.includes("damaged"));
  const { corruptions, disks, rerouted } = reader.statistics();
  assert.ok(corruptions > 0 && rerouted > 0);
  assert.equal(
    disks.reduce((sum, disk) => sum + disk.corruptions, 0),
    corruptions,
  );
  assert.equal(disks.find(({ disk }) => disk === bench.store.diskIds[2])?.corruptions ?? 0, 0);
});

test("C4: bytes that a disk cannot read are read around, and noted of their member once they fail again", async () => {
  for (const scheme of [3, rs42]) {
    const bench = await benchOf(6, scheme);
    const { member, offset } = bench.placeOf(bench.refs[0]!, 150_000);
    const [ref] = bench.refs;
    const path = extentPath(ref!.extent, bench.store.table.entries.get(ref!.extent)!.row.layout);
    // The one that is asked first, and another one that holds nothing of the record.
    const asked = typeof scheme === "number" ? ref!.extent % scheme : member;
    bench.store.memoryDisks[asked]!.spoilSector(path, offset);
    const reader = bench.store.reader();
    await assertRead(reader, bench);
    await reader.close();
    const expected = bench.states().map((_, i) => (i === asked ? "damaged" : "whole"));
    assert.deepEqual(bench.states(), expected);
  }
});

test("C8: a read that fails once, or on a disk that has gone or hangs, is noted of no member", async () => {
  for (const scheme of [3, rs42]) {
    for (const kind of ["once", "io", "no_answer"] as const) {
      const bench = await benchOf(6, scheme);
      const [ref] = bench.refs;
      const { member } = bench.placeOf(ref!, 150_000);
      const asked = typeof scheme === "number" ? ref!.extent % scheme : member;
      let failures = kind === "once" ? 1 : Infinity;
      bench.store.memoryDisks[asked]!.before = (operation, path) => {
        const isExtent = path.endsWith(".extent");
        // One that fails as a whole cannot say either whose it is.
        if (operation !== "read" || (!isExtent && kind === "once") || failures-- <= 0) return;
        throw new DiskError(kind === "once" ? "io" : kind, "it cannot be read");
      };
      const reader = bench.store.reader();
      await assertRead(reader, bench);
      await reader.close();
      assert.ok(
        bench.states().every((state) => state === "whole"),
        `${kind} ${failures}`,
      );
    }
  }
});

test("C4: no client waits for the second read of bytes that no copy can be read of", async () => {
  const bench = await benchOf(3, 3, 1);
  const [ref] = bench.refs;
  const path = extentPath(ref!.extent);
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  for (const disk of bench.store.memoryDisks) {
    disk.spoilSector(path, ref!.offset + 1000);
    disk.before = (operation, at) =>
      operation === "read" && at === path && ++reads > 3 ? gate.promise : undefined;
  }
  const reader = bench.store.reader();
  await assert.rejects(async () => reader.read(ref!, identityOf(0), 0, length), { code: "io" });
  assert.deepEqual(bench.states(), ["whole", "whole", "whole"]);
  gate.resolve();
  await reader.close();
  assert.deepEqual(bench.states(), ["damaged", "damaged", "damaged"]);
});

test("C4: what no copy has right is refused as corrupt, what none has at all as missing", async () => {
  const bench = await benchOf(3, 3);
  const [first] = bench.refs;
  for (const member of [0, 1, 2]) bench.file(member)[first!.offset + 1000 + member]! ^= 1;
  const reader = bench.store.reader();
  const read = async () => reader.read(first!, identityOf(0), 0, length);
  await assert.rejects(read, { code: "corrupt" });
  assert.deepEqual(bench.states(), ["damaged", "damaged", "damaged"]);
  await reader.close();
  bench.lose([0, 1, 2]);
  const later = bench.store.reader();
  await assert.rejects(async () => later.read(first!, identityOf(0), 0, length), {
    code: "missing",
  });
  await later.close();
});

test("C4: with any two shards of RS(4,2) lost or damaged every range is right", async () => {
  for (const lost of [...subsets(6, 1), ...subsets(6, 2)]) {
    for (const isDamaged of [false, true]) {
      const bench = await benchOf(6, rs42, 2);
      if (isDamaged) for (const member of lost) bench.file(member).fill(99, extentHeaderBytes);
      else bench.lose(lost);
      const reader = bench.store.reader();
      await assertRead(reader, bench, `without ${lost.join()}`);
      await reader.close();
      const found = isDamaged ? "damaged" : "missing";
      const data = lost.filter((member) => member < 4);
      for (const member of data) assert.equal(bench.states()[member], found);
      assert.equal(reader.statistics().decoded > 0, data.length > 0);
    }
  }
});

test("C4: three lost shards of RS(4,2) are too many: missing, or corrupt, and nothing is served", async () => {
  const bench = await benchOf(6, rs42, 1);
  bench.lose([0, 1, 2]);
  const reader = bench.store.reader();
  const read = async () => reader.read(bench.refs[0]!, identityOf(0), 0, length);
  await assert.rejects(read, { code: "missing" });
  await reader.close();
  const other = await benchOf(6, rs42, 1);
  for (const member of [0, 4, 5]) other.file(member).fill(99, extentHeaderBytes);
  const later = other.store.reader();
  const readOther = async () => later.read(other.refs[0]!, identityOf(0), 0, length);
  await assert.rejects(readOther, { code: "corrupt" });
  await later.close();
});

test("C4: flipped bits in data, parity, block table and headers of shards, one by one", async () => {
  const bench = await benchOf(6, rs42, 1);
  const [ref] = bench.refs;
  const { member, offset } = bench.placeOf(ref!, 150_000);
  const headerPlace = bench.placeOf(ref!, 20);
  const { tableOffset } = shardGeometry(
    rs42,
    bench.store.table.entries.get(ref!.extent)!.row.length,
  );
  const flips = [
    [member, offset],
    [headerPlace.member, headerPlace.offset],
    [4, offset],
    [5, tableOffset + 14],
    [member, tableOffset + 14],
    [0, 10],
  ] as const;
  for (const [one, at] of flips) {
    for (const lost of [undefined, (one + 1) % 6]) {
      const path = extentPath(ref!.extent, 1);
      const kept = lost === undefined ? undefined : bench.file(lost);
      if (lost !== undefined) bench.lose([lost]);
      bench.file(one)[at]! ^= 16;
      const reader = bench.store.reader();
      await assertRead(reader, bench, `bit at ${at} of shard ${one}, shard ${lost} lost`);
      await reader.close();
      bench.file(one)[at]! ^= 16;
      if (kept !== undefined) bench.store.memoryDisks[lost!]!.replace(path, kept);
      const entry = bench.store.table.entries.get(ref!.extent)!;
      const members = entry.row.members.map((each) => ({ ...each, state: "whole" as const }));
      await bench.store.table.replace(entry, { ...entry.row, members });
    }
  }
});

/** Bytes that were read of all disks while this ran. */
async function bytesRead({ store }: Bench, work: () => Promise<unknown>): Promise<number> {
  const before = store.memoryDisks.reduce((sum, disk) => sum + disk.bytesRead, 0);
  await work();
  return store.memoryDisks.reduce((sum, disk) => sum + disk.bytesRead, 0) - before;
}

test("reader: a range of a coded extent reads the blocks it returns; decoded, those of k shards", async () => {
  const bench = await benchOf(6, rs42, 8);
  const ref = bench.refs[3]!;
  const reader = bench.store.reader();
  const headerBytes = recordHeaderBytes(identityOf(3).key.length, length);
  const { member } = bench.placeOf(ref, headerBytes + 70_000);
  assert.equal(bench.placeOf(ref, 0).member, member, "the record lies in one shard");
  const read = async () => {
    const part = await reader.read(ref, identityOf(3), 70_000, 70_001);
    assert.deepEqual(part, payload.subarray(70_000, 70_001));
  };
  // Its header, the block, and the one before it, which is cheaper than a second read.
  const direct = headerBytes + 2 * blockBytes;
  assert.equal(await bytesRead(bench, read), direct);
  bench.lose([member]);
  await reader.close();
  const later = bench.store.reader();
  const degraded = async () => later.read(ref, identityOf(3), 70_000, 70_001);
  const { blocks } = shardGeometry(rs42, bench.store.table.entries.get(ref.extent)!.row.length);
  const bytes = await bytesRead(bench, degraded);
  const blocksTouched = Math.ceil(direct / blockBytes) + 1;
  assert.ok(bytes <= 4 * (blocksTouched * blockBytes + shardTableBytes(blocks)), `${bytes}`);
  assert.ok(bytes >= 4 * 2 * blockBytes);
  await later.close();
});

test("reader: one lost shard of LRC(12,2,2) costs the six others of its group", async () => {
  const bench = await benchOf(16, lrc, 12);
  const reader = bench.store.reader();
  bench.lose([7]);
  await assertRead(reader, bench);
  await reader.close();
  const { disks } = reader.statistics();
  for (const member of [14, 15]) {
    assert.ok(!disks.some(({ disk, reads }) => disk === bench.store.diskIds[member] && reads > 0));
  }
});

const striped: ShardScheme = { ...rs42, isStriped: true };

test("reader: a record of a striped extent is one read of each shard that has bytes of it", async () => {
  const bench = await benchOf(6, striped, 3);
  const reader = bench.store.reader();
  const before = bench.store.memoryDisks.map((disk) => disk.count("read"));
  assert.deepEqual(await reader.read(bench.refs[1]!, identityOf(1), 0, length), payload);
  const reads = bench.store.memoryDisks.map((disk, i) => disk.count("read") - before[i]!);
  assert.deepEqual(reads, [1, 1, 1, 1, 0, 0]);
  await reader.close();
});

test("C4: while a coded extent is written, its records prove what is read and decoded", async () => {
  const bench = await benchOf(6, striped, 3);
  const entry = bench.store.table.entries.get(bench.refs[0]!.extent)!;
  await bench.store.table.replace(entry, { ...entry.row, state: "open", length: 0 });
  const reader = bench.store.reader();
  await assertRead(reader, bench, "whole");
  const { member, offset } = bench.placeOf(bench.refs[1]!, 150_000);
  bench.file(member)[offset]! ^= 8;
  await assertRead(reader, bench, "a bit flipped");
  bench.file(member)[offset]! ^= 8;
  for (const lost of subsets(6, 2)) {
    const files = lost.map((one) => bench.file(one));
    bench.lose(lost);
    await assertRead(bench.store.reader(), bench, `without ${lost.join()}`);
    const path = extentPath(entry.id, entry.row.layout);
    for (const [i, one] of lost.entries()) bench.store.memoryDisks[one]!.replace(path, files[i]!);
  }
  await reader.close();
});

/** The disk that is asked first hangs from then on, until it is released. */
function hangFirstAsked({ store }: Bench): {
  readonly hung: () => number;
  readonly release: () => void;
} {
  const gate = Promise.withResolvers<void>();
  let hung: number | undefined;
  for (const [i, disk] of store.memoryDisks.entries()) {
    disk.before = (operation) => {
      if (operation !== "read") return undefined;
      hung ??= i;
      return hung === i ? gate.promise : undefined;
    };
  }
  return { hung: () => hung!, release: gate.resolve };
}

test("reader: a disk that hangs holds up no read that others can answer, and nothing for ever", async () => {
  for (const scheme of [3, rs42]) {
    const bench = await benchOf(6, scheme, 4);
    const reader = bench.store.reader();
    const { hung, release } = hangFirstAsked(bench);
    const reads = Promise.all([1, 2, 3].map(() => assertRead(reader, bench)));
    for (let i = 0; i < 10; i++) await bench.store.clock.advance(1000);
    await reads;
    const id = bench.store.diskIds[hung()];
    const asked = () => reader.statistics().disks.find(({ disk }) => disk === id);
    assert.ok(asked()!.slow > 0 && asked()!.underWay > 0);
    assert.equal(asked()!.waiting, 0);
    // While it hangs, reads go to others at once, without the clock.
    await assertRead(reader, bench);
    release();
    await settle();
    assert.equal(asked()!.underWay, 0);
    await reader.close();
    assert.equal(bench.store.clock.sleepers, 0);
  }
});

test("C4: a late answer does not write into memory that was handed on", async () => {
  for (const scheme of [3, rs42]) {
    const bench = await benchOf(6, scheme, 1);
    const [ref] = bench.refs;
    const reader = bench.store.reader();
    const { release } = hangFirstAsked(bench);
    const buffer = new Uint8Array(2 * length);
    const reading = Promise.resolve(reader.read(ref!, identityOf(0), 0, length, { buffer }));
    for (let i = 0; i < 3; i++) await bench.store.clock.advance(1000);
    const bytes = await reading;
    assert.ok(!isIn(buffer, bytes), "the buffer is still the first member's");
    const kept = bytes.slice();
    bytes.fill(5);
    release();
    await settle();
    assert.ok(bytes.every((byte) => byte === 5));
    assert.deepEqual(kept, payload);
    const own = new Uint8Array(2 * length);
    const again = await reader.read(ref!, identityOf(0), 0, length, { buffer: own });
    assert.ok(isIn(own, again));
    assert.deepEqual(again, payload);
    await reader.close();
  }
});

test("reader: files that a late answer still needs are closed once it has come", async () => {
  const bench = await benchOf(3, 3, 1);
  const { store } = bench;
  const filesOpen = () => store.memoryDisks.reduce((sum, disk) => sum + disk.filesOpen, 0);
  const before = filesOpen();
  const reader = store.reader();
  const { release } = hangFirstAsked(bench);
  const reading = reader.read(bench.refs[0]!, identityOf(0), 0, length);
  for (let i = 0; i < 3; i++) await store.clock.advance(1000);
  await reading;
  await reader.close();
  assert.ok(filesOpen() > before);
  release();
  await settle();
  assert.equal(filesOpen(), before);
});

test("C6: hedges stay within 2 % of the small reads, and win where a disk is late", async () => {
  const bench = await benchOf(3, 3, 4);
  const reader = bench.store.reader();
  const { clock, memoryDisks } = bench.store;
  let reads = 0;
  const slow = (one: number): boolean => one % 20 === 0;
  for (const disk of memoryDisks) {
    disk.before = (operation) => {
      if (operation !== "read" || !slow(++reads)) return undefined;
      return clock.sleep(50);
    };
  }
  const count = 2000;
  for (let i = 0; i < count; i++) {
    const ref = bench.refs[i % 4]!;
    const read = Promise.resolve(reader.read(ref, identityOf(i % 4), 0, 10));
    let isDone = false;
    void read.then(() => (isDone = true));
    await settle();
    while (!isDone) await clock.advance(1);
    await read;
  }
  const { hedgesSent, hedgesWon } = reader.statistics();
  assert.ok(hedgesSent >= 10, `${hedgesSent} were sent`);
  assert.ok(hedgesSent <= count * 0.02 + 16, `${hedgesSent} were sent`);
  assert.ok(hedgesWon > 0);
  await clock.advance(100);
  await reader.close();
});

test("reader: an extent that is encoded, and its copies removed, while reads run", async () => {
  const store = await TestStore.create(hash, 6);
  const only = { ...store.disks, disks: store.disks.disks.slice(0, 1) };
  const ref = await store.writer({ disks: only }).append(standardExtents, identityOf(0), payload);
  const reader = store.reader();
  const read = async () => reader.read(ref, identityOf(0), 0, length);
  assert.deepEqual(await read(), payload);
  const reads = Array.from({ length: 20 }, read);
  await encodeExtent(store, ref.extent, rs42);
  for (const bytes of await Promise.all(reads)) assert.deepEqual(bytes, payload);
  // Readers that read the row before it changed, and come to the files after they were removed.
  for (const at of [1, 2, 3]) {
    const other = store.reader();
    let opens = 0;
    for (const disk of store.memoryDisks) {
      disk.before = (operation) => {
        if (operation === "open" && ++opens === at) renameLayout(store, ref);
      };
    }
    assert.deepEqual(await other.read(ref, identityOf(0), 0, length), payload);
    assert.ok(opens >= at);
    await other.close();
  }
  await reader.close();
});

/** Every file of the extent's layout gets the name of the next, and the row says so. */
function renameLayout(store: TestStore, { extent }: ChunkRef): void {
  const entry = store.table.entries.get(extent)!;
  const layout = entry.row.layout + 1;
  for (const disk of store.memoryDisks) {
    disk.replace(extentPath(extent, layout), disk.bytesOf(extentPath(extent, entry.row.layout)));
    disk.files.delete(extentPath(extent, entry.row.layout));
  }
  void store.table.replace(entry, { ...entry.row, layout }); // it is done at once
}

test("C4: a disk that is out is read as a last resort, of copies as of shards", async () => {
  for (const scheme of [3, rs42] as const) {
    const bench = await benchOf(scheme === 3 ? 3 : 6, scheme);
    const { disks, diskIds } = bench.store;
    const mounted = new MountedDisks(disks.store, disks.disks);
    const out = diskIds.slice(0, 2);
    const rows = out.map((disk) => newDiskRow({ disk, addedMs: 0, name: "/", state: "out" }));
    mounted.set(disks.disks, new Map(rows.map((row) => [row.disk, row])));
    const { platform, table } = bench.store;
    const reader = createExtentReader({ platform, disks: mounted, table });
    await assertRead(reader, bench);
    const asked = () => reader.statistics().disks.filter(({ reads }) => reads > 0);
    assert.ok(asked().every(({ disk }) => !out.includes(disk)));
    await reader.close();
    bench.lose(scheme === 3 ? [2] : [2, 3]);
    const later = createExtentReader({ platform, disks: mounted, table });
    await assertRead(later, bench);
    await later.close();
  }
});
