import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { idOfText, type StoreId } from "../format/ids.ts";
import { storeIdentityFile } from "../format/data-directory.ts";
import { DiskError } from "../platform/disk.ts";
import type { Random } from "../platform/platform.ts";
import {
  checkDataDirectories,
  initialiseDataDirectory,
  noteOtherDirectories,
  readIdentity,
} from "./data-directories.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const store = idOfText<StoreId>("5".repeat(32)); // made up
const other = idOfText<StoreId>("6".repeat(32)); // made up
let drawn = 0;
const random: Random = { bytes: (count) => new Uint8Array(count).fill(++drawn) };

test("data directory: an empty one gets an identity, synced before and after its rename", async () => {
  const disk = new MemoryDisk();
  const operations: string[] = [];
  disk.directories.add("lost+found");
  disk.before = (operation) => void operations.push(operation);
  const identity = await initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
  assert.deepEqual(operations.slice(-5), ["create", "write", "sync", "rename", "syncDirectory"]);
  assert.deepEqual(await readIdentity(disk), identity);
  const again = await initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
  assert.deepEqual(again, identity);
});

test("C1: a crash while a data directory is initialised leaves one that can be initialised", async () => {
  for (let crashAt = 0, isDone = false; !isDone; crashAt++) {
    const disk = new MemoryDisk();
    let operations = 0;
    disk.before = () => {
      if (operations++ === crashAt) throw new DiskError("io", "crash");
    };
    const initialise = () => initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
    isDone = await initialise().then(
      () => true,
      () => false,
    );
    disk.before = () => {};
    assert.deepEqual(
      await readIdentity(disk).then((found) => found ?? initialise()),
      await initialise(),
    );
    assert.ok(crashAt < 20);
  }
});

test("data directory: one with other things in it is refused, naming them and the fix", async () => {
  const disk = new MemoryDisk("/home");
  disk.files.set("diary.txt", new Uint8Array(1));
  await assert.rejects(initialiseDataDirectory(disk, { store, holdsIndex: true }, random), {
    code: "foreign",
    message: /\/home is not empty \(diary.txt\).*name an empty directory/,
  });
  assert.deepEqual([...disk.files.keys()], ["diary.txt"]);
});

test("data directory: one of another store, of a newer version, or not ours is refused", async () => {
  const disk = new MemoryDisk();
  await initialiseDataDirectory(disk, { store: other, holdsIndex: true }, random);
  const initialise = (holdsIndex = true) =>
    initialiseDataDirectory(disk, { store, holdsIndex }, random);
  await assert.rejects(initialise(), { code: "foreign", message: /belongs to store 666/ });
  const text = '{"format":"holdfast-data-directory","version":9}';
  disk.files.set(storeIdentityFile, encodeUtf8(text));
  await assert.rejects(initialise(), { code: "unsupported_format" });
  disk.files.set(storeIdentityFile, encodeUtf8("{}"));
  await assert.rejects(initialise(), { code: "foreign" });
});

test("data directory: the one with the index must be named first", async () => {
  const disk = new MemoryDisk();
  await initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
  await assert.rejects(initialiseDataDirectory(disk, { store, holdsIndex: false }, random), {
    code: "invalid",
    message: /name the directory that holds the index first/,
  });
});

test("data directory: an identity that names many others is read whole", async () => {
  const disk = new MemoryDisk();
  const identity = await initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
  const otherDirectories = Array.from(
    { length: 100 },
    (_, i) => `/mnt/${"a long name".repeat(5)}${i}`,
  );
  await noteOtherDirectories(disk, identity.disk, otherDirectories);
  assert.deepEqual(await readIdentity(disk), { ...identity, otherDirectories });
});

test("data directory: the paths of the others are noted, whole or not at all, and of this disk alone", async () => {
  const disk = new MemoryDisk();
  const identity = await initialiseDataDirectory(disk, { store, holdsIndex: true }, random);
  const otherDirectories = ["/b", "/c"];
  await noteOtherDirectories(disk, identity.disk, otherDirectories);
  const noted = { ...identity, otherDirectories };
  assert.deepEqual(await readIdentity(disk), noted);
  disk.before = (operation) => {
    if (operation !== "read") assert.notEqual(operation, "create", "written again");
  };
  await noteOtherDirectories(disk, identity.disk, otherDirectories);
  for (let crashAt = 0; crashAt < 8; crashAt++) {
    let operations = 0;
    disk.before = () => {
      if (operations++ === crashAt) throw new DiskError("io", "crash");
    };
    await noteOtherDirectories(disk, identity.disk, ["/d"]).catch(() => undefined);
    disk.before = () => {};
    const found = await readIdentity(disk);
    assert.ok([2, 1].includes(found?.otherDirectories.length ?? 0));
    await noteOtherDirectories(disk, identity.disk, otherDirectories);
  }
  const another = await initialiseDataDirectory(
    new MemoryDisk(),
    { store, holdsIndex: false },
    random,
  );
  await assert.rejects(noteOtherDirectories(disk, another.disk, []), { code: "missing" });
});

test("data directories: one given twice, or of another store, is refused", async () => {
  const [a, b] = [new MemoryDisk("/a"), new MemoryDisk("/b")];
  const first = await initialiseDataDirectory(a, { store, holdsIndex: true }, random);
  const second = await initialiseDataDirectory(b, { store: other, holdsIndex: false }, random);
  const directories = [{ disk: a, identity: first }];
  checkDataDirectories(directories);
  assert.throws(() => checkDataDirectories([...directories, { disk: b, identity: first }]), {
    code: "invalid",
    message: /\/a and \/b are the same data directory/,
  });
  assert.throws(() => checkDataDirectories([...directories, { disk: b, identity: second }]), {
    code: "foreign",
  });
});
