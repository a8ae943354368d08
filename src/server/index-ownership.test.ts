import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { createMemoryEngine, type MemoryEngine } from "../engine/memory-engine.ts";
import { initialiseDataDirectory } from "../extent/data-directories.ts";
import { newestGeneration } from "../extent/disk-generation.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { copiesOnly } from "../extent/write-choices.ts";
import { createExtentWriter } from "../extent/extent-writer.ts";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { identityOf, payloadOf, standardExtents } from "../extent/testing/test-store.ts";
import { idOfText, type StoreId } from "../format/ids.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import { openKeymap } from "../keymap/open-keymap.ts";
import { readStoreRow } from "../keymap/store-generation.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { beginGeneration, claimIndex, requireOwnIndex } from "./index-ownership.ts";

const hash = createHash();
// Nothing here takes time: no disk is late.
const platform = { ...createTestPlatform(hash), clock: new ManualClock() };
const store = idOfText<StoreId>("5".repeat(32)); // made up
const engineName = "main";

async function twoDisks() {
  const memoryDisks = [new MemoryDisk("/data1"), new MemoryDisk("/data2")];
  const disks = [];
  for (const [i, disk] of memoryDisks.entries()) {
    const options = { store, holdsIndex: i === 0 };
    const identity = await initialiseDataDirectory(disk, options, platform.random);
    disks.push(localDataDisk(hash, identity.disk, disk));
  }
  return { memoryDisks, disks: { store, disks } };
}

type Disks = Awaited<ReturnType<typeof twoDisks>>["disks"];

/** What a start does with an index. */
async function start(index: MemoryEngine, disks: Disks): Promise<number> {
  await claimIndex({ platform, index, engineName, disks }, "/data1/index");
  const { generation } = await requireOwnIndex({ platform, index, disks });
  return beginGeneration({ platform, index, disks }, generation);
}

/** A process writes something, in a new session and a new extent. */
async function write(index: MemoryEngine, disks: Disks): Promise<void> {
  const engines = new Map([[engineName, index]]);
  const keymap = await openKeymap({ platform, engines, role: "front-end", store });
  const table = createExtentTable(keymap);
  const session = keymap.session.id;
  const options = { platform, disks, table, session, choices: copiesOnly(1) };
  await createExtentWriter(options).append(standardExtents, identityOf(0), payloadOf(100));
}

const refused = (message: RegExp) => ({ name: "StoreError", message });
const remedy = /mount the disk of the index, or put back the index .*nothing was changed/;

test("index ownership: a start begins a new generation, in the index first and then on every disk", async () => {
  const { disks, memoryDisks } = await twoDisks();
  const index = createMemoryEngine();
  assert.equal(await start(index, disks), 1);
  assert.equal(await start(index, disks), 2);
  assert.equal((await readStoreRow(index))?.generation, 2);
  for (const disk of disks.disks) {
    assert.equal((await newestGeneration(hash, { store, disks: [disk] })).generation, 2);
  }
  // Cut off in between, the disks are behind, which is no harm.
  memoryDisks[1]!.before = (operation) => {
    if (operation === "write") throw new DiskError("io", "crash");
  };
  assert.equal(await start(index, disks), 3);
  memoryDisks[1]!.before = () => {};
  assert.equal(await start(index, disks), 4);
});

test("C9: an empty index is refused once the store was served, also before it held an extent", async () => {
  const { disks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  for (const isWritten of [false, true]) {
    if (isWritten) await write(index, disks);
    const empty = createMemoryEngine();
    await assert.rejects(start(empty, disks), refused(remedy));
    assert.equal(await readStoreRow(empty), undefined, "nothing was changed");
  }
});

test("C9: an empty index is refused where a disk holds an extent, whatever became of its generation", async () => {
  const { disks, memoryDisks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  await write(index, disks);
  for (const { files } of memoryDisks) files.delete("holdfast.generation");
  await assert.rejects(start(createMemoryEngine(), disks), refused(/holds objects: mount/));
});

test("C9: a start that was cut off before the store was served is simply begun again", async () => {
  const { disks } = await twoDisks();
  const index = createMemoryEngine();
  await claimIndex({ platform, index, engineName, disks }, "/data1/index");
  assert.equal(await start(createMemoryEngine(), disks), 1);
});

test("C9: an index older than the disks is refused by its generation", async () => {
  const { disks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  const older = index.clone();
  await start(index, disks);
  await assert.rejects(start(older, disks), { code: "foreign", message: /generation 1, .*seen 2/ });
  await assert.rejects(start(older, disks), refused(remedy));
  assert.equal((await readStoreRow(older))?.generation, 1, "nothing was changed");
  // One disk is enough to know it.
  const second = { store, disks: [must(disks.disks[1], "two disks")] };
  await assert.rejects(start(older, second), { code: "foreign" });
});

test("C9: an index of the same generation is refused where its counters are behind what lies on the disks", async () => {
  const { disks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  const older = index.clone();
  await write(index, disks);
  await assert.rejects(start(older, disks), refused(/of extents, the index has given ids up to 0/));
  await assert.rejects(start(older, disks), refused(remedy));
  assert.equal(await start(index, disks), 2);
});

test("C9: an index that another session has written to since is refused by the header of the newest extent", async () => {
  const { disks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  const older = index.clone();
  await write(index, disks);
  // The copy has given as many extents, but no session.
  const engines = new Map([[engineName, older]]);
  const keymap = await openKeymap({ platform, engines, role: "tool", store });
  const table = createExtentTable(keymap);
  await createExtentWriter({
    platform,
    disks: (await twoDisks()).disks,
    table,
    session: keymap.session.id,
    choices: copiesOnly(1),
  }).append(standardExtents, identityOf(0), payloadOf(1));
  await write(index, disks);
  await assert.rejects(start(older, disks), refused(/the index has given ids up to 1/));
});

test("C9: an index of another store is refused", async () => {
  const { disks } = await twoDisks();
  const other = createMemoryEngine();
  const foreign = idOfText<StoreId>("6".repeat(32));
  await claimIndex(
    { platform, index: other, engineName, disks: { store: foreign, disks: [] } },
    "x",
  );
  await assert.rejects(start(other, disks), refused(/the index is of store 6+, not of 5+/));
});

test("C9: a generation file that is damaged, or of another directory, refuses the start with the remedy", async () => {
  const { disks, memoryDisks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  await start(index, disks);
  const [first, second] = memoryDisks.map(({ files }) => files);
  const own = must(first!.get("holdfast.generation"), "a generation").slice();
  first!.set("holdfast.generation", must(second!.get("holdfast.generation"), "a generation"));
  await assert.rejects(start(index, disks), refused(/is of another data directory: put back/));
  first!.set("holdfast.generation", own.slice().fill(1, 20, 30).fill(1, 4116, 4126));
  await assert.rejects(
    start(index, disks),
    refused(/is damaged .*: remove it if the index is known/),
  );
  first!.set("holdfast.generation", own);
  assert.equal(await start(index, disks), 3);
});

test("index ownership: a bad block in the header of the newest extent refuses no start", async () => {
  const { disks, memoryDisks } = await twoDisks();
  const index = createMemoryEngine();
  await start(index, disks);
  await write(index, disks);
  for (const disk of memoryDisks) {
    disk.before = (operation, path) => {
      if (operation === "read" && path.startsWith("extents/")) throw new DiskError("io", "EIO");
    };
  }
  assert.equal(await start(index, disks), 2);
});
