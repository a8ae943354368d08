import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { type DiskRow, newDiskRow } from "../format/disk-row.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import { encodeExtentHeader } from "../format/extent-header.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { dropExtent, dropStray } from "./extent-drop.ts";
import { type ExtentDisks, extentPath } from "./extent-files.ts";
import { sealAbandoned } from "./extent-seal.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { readHeader } from "./member/member-header.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";
import { idOfText } from "../format/ids.ts";

const hash = createHash();
const sealer = 9 as SessionId; // made up

/** A store with one extent that nothing refers to, and the log of dropping it. */
async function unreferenced(disks = 1) {
  const store = await TestStore.create(hash, disks);
  await store.writer().append(standardExtents, identityOf(0), payloadOf(1000));
  const { platform, table } = store;
  const sealed = await seal(store, must([...table.entries.values()][0], "an extent"));
  const entry = await table.replace(sealed, { ...sealed.row, state: "dropping" });
  assert.ok(entry !== "conflict");
  const path = extentPath(entry.id);
  return { store, entry, path, drop: { platform, disks: store.disks, table, entry } };
}

/** Drops it as its row is now. */
async function dropNow(store: TestStore, disks: ExtentDisks = store.disks): Promise<string> {
  const { platform, table } = store;
  const entry = must([...table.entries.values()][0], "its row");
  return dropExtent({ platform, disks, table, entry });
}

/** The disks, by their places, that have a file of an extent. */
const placesWithFiles = (store: TestStore): number[] =>
  store.memoryDisks.flatMap((_, place) => (store.extentFiles(place).length > 0 ? [place] : []));

/** The disks, by their places, on which the only row says that files are to be removed. */
function leavingIn(store: TestStore): number[] {
  const entry = must([...store.table.entries.values()][0], "its row");
  assert.deepEqual([entry.row.state, entry.row.members], ["dropping", []]);
  return entry.row.leaving.map(({ disk }) => store.diskIds.indexOf(disk));
}

function seal({ platform, disks, table }: TestStore, entry: ExtentEntry): Promise<ExtentEntry> {
  return sealAbandoned({ platform, disks, table, entry, session: sealer });
}

/** Makes the header of a file say something else. */
async function rewrite(
  store: TestStore,
  path: string,
  change: Partial<ExtentHeader>,
): Promise<void> {
  const file = await store.memoryDisks[0]!.open(path, "write");
  const header = must(await readHeader(hash, file), "a header");
  const { sequence } = header;
  const slot = encodeExtentHeader(hash, { ...header, ...change, sequence: sequence + 2 });
  await file.write([slot], (sequence % 2) * (extentHeaderBytes / 2));
  await file.close();
}

const bytesOf = (store: TestStore, path: string): Uint8Array =>
  store.memoryDisks[0]!.bytesOf(path).slice();

const eventsOf = (store: TestStore): string[] => store.logged.map(({ event }) => event);

test("C9: a file is removed once its header proved it, and that is logged", async () => {
  const { store, drop, path } = await unreferenced();
  assert.equal(await dropExtent(drop), "ok");
  assert.ok(!store.memoryDisks[0]!.files.has(path));
  assert.ok(eventsOf(store).includes("extent_removed"));
});

test("C5: a disk that fails keeps its file of a dropped extent, and delays no other", async () => {
  const { store, drop } = await unreferenced(3);
  assert.deepEqual(placesWithFiles(store), [0, 1, 2]);
  const [failing] = store.memoryDisks;
  failing!.before = (operation) => {
    if (operation === "remove") throw new DiskError("io", "it takes no changes");
  };
  await assert.rejects(dropExtent(drop), { code: "io" });
  assert.deepEqual([placesWithFiles(store), leavingIn(store)], [[0], [0]]);
  failing!.before = () => {};
  assert.equal(await dropNow(store), "ok");
  assert.deepEqual([placesWithFiles(store), store.table.entries.size], [[], 0]);
});

test("C5: a disk that goes as an extent is dropped has its file removed when it is back", async () => {
  const { store, path, drop } = await unreferenced(3);
  const [going] = store.memoryDisks;
  const files = new Map(going!.files);
  going!.before = (operation, opened) => {
    if (operation === "open" && opened === path) going!.files.clear();
  };
  assert.equal(await dropExtent(drop), "away");
  assert.deepEqual(leavingIn(store), [0]);
  assert.equal(await dropNow(store), "away");
  going!.before = () => {};
  for (const [name, bytes] of files) going!.files.set(name, bytes);
  assert.equal(await dropNow(store), "ok");
  assert.deepEqual([placesWithFiles(store), store.table.entries.size], [[], 0]);
});

