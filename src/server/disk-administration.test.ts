import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiskAction, DiskFields } from "../admin/disk-pages.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { initialiseDataDirectory } from "../extent/data-directories.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { MountedDisks } from "../extent/mounted-disks.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { copyOn, firstLayout } from "../format/extent-row.ts";
import { type DiskId, idOfText, idText, type StoreId } from "../format/ids.ts";
import { type DiskMount, mountDisks } from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import { openTestKeymap } from "../keymap/testing/open-test-keymap.ts";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { type DirectoryOwner, StoredDisks } from "./disk-administration.ts";

const hash = createHash();
const store = idOfText<StoreId>("5".repeat(32)); // made up

/** A store of three disks, mounted at /a, /b and /c, and a directory /d that can be taken in. */
async function served() {
  // Nothing here takes time: no disk is late.
  const platform = { ...createTestPlatform(hash), clock: new ManualClock() };
  const places = new Map<string, MemoryDisk>();
  const mounts = new Map<string, DiskMount>();
  for (const path of ["/a", "/b", "/c", "/d"]) {
    const disk = new MemoryDisk(path);
    places.set(path, disk);
    const options = { store, holdsIndex: path === "/a" };
    const identity = await initialiseDataDirectory(disk, options, platform.random);
    mounts.set(path, { disk: identity.disk, name: path, capacityBytes: 1000 });
  }
  const idOf = (path: string): DiskId => mounts.get(path)!.disk;
  const engine = createMemoryEngine();
  const engines = new Map([["main", engine]]);
  const keymap = await openTestKeymap({ platform, engines, role: "front-end", store });
  const mounted = ["/a", "/b", "/c"].map((path) => mounts.get(path)!);
  await changeDisks(registryOf(keymap), mountDisks(mounted, 1, "add"));
  const disks = new MountedDisks(
    store,
    mounted.map(({ disk, name }) => localDataDisk(hash, disk, places.get(name)!)),
  );
  const table = createExtentTable(keymap);
  const given: (readonly DiskId[])[] = [];
  const owner: DirectoryOwner = {
    async takeIn(path) {
      const mount = mounts.get(path);
      if (mount === undefined) return { code: "missing", message: `${path} does not exist` };
      return { mount };
    },
    disksChanged: (removed) => void given.push(removed),
  };
  const administration = new StoredDisks({
    platform,
    keymap,
    disks,
    table,
    writer: { statistics: () => ({ disks: [] }) as never }, // not of interest here
    owner,
    own: () => [],
    askOthers: () => Promise.resolve([]),
  });
  const act = async (action: DiskAction, fields: DiskFields): Promise<string> => {
    const done = await administration.carryOut(action, fields);
    return "refusal" in done ? `${done.refusal}: ${done.message}` : done.message;
  };
  const states = async (): Promise<string> =>
    (await readDisks(engine))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, state }) => `${name} ${state}`)
      .join();
  const addExtent = (...paths: readonly string[]) =>
    table.create({
      state: "sealed",
      scheme: { kind: "replicated", copies: paths.length, quorum: 1 },
      members: paths.map((path) => copyOn(idOf(path))),
      epoch: 1,
      session: keymap.session.id,
      storageClass: "STANDARD",
      bucketScheme: undefined,
      createdMs: 1,
      sealedMs: 2,
      length: 1000,
      deadBytes: 0,
      droppedMs: 0,
      ...firstLayout,
    });
  /** What the processes see that are started on the second disk. */
  const moveIndex = (): void => {
    const [first, second, third] = disks.disks;
    disks.set([second!, first!, third!], new Map());
  };
  return { act, states, addExtent, idOf, given, places, table, moveIndex };
}

test("C5: disk administration: a disk is removed once nothing is on it, or by force", async () => {
  const { act, states, addExtent, given, idOf, table } = await served();
  await addExtent("/b", "/c");
  const alone = await addExtent("/b");
  assert.ok(!("refusedBy" in alone));
  assert.match(await act("remove", { disk: "/b" }), /^conflict: \/b is in use: empty it first/);
  assert.match(await act("drain", { disk: "/b" }), /^\/b is being emptied/);
  const some = /^conflict: \/b has 2 extents \(2000 bytes\), 1 of which \(1000 live bytes\) cannot/;
  assert.match(await act("remove", { disk: "/b" }), some);
  assert.equal(await states(), "/a active,/b emptying,/c active");
  await table.remove(alone);
  const rest = /^conflict: \/b has 1 extents .*all of which can be read without it: wait/;
  assert.match(await act("remove", { disk: "/b" }), rest);
  assert.match(await act("remove", { disk: "/b", force: "yes" }), /^\/b is removed; it had 1/);
  assert.equal(await states(), "/a active,/b removed,/c active");
  assert.deepEqual(given.at(-1), [idOf("/b")]);
  assert.match(await act("resume", { disk: "/b" }), /^conflict: \/b is removed, and stays so/);
});

