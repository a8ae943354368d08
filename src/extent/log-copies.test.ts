import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { recordAfter } from "../engine/commit-log.ts";
import { firstLogPosition, type LogPosition } from "../format/commit-record.ts";
import { type ChangeId, idOfText } from "../format/ids.ts";
import { logHeaderBytes } from "../format/log-segment.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { sectorBytes } from "./disk/unreadable-bytes.ts";
import { localLogDisks } from "./local-log-members.ts";
import { compareLogCopies, mendLogCopies } from "./log-copies.ts";
import { findRecords, findSegments, lowestBehind } from "./log-scan.ts";
import { logWriterOf } from "./testing/log-writer.ts";
import { settle } from "./testing/manual-clock.ts";
import { TestStore } from "./testing/test-store.ts";

const hash = createHash();
const path = "log/0000000000000000-1.log";

/** A log of one segment with three copies, which its writer still has open. */
async function openLog() {
  const store = await TestStore.create(hash, 3);
  const { disks, platform, memoryDisks } = store;
  const writer = logWriterOf(hash, store);
  const on = localLogDisks(hash, disks, 4096);
  let position: LogPosition = firstLogPosition;
  const append = async (): Promise<void> => {
    const { bytes, position: next } = recordAfter({ log: writer, hash }, position, []);
    await writer.append(next.sequence, bytes, undefined);
    position = next;
    await settle();
  };
  for (let i = 0; i < 4; i++) await append();
  const segments = async () => (await findSegments(hash, disks.store, on)).segments;
  const { header } = must((await segments())[0], "a segment");
  const question = { hash, store: disks.store, header, on };
  const bytesOf = (disk: number): Uint8Array => must(memoryDisks[disk], "a disk").bytesOf(path);
  const states = async (upTo?: number) =>
    (await compareLogCopies({ ...question, upTo })).map(({ state }) => state);
  const { log } = platform;
  return { store, append, segments, question, bytesOf, states, log };
}

test("log copies: a copy is whole, short where nothing was written, damaged where something else stands", async () => {
  const { store, bytesOf, states } = await openLog();
  assert.deepEqual(await states(), ["whole", "whole", "whole"]);
  bytesOf(1).fill(0, logHeaderBytes + 3 * 512);
  assert.deepEqual(await states(), ["whole", "short", "whole"]);
  assert.deepEqual(await states(3), ["whole", "whole", "whole"], "the last one is not asked for");
  bytesOf(1)[logHeaderBytes + 3 * 512 + 9] = 7;
  bytesOf(2)[logHeaderBytes + 512 + 100]! ^= 1;
  assert.deepEqual(await states(), ["whole", "damaged", "damaged"]);
  const [first] = store.memoryDisks;
  must(first, "a disk").files.delete(path);
  assert.deepEqual((await states()).toSorted(), ["damaged", "damaged", "missing"]);
});

test("log copies: a part of a file that its disk cannot read is damage", async () => {
  const { store, states } = await openLog();
  const disk = must(store.memoryDisks[2], "a disk");
  let reads = 0;
  disk.before = (operation, name) => {
    if (operation === "read" && name === path && ++reads > 1) throw new DiskError("io", "sector");
  };
  assert.deepEqual(await states(), ["whole", "whole", "damaged"]);
});

/** One segment of records that are a sector each, with three copies. */
async function logOfSectors(records: number) {
  const store = await TestStore.create(hash, 3);
  const writer = logWriterOf(hash, store);
  const on = localLogDisks(hash, store.disks);
  const id = idOfText<ChangeId>("c".repeat(32));
  let position: LogPosition = firstLogPosition;
  for (let i = 0; i < records; i++) {
    const puts = [{ key: Uint8Array.of(i), value: new Uint8Array(3900).fill(i) }];
    const change = { id, puts, deletes: [] };
    const { bytes, position: next } = recordAfter({ log: writer, hash }, position, [change]);
    assert.equal(bytes.length, sectorBytes);
    await writer.append(next.sequence, bytes, undefined);
    await settle();
    position = next;
  }
  const { segments } = await findSegments(hash, store.disks.store, on);
  const spoil = (disk: number, record: number): void =>
    store.memoryDisks[disk]!.spoilSector(path, logHeaderBytes + record * sectorBytes);
  return { store, on, segments, spoil };
}

const numbersOf = (records: readonly { readonly sequence: number }[]): number[] =>
  records.map(({ sequence }) => sequence).toSorted((a, b) => a - b);