test("C9: files on a removed disk are left alone, and the row of their extent goes", async () => {
  const { store, drop } = await unreferenced(3);
  const { disks, store: id } = store.disks;
  const rowsWith = (state: DiskRow["state"]): ReadonlyMap<DiskId, DiskRow> => {
    const disk = must(disks[1], "a disk").id;
    return new Map([[disk, { ...newDiskRow({ disk, addedMs: 0, name: "/data2" }), state }]]);
  };
  const others = disks.filter((_, place) => place !== 1);
  const away = { store: id, disks: others, rows: rowsWith("active") };
  assert.equal(await dropExtent({ ...drop, disks: away }), "away");
  assert.deepEqual([placesWithFiles(store), leavingIn(store)], [[1], [1]]);
  assert.equal(await dropNow(store, away), "away");
  assert.equal(await dropNow(store, { ...away, rows: rowsWith("removed") }), "ok");
  assert.deepEqual([placesWithFiles(store), store.table.entries.size], [[1], 0]);
});

test("an extent is dropped at once although the machine stood still while its disks were looked at", async () => {
  const { store, drop } = await unreferenced(3);
  const still = Promise.withResolvers<void>();
  for (const disk of store.memoryDisks) disk.before = () => still.promise;
  const dropping = dropExtent(drop);
  await store.clock.advance(5000);
  still.resolve();
  assert.equal(await dropping, "ok");
  assert.deepEqual(placesWithFiles(store), []);
});

const others: readonly (readonly [string, Partial<ExtentHeader>])[] = [
  ["store", { store: idOfText<StoreId>("6".repeat(32)) }],
  ["disk", { disk: idOfText<DiskId>("7".repeat(32)) }],
  ["extent", { extent: 999 as ExtentId }],
  ["session", { session: 8 as SessionId }],
  ["time of creation", { createdMs: 12_345 }],
  ["epoch, a newer one", { epoch: 1000 }],
];
for (const [what, change] of others) {
  test(`C9: a file whose header names another ${what} is kept, and reported`, async () => {
    const { store, drop, path } = await unreferenced();
    await rewrite(store, path, change);
    const before = bytesOf(store, path);
    assert.equal(await dropExtent(drop), "kept");
    assert.deepEqual(bytesOf(store, path), before);
    assert.ok(eventsOf(store).includes("extent_file_kept"));
    assert.equal(store.table.entries.size, 0);
  });
}

test("C9: a file whose header cannot be read is kept", async () => {
  const { store, drop, path } = await unreferenced();
  store.memoryDisks[0]!.bytesOf(path).fill(0xee, 0, extentHeaderBytes);
  assert.equal(await dropExtent(drop), "kept");
  assert.ok(store.memoryDisks[0]!.files.has(path));
});

test("C9: a header that was cut off as it was written proves the file, and nothing that differs from it does", async () => {
  for (const [what, change, expected] of [
    ["cut off", () => {}, "ok"],
    ["of another time", (bytes: Uint8Array) => (bytes[13] = 0xee), "kept"],
  ] as const) {
    const { store, entry, drop, path } = await unreferenced();
    const empty = await store.table.replace(entry, { ...entry.row, length: 0 });
    assert.ok(empty !== "conflict");
    const torn = bytesOf(store, path).slice(0, 29);
    change(torn);
    store.memoryDisks[0]!.files.set(path, torn);
    assert.equal(await dropExtent({ ...drop, entry: empty }), expected, what);
    assert.equal(store.memoryDisks[0]!.files.has(path), expected === "kept", what);
  }
});

test("C9: an extent of length 0 whose file has records is kept", async () => {
  const { store, entry, drop, path } = await unreferenced();
  const empty = await store.table.replace(entry, { ...entry.row, length: 0 });
  assert.ok(empty !== "conflict");
  assert.equal(await dropExtent({ ...drop, entry: empty }), "kept");
  assert.ok(store.memoryDisks[0]!.files.has(path));
});

/** A file at the place of the next extent, as another store or an older index left it. */
async function withFileInTheWay(more: Partial<ExtentHeader> = {}) {
  const donor = await TestStore.create(hash);
  await donor.writer().append(standardExtents, identityOf(0), payloadOf(1000));
  const [source] = donor.extentFiles();
  const store = await TestStore.create(hash);
  const path = extentPath(1 as ExtentId);
  assert.equal(source, path);
  for (const directory of donor.memoryDisks[0]!.directories) {
    store.memoryDisks[0]!.directories.add(directory);
  }
  store.memoryDisks[0]!.files.set(path, bytesOf(donor, path));
  await rewrite(store, path, more);
  return { store, path, bytes: bytesOf(store, path) };
}