test("C1: disk administration: the disk of the index is not removed before the index has moved", async () => {
  const { act, states, moveIndex } = await served();
  const drainFirst = /^conflict: \/a holds the index: empty it first.*holdfast disk drain \/a$/;
  assert.match(await act("remove", { disk: "/a" }), drainFirst);
  assert.match(await act("remove", { disk: "/a", force: "yes" }), drainFirst);
  const drained = /^\/a is being emptied.*, and the index moves to another disk: .*disk remove \/a/;
  assert.match(await act("drain", { disk: "/a" }), drained);
  const moves = /^conflict: \/a holds the index, which moves to another disk: wait until it has/;
  assert.match(await act("remove", { disk: "/a", force: "yes" }), moves);
  assert.equal(await states(), "/a emptying,/b active,/c active");
  moveIndex();
  assert.match(await act("remove", { disk: "/a" }), /^\/a is removed; nothing was on it/);
});

test("C9: disk administration: the disk of the index is replaced once the index has moved", async () => {
  const { act, states, given, idOf } = await served();
  const replaced = await act("replace", { disk: "/a", path: "/d" });
  const then =
    /^\/d takes the place of \/a, .*; the index moves .*, and \/a is removed then: holdfast/;
  assert.match(replaced, then);
  assert.equal(await states(), "/a emptying,/b active,/c active,/d active");
  assert.deepEqual(given.at(-1), [], "it stays locked");
  assert.match(await act("resume", { disk: "/a" }), /^\/a is in use again/);
  assert.match(
    await act("drain", { disk: idText(idOf("/d")) }),
    /^\/d is being emptied, and gets nothing new:/,
  );
});

test("C5: disk administration: a disk is replaced where nothing is lost by that, or by force", async () => {
  const { act, states, addExtent, given, idOf, places } = await served();
  await addExtent("/b", "/c");
  const alone = await addExtent("/b");
  assert.ok(!("refusedBy" in alone));
  const there = /^conflict: .* cannot be read without it: it is still there, so empty it instead/;
  assert.match(await act("replace", { disk: "/b", path: "/d" }), there);
  places.get("/b")!.files.delete("holdfast.json");
  const gone = /^conflict: .* cannot be read without it: mount it if it can be; .*--force$/;
  assert.match(await act("replace", { disk: "/b", path: "/d" }), gone);
  assert.deepEqual(given, []);
  await act("label", { disk: "/b", labels: "zone=z" });
  const id = idText(idOf("/b"));
  assert.match(await act("label", { disk: id.slice(0, 8), labels: "" }), /several disks/);
  const replaced = await act("replace", { disk: id, path: "/d", force: "yes" });
  assert.match(replaced, /^\/d takes the place of \/b, which had 2 extents/);
  assert.equal(await states(), "/a active,/b removed,/c active,/d active");
  assert.deepEqual(given.at(-1), [idOf("/b")]);
});

test("disk administration: a disk that is there is emptied, not replaced, if it was not taken out", async () => {
  const { act, states, addExtent } = await served();
  await addExtent("/b", "/c");
  const there = /^conflict: .* can be read without it: it is still there, so empty it instead/;
  assert.match(await act("replace", { disk: "/b", path: "/d" }), there);
  assert.equal(await states(), "/a active,/b active,/c active");
  const forced = await act("replace", { disk: "/b", path: "/d", force: "yes" });
  assert.match(forced, /^\/d takes the place of \/b, which had 1 extents/);
});

test("disk administration: names, labels and directories that are wrong are refused with the fix", async () => {
  const { act, states } = await served();
  assert.match(await act("drain", { disk: "/x" }), /^notFound: the store has no disk \/x/);
  assert.match(await act("add", { path: "/x" }), /^invalid: \/x does not exist/);
  assert.match(await act("add", { path: "/b" }), /^exists: \/b is a disk of this store already/);
  await assert.rejects(act("add", { path: "/d", labels: "rock=1" }), { code: "invalid" });
  assert.equal(await states(), "/a active,/b active,/c active");
  assert.match(await act("add", { path: "/d", labels: "rack=1" }), /^\/d is a disk of the store/);
  assert.match(await act("pause", { disk: "/d" }), /^conflict: \/d is active, and is not emptied/);
  assert.equal(await states(), "/a active,/b active,/c active,/d active");
});
