import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { initialiseDataDirectory } from "../extent/data-directories.ts";
import { writeDiskGeneration } from "../extent/disk-generation.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { DiskObservations } from "../extent/observed-disk.ts";
import { MountedDisks } from "../extent/mounted-disks.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { idOfText, type StoreId } from "../format/ids.ts";
import { emptyDisk, mountDisks, removeDisk, resumeDisk } from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import { openTestKeymap } from "../keymap/testing/open-test-keymap.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { type Disk, DiskError } from "../platform/disk.ts";
import { DiskWatch, type OfferedDirectory } from "./disk-watch.ts";

const hash = createHash();
const store = idOfText<StoreId>("5".repeat(32)); // made up

/** Three data directories, all registered but the last, and a process that began with the first. */
async function watched() {
  const platform = createTestPlatform(hash);
  const places = new Map<string, MemoryDisk>();
  const directories: OfferedDirectory[] = [];
  for (const path of ["/a", "/b", "/c"]) {
    const disk = new MemoryDisk(path);
    places.set(path, disk);
    const options = { store, holdsIndex: path === "/a" };
    const identity = await initialiseDataDirectory(disk, options, platform.random);
    directories.push({ path, disk: identity.disk });
  }
  const [a, b, c] = directories;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const index = createMemoryEngine();
  const engines = new Map([["main", index]]);
  const keymap = await openTestKeymap({ platform, engines, role: "background", store });
  const registry = registryOf(keymap);
  const mountOf = ({ path, disk }: OfferedDirectory) => ({
    disk,
    name: path,
    capacityBytes: 1000,
  });
  await changeDisks(registry, mountDisks([mountOf(a), mountOf(b)], 1, "add"));
  const observations = new DiskObservations(platform.clock);
  const open = ({ path, disk }: OfferedDirectory) => {
    const place = places.get(path);
    assert.ok(place !== undefined);
    return localDataDisk(hash, disk, observations.observe(disk, place));
  };
  const mounted = new MountedDisks(store, [open(a)]);
  let offered: readonly OfferedDirectory[] = [a];
  const watch = new DiskWatch({
    platform,
    keymap,
    index,
    mounted,
    feed: { offered: () => offered, open, wait: () => Promise.resolve() },
    observations,
    notesMounts: true,
  });
  const lookAt = async (...now: readonly OfferedDirectory[]): Promise<readonly string[]> => {
    offered = now;
    await watch.look();
    return mounted.disks.map(({ disk }) => disk.name);
  };
  return { platform, places, a, b, c, index, registry, mounted, watch, open, mountOf, lookAt };
}

test("disk watch: a disk is taken in once the registry has it, and given up once it is removed", async () => {
  const { a, b, c, registry, mountOf, lookAt, mounted } = await watched();
  const before = mounted.disks;
  assert.deepEqual(await lookAt(a), ["/a"]);
  assert.equal(mounted.disks, before, "the same array where nothing changed");
  assert.deepEqual(await lookAt(a, b, c), ["/a", "/b"]);
  await changeDisks(registry, mountDisks([mountOf(c)], 2, "add"));
  assert.deepEqual(await lookAt(a, b, c), ["/a", "/b", "/c"]);
  await changeDisks(registry, emptyDisk(b.disk, 3));
  assert.deepEqual(await lookAt(a, b, c), ["/a", "/b", "/c"]);
  assert.equal(mounted.rows?.get(b.disk)?.state, "emptying");
  await changeDisks(registry, removeDisk(b.disk, "asked for", 4));
  assert.deepEqual(await lookAt(a, b, c), ["/a", "/c"]);
  assert.deepEqual(await lookAt(a), ["/a"]);
});

test("disk watch: a disk that is mounted elsewhere is reached there, and the registry says where", async () => {
  const { a, b, lookAt, index, places } = await watched();
  await lookAt(a, b);
  const elsewhere = new MemoryDisk("/d");
  for (const [path, bytes] of places.get("/b")!.files) elsewhere.files.set(path, bytes);
  places.set("/d", elsewhere);
  assert.deepEqual(await lookAt(a, { path: "/d", disk: b.disk }), ["/a", "/d"]);
  const row = (await readDisks(index)).find(({ disk }) => disk === b.disk);
  assert.deepEqual([row?.name, row?.capacityBytes], ["/d", 1024 ** 4]);
});

test("C9: disk watch: a disk that has seen a newer index is not taken in, and why is said once", async () => {
  const { platform, a, b, index, lookAt, open, places } = await watched();
  await writeDiskGeneration(hash, store, open(b), 7);
  assert.deepEqual(await lookAt(a, b), ["/a"]);
  assert.deepEqual(await lookAt(a, b), ["/a"]);
  const said = platform.logged.filter(({ event }) => event === "disk_refused");
  assert.equal(said.length, 1);
  assert.match(
    String(said[0]?.fields?.["message"]),
    /the index is older than the data directories/,
  );
  places.get("/b")!.files.delete("holdfast.generation");
  assert.deepEqual(await lookAt(a, b), ["/a", "/b"]);
  assert.equal((await readDisks(index)).length, 2);
});

/** Reads a file that is not there on a disk, which fails. */
async function failOn(disk: MemoryDisk, open: Disk, times: number): Promise<void> {
  disk.before = (operation) => {
    if (operation === "open") throw new DiskError("io", "EIO");
  };
  for (let i = 0; i < times; i++) await assert.rejects(open.open("x", "read"));
  disk.before = () => {};
}

test("disk watch: a disk that fails too often is taken out, and stays so until a person puts it back", async () => {
  const { platform, places, a, b, registry, mounted, index, lookAt } = await watched();
  await lookAt(a, b);
  const second = mounted.disks[1];
  assert.ok(second !== undefined);
  await failOn(places.get("/b")!, second.disk, 10);
  await lookAt(a, b);
  const stateOf = async (): Promise<string> => {
    const row = (await readDisks(index)).find(({ disk }) => disk === b.disk);
    return `${row?.state} ${row?.reason}`;
  };
  assert.equal(await stateOf(), "active ");
  await failOn(places.get("/b")!, second.disk, 15);
  await lookAt(a, b);
  assert.equal(await stateOf(), "out 25 operations failed within 10 minutes");
  assert.deepEqual(await lookAt(a, b), ["/a", "/b"], "it is still read");
  assert.ok(platform.logged.some(({ event }) => event === "disk_taken_out"));
  await changeDisks(registry, resumeDisk(b.disk, 100));
  await lookAt(a, b);
  await lookAt(a, b);
  assert.equal(await stateOf(), "active ");
  await failOn(places.get("/b")!, second.disk, 20);
  await lookAt(a, b);
  assert.match(await stateOf(), /^out 20/);
});

test("disk watch: the last disk in use is not taken out, and that is said once; damage counts as well", async () => {
  const { platform, a, b, registry, index, lookAt, watch } = await watched();
  let damaged = 3;
  watch.damagedOn = (disk) => (disk === b.disk ? damaged : 0);
  await lookAt(a, b);
  damaged = 30;
  await lookAt(a, b);
  const [first] = await readDisks(index);
  const states = async () => (await readDisks(index)).map(({ state }) => state).toSorted();
  assert.ok(first !== undefined);
  assert.deepEqual(await states(), ["active", "out"]);
  watch.damagedOn = () => damaged;
  damaged = 60;
  await lookAt(a, b);
  await lookAt(a, b);
  assert.deepEqual(await states(), ["active", "out"]);
  assert.equal(platform.logged.filter(({ event }) => event === "disk_fails").length, 1);
  await changeDisks(registry, resumeDisk(b.disk, 200));
});