test("C9: a file that is there already never becomes a writer's own: another id is taken", async () => {
  const { store, path, bytes } = await withFileInTheWay({ session: 3 as SessionId });
  const writer = store.writer();
  const ref = await writer.append(standardExtents, identityOf(0), payloadOf(500));
  assert.equal(ref.extent, 2);
  assert.deepEqual([...store.table.entries.keys()], [2]);
  assert.deepEqual(bytesOf(store, path), bytes);
  assert.equal(writer.statistics().filesInTheWay, 1);
  assert.ok(eventsOf(store).includes("extent_file_in_the_way"));
});

test("C9: a row that could not be taken back never leads to the file that was in its way", async () => {
  // Written by a session of the same number, as where two copies of one index were in use.
  const { store, path, bytes } = await withFileInTheWay({ createdMs: 77 });
  store.table.before = (operation) => {
    if (operation === "remove") throw new Error("the index is away");
  };
  await store.writer().append(standardExtents, identityOf(0), payloadOf(500));
  store.table.before = () => {};
  const sealed = await seal(store, must(await store.table.get(1 as ExtentId), "the row"));
  assert.deepEqual([sealed.row.state, sealed.row.length], ["settled", 0]);
  assert.deepEqual(bytesOf(store, path), bytes, "sealing does not touch it");
  const entry = await store.table.replace(sealed, { ...sealed.row, state: "dropping" });
  assert.ok(entry !== "conflict");
  const { platform, disks, table } = store;
  assert.equal(await dropExtent({ platform, disks, table, entry }), "kept");
  assert.deepEqual(bytesOf(store, path), bytes);
});

test("C9: where every id has a file already, the writer says so and touches none", async () => {
  const { store, bytes } = await withFileInTheWay();
  const [disk] = store.memoryDisks;
  for (let id = 1; id <= 100; id++) {
    const path = extentPath(id as ExtentId);
    disk!.directories.add(path.slice(0, path.lastIndexOf("/")));
    disk!.files.set(path, bytes.slice());
  }
  await assert.rejects(
    store.writer().append(standardExtents, identityOf(0), payloadOf(10)),
    /run holdfast check/,
  );
  assert.equal(store.table.entries.size, 0);
  for (const path of store.extentFiles()) assert.deepEqual(bytesOf(store, path), bytes);
});

test("C9: a process that seals and was only paused cannot raise the epoch past the row's", async () => {
  const store = await TestStore.create(hash);
  await store.writer().append(standardExtents, identityOf(0), payloadOf(1000));
  const { platform, disks, table } = store;
  const entry = must([...table.entries.values()][0], "an extent");
  const sealed = await seal(store, entry);
  const late = { platform, disks, table, entry, session: (sealer - 1) as SessionId };
  await assert.rejects(sealAbandoned(late), { code: "fenced" });
  const dropping = await table.replace(sealed, { ...sealed.row, state: "dropping" });
  assert.ok(dropping !== "conflict");
  assert.equal(await dropExtent({ platform, disks, table, entry: dropping }), "ok");
});

test("C9: a file without a row goes only if nothing but the header of a session that ended is in it", async () => {
  const outcomeOf = async (
    length: number | undefined,
    writer: "alive" | "ended" | "unknown",
    change: Partial<ExtentHeader> = {},
  ) => {
    const { store, path } = await withFileInTheWay();
    await rewrite(store, path, { ...change });
    const { files } = store.memoryDisks[0]!;
    files.set(path, bytesOf(store, path).slice(0, length));
    const place = must(store.disks.disks[0], "a disk");
    const { platform, disks } = store;
    const name = { extent: 1 as ExtentId, layout: 0 };
    const outcome = await dropStray({ platform, disks, place, name, writerIs: () => writer });
    assert.equal(files.has(path), outcome !== "removed");
    return outcome;
  };
  assert.equal(await outcomeOf(undefined, "ended"), "kept", "it has a record");
  assert.equal(await outcomeOf(extentHeaderBytes, "ended"), "removed");
  assert.equal(await outcomeOf(0, "unknown"), "removed", "nothing is in it");
  assert.equal(await outcomeOf(extentHeaderBytes, "alive"), "in use");
  assert.equal(await outcomeOf(extentHeaderBytes, "unknown"), "kept");
  const foreign = { store: idOfText<StoreId>("6".repeat(32)) };
  assert.equal(await outcomeOf(extentHeaderBytes, "ended", foreign), "kept");
});