test("C1: log scan: of sectors that cannot be read only those behind the last record hide any", async () => {
  const { store, segments, spoil } = await logOfSectors(24);
  const spoiled = [
    [0, 3],
    [0, 4],
    [1, 9],
    [1, 17],
    [2, 22],
  ] as const;
  for (const [disk, record] of spoiled) spoil(disk, record);
  const search = async () => {
    const { records, unread, hiding } = await findRecords(hash, segments, firstLogPosition);
    assert.equal(unread.size, 0);
    return { records, hiding: hiding.map(({ on }) => on.id) };
  };
  const found = await search();
  assert.deepEqual(
    numbersOf(found.records),
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  const places = found.records.flatMap((one) => one.places);
  assert.equal(places.length, 3 * 24 - spoiled.length);
  assert.deepEqual(found.hiding, []);
  const behind = await lowestBehind(hash, segments, 3, new Map());
  assert.deepEqual([behind.lowest, behind.unread.size], [4, 0]);
  // No copy has the tenth now, and the last one is in two.
  for (const disk of [0, 2]) spoil(disk, 9);
  spoil(1, 23);
  const lacking = await search();
  assert.equal(lacking.records.length, 23);
  assert.deepEqual(lacking.hiding, []);
  for (const disk of [0, 2]) spoil(disk, 23);
  assert.deepEqual((await search()).hiding, store.diskIds);
});

test("C1: log scan: what is read by parts is read to its end, whatever else cannot be read of it", async () => {
  const { segments, spoil } = await logOfSectors(12);
  for (const disk of [0, 1, 2]) spoil(disk, 2 + 3 * disk);
  spoil(0, 20);
  const readTo = new Map<string, number>();
  const seen: number[] = [];
  for (let from = 0; from < 12; from += 3) {
    const search = { upTo: from + 3, readTo };
    const found = await findRecords(hash, segments, { sequence: from }, search);
    assert.deepEqual([found.unread.size, found.hiding.length], [0, from === 9 ? 1 : 0]);
    seen.push(...numbersOf(found.records));
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
});

test("C6: log scan: a disk that can read nothing is asked so often, and no more", async () => {
  const { segments, store } = await logOfSectors(12);
  const disk = must(store.memoryDisks[1], "a disk");
  let reads = 0;
  disk.before = (operation, name) => {
    if (operation !== "read" || name !== path) return;
    reads++;
    throw new DiskError("io", "it cannot be read");
  };
  const { records, unread } = await findRecords(hash, segments, firstLogPosition);
  assert.equal(records.length, 12);
  assert.deepEqual(unread, new Set([store.diskIds[1]]));
  assert.ok(reads > 100 && reads < 300, `${reads} reads`);
});

test("C5: copies of which each has other sectors that cannot be read are mended from each other", async () => {
  const { store, on, segments, spoil } = await logOfSectors(24);
  const before = store.memoryDisks.map((disk) => disk.bytesOf(path).slice(logHeaderBytes));
  for (const disk of [0, 1, 2]) {
    spoil(disk, disk);
    spoil(disk, 23 - disk);
  }
  const { header } = must(segments[0], "a segment");
  const question = { hash, store: store.disks.store, header, on };
  const states = async () => (await compareLogCopies(question)).map(({ state }) => state);
  assert.deepEqual(await states(), ["damaged", "damaged", "damaged"]);
  assert.equal((await mendLogCopies(store.platform.log, question)).mended, 3);
  assert.deepEqual(await states(), ["whole", "whole", "whole"]);
  for (const [i, disk] of store.memoryDisks.entries()) {
    const bytes = disk.bytesOf(path);
    disk.assertReadable(path, 0, bytes.length);
    const records = bytes.subarray(logHeaderBytes, logHeaderBytes + 24 * sectorBytes);
    assert.deepEqual(records, before[i]!.subarray(0, records.length));
  }
});

test("C8: log copies: a copy whose disk hangs while it is read is not known to be damaged", async () => {
  for (const readsBefore of [0, 1]) {
    const { store, states } = await openLog();
    let reads = 0;
    must(store.memoryDisks[2], "a disk").before = (operation, name) => {
      if (operation !== "read" || name !== path || reads++ < readsBefore) return;
      throw new DiskError("no_answer", "it hangs");
    };
    assert.deepEqual(await states(), ["whole", "whole", "unread"]);
  }
});

test("C1: a segment whose copies are mended takes no more records, and has all that were answered", async () => {
  const { append, question, bytesOf, segments, states, log } = await openLog();
  bytesOf(1)[logHeaderBytes + 40]! ^= 1;
  assert.equal((await mendLogCopies(log, question)).mended, 1);
  assert.deepEqual(await states(), ["whole", "whole", "whole"]);
  await append();
  const { records } = await findRecords(hash, await segments(), firstLogPosition);
  const ordinalsOf = (sequence: number) =>
    records
      .filter((one) => one.sequence === sequence)
      .flatMap(({ places }) => places.map(({ segment }) => segment.header.ordinal));
  assert.deepEqual(ordinalsOf(1), [1, 1, 1]);
  // What was written to the sealed segment as well was not answered for there.
  assert.equal(ordinalsOf(5).filter((ordinal) => ordinal === 2).length, 3);
});

test("C5: a copy that cannot be read as it was written does not take the place of another", async () => {
  const { store, question, bytesOf, log } = await openLog();
  bytesOf(1)[logHeaderBytes + 40]! ^= 1;
  const disk = must(store.memoryDisks[1], "a disk");
  disk.before = (operation, name) => {
    if (operation === "sync" && name.endsWith(".new")) disk.bytesOf(name)[logHeaderBytes + 9]! ^= 1;
  };
  const before = bytesOf(1).slice(logHeaderBytes);
  assert.equal((await mendLogCopies(log, question)).mended, 0);
  assert.deepEqual(bytesOf(1).slice(logHeaderBytes), before);
  assert.deepEqual(
    [...disk.files.keys()].filter((name) => name.endsWith(".new")),
    [],
  );
  disk.before = () => undefined;
  assert.equal((await mendLogCopies(log, question)).mended, 1);
});
