import assert from "node:assert/strict";
import { test } from "node:test";
import type { IndexDamageMark } from "../format/data-directory.ts";
import { logPositionOf } from "../engine/logged-engine.ts";
import { must } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { createMemoryEngine, type MemoryEngine } from "../engine/memory-engine.ts";
import { allRows } from "../engine/suite/rows.suite.ts";
import { copyOn, type ExtentRow, firstLayout } from "../format/extent-row.ts";
import { type DiskId, idOfText } from "../format/ids.ts";
import {
  type DiskPlan,
  emptyDisk,
  mountDisks,
  pauseDisk,
  replaceDisk,
  resumeDisk,
  takeDiskOut,
} from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import { openTestKeymap } from "../keymap/testing/open-test-keymap.ts";
import { createHash } from "../node/platform/hash.ts";
import { IndexMove } from "./index-move.ts";
import { rollTo } from "./index-recovery.ts";
import type { NewIndex } from "./index-recovery.ts";
import { LoggedStore, newIndexOf } from "./testing/logged-store.ts";

const hash = createHash();

/** A served store of three disks, the index on the first, and a move that hands over to nobody. */
async function served(failure?: string) {
  const logged = await LoggedStore.create(hash, 3);
  const { store, disks } = logged;
  const { platform, clock } = store;
  const [a, b, c] = disks.disks.map(({ id }) => id) as [DiskId, DiskId, DiskId];
  const engines = new Map([["main", logged.engine]]);
  const keymap = await openTestKeymap({
    platform,
    engines,
    role: "background",
    store: disks.store,
  });
  const registry = registryOf(keymap);
  const table = createExtentTable(keymap);
  const change = (plan: DiskPlan) => changeDisks(registry, plan);
  const mounts = disks.disks.map(({ id, disk }) => {
    return { disk: id, name: disk.name, capacityBytes: 1000 };
  });
  await change(mountDisks(mounts, 1, "add"));
  const seen: string[] = [];
  let rows: MemoryEngine = createMemoryEngine();
  let copy: NewIndex | undefined;
  const hooks: { onBegin?: () => Promise<unknown>; mark?: IndexDamageMark | undefined } = {};
  const move = new IndexMove({
    platform,
    keymap,
    index: logged.engine,
    table,
    damage: { mark: () => Promise.resolve(hooks.mark) },
    disks,
    lagCommitsMax: 0,
    mover: {
      failure,
      clear: async (those) => void seen.push(`clear ${those.length}`),
      async begin({ disk }) {
        seen.push(`copy to ${disk.name}`);
        await hooks.onBegin?.();
        rows = createMemoryEngine();
        copy = await newIndexOf(rows);
        return Object.assign(copy, {
          giveUp: async () => void seen.push("given up"),
          close: async () => void seen.push("closed"),
        });
      },
      handOver: async ({ disk }) => void seen.push(`hand over to ${disk.name}`),
      removed: (those) => void seen.push(`removed ${those.map(nameOf).join()}`),
    },
  });
  const nameOf = (disk: DiskId): string => mounts.find((one) => one.disk === disk)?.name ?? "?";
  /** One look, and what was done in it. */
  const look = async (): Promise<string> => {
    const stop = new AbortController();
    const looking = move.look(stop.signal);
    await clock.advance(1000);
    stop.abort();
    await looking;
    return seen.splice(0).join("; ");
  };
  return {
    logged,
    a,
    b,
    c,
    keymap,
    table,
    change,
    look,
    move,
    hooks,
    seen,
    rows: () => rows,
    copy: () => must(copy, "a copy"),
  };
}

test("C1: index move: an index whose disk is emptied is copied to the disk with the most space, and handed over", async () => {
  const { logged, a, change, look, move, rows, copy } = await served();
  const { memoryDisks, platform, disks } = logged.store;
  memoryDisks[1]!.bytesFree = 5000;
  memoryDisks[2]!.bytesFree = 4000;
  assert.equal(await look(), "");
  assert.equal(move.figures, undefined);
  await change(emptyDisk(a, 2));
  await change(pauseDisk(a));
  assert.equal(await look(), "");
  await change(emptyDisk(a, 3));
  assert.equal(await look(), "copy to /data2; closed; hand over to /data2");
  assert.deepEqual(move.figures, { to: "/data2", doing: "all processes go over to it", done: 0 });
  const last = await logPositionOf(logged.rows);
  await rollTo({ platform, disks }, copy(), last);
  assert.deepEqual(await allRows(rows()), await allRows(logged.rows));
});

test("index move: an index leaves a disk that was taken out, and waits where no disk can take it", async () => {
  const { logged, a, b, c, change, look, move } = await served();
  const [, second, third] = logged.store.memoryDisks;
  await change(takeDiskOut(a, "it fails", 2));
  await change(emptyDisk(c, 3));
  second!.bytesFree = 0;
  assert.equal(await look(), "");
  const waits = /^no other disk in use has space for the index: add one, or put one back/;
  assert.match(move.figures?.doing ?? "", waits);
  assert.equal(move.figures?.to, undefined);
  await change(resumeDisk(c, 4));
  assert.equal(await look(), "", "it waits a minute");
  await logged.store.clock.advance(60_000);
  third!.before = (operation) => {
    if (operation === "space") throw new Error("it is not there, and nobody asks it");
  };
  third!.files.delete("holdfast.json");
  second!.bytesFree = 1000;
  assert.equal(await look(), "copy to /data2; closed; hand over to /data2");
  await change(resumeDisk(a, 5));
  await change(emptyDisk(b, 6));
  assert.equal(await look(), "");
  assert.equal(move.figures, undefined);
});

test("index move: where a copy failed another disk is tried, and that one again after all others", async () => {
  const { logged, a, change, look, hooks } = await served();
  const { memoryDisks, clock } = logged.store;
  memoryDisks[1]!.bytesFree = 5000;
  memoryDisks[2]!.bytesFree = 4000;
  await change(emptyDisk(a, 2));
  hooks.onBegin = () => Promise.reject(new StoreError("io", "read-only file system"));
  const tries: string[] = [];
  for (let round = 0; round < 3; round++) {
    tries.push(await look());
    await clock.advance(60_000);
  }
  assert.deepEqual(tries, ["copy to /data2", "copy to /data3", "copy to /data2"]);
});

test("index move: a copy is given up where its disk is no longer to be left, or the other not in use", async () => {
  for (const name of ["home", "other"]) {
    const { a, b, change, look, hooks, logged } = await served();
    logged.store.memoryDisks[2]!.bytesFree = 1;
    await change(emptyDisk(a, 2));
    hooks.onBegin = () => change(name === "home" ? resumeDisk(a, 3) : takeDiskOut(b, "fails", 3));
    assert.equal(await look(), "copy to /data2; given up");
  }
});

test("C9: index move: an index that was seen damaged stays where its mark is", async () => {
  const { a, change, look, hooks, move, logged } = await served();
  await change(emptyDisk(a, 2));
  hooks.mark = { id: "1", seenMs: 1, message: "a wrong row" };
  assert.equal(await look(), "");
  assert.match(move.figures?.doing ?? "", /the index is damaged/);
  hooks.mark = undefined;
  await logged.store.clock.advance(60_000);
  assert.match(await look(), /hand over/);
});

test("index move: where the last one failed it is seen why, and it is tried again after ten minutes", async () => {
  const { a, change, look, move, logged } = await served("the copy is gone");
  await change(emptyDisk(a, 2));
  assert.equal(await look(), "");
  assert.deepEqual(move.figures, { to: undefined, doing: "the copy is gone", done: 0 });
  await logged.store.clock.advance(9 * 60_000);
  assert.equal(await look(), "");
  await logged.store.clock.advance(60_000);
  assert.match(await look(), /hand over/);
});

test("index move: what goes on for long is shown, and ends when the process stops", async () => {
  const { a, change, move, hooks, seen, rows } = await served();
  await change(emptyDisk(a, 2));
  const stop = new AbortController();
  hooks.onBegin = async () => {
    assert.deepEqual(move.figures, { to: "/data2", doing: "copying", done: 0 });
    stop.abort();
  };
  await move.look(stop.signal);
  assert.deepEqual(seen, ["copy to /data2", "given up"]);
  assert.deepEqual(await allRows(rows()), []);
});

test("C9: index move: a disk that was replaced is removed once the index is on another", async () => {
  const { logged, a, change, look, keymap } = await served();
  const mount = { disk: idOfText<DiskId>("e".repeat(32)), name: "/new", capacityBytes: 1 };
  const replacement = { mount, labels: {}, nowMs: 2 };
  await change(replaceDisk(a, { ...replacement, holdsIndex: true }));
  assert.match(await look(), /^copy to .*hand over/);
  const states = async () => (await readDisks(keymap.system)).map(({ state }) => state).join();
  assert.equal(await states(), "emptying,active,active,active");
  // By the processes that are started after that.
  const [first, second, third] = logged.disks.disks;
  logged.disks.set([second!, first!, third!], new Map());
  assert.equal(await look(), "removed /data1");
  assert.equal(await states(), "removed,active,active,active");
  assert.equal(await look(), "");
});

test("C5: index move: a replaced disk stays while it has what was written last, and no other disk", async () => {
  const { logged, a, b, change, look, keymap, table } = await served();
  const row: ExtentRow = {
    state: "open",
    scheme: { kind: "replicated", copies: 2, quorum: 1 },
    members: [copyOn(a), copyOn(b)],
    epoch: 1,
    session: keymap.session.id,
    storageClass: "STANDARD",
    bucketScheme: undefined,
    createdMs: 1,
    sealedMs: 0,
    length: 0,
    deadBytes: 0,
    droppedMs: 0,
    ...firstLayout,
  };
  const open = await table.create(row);
  assert.ok(!("refusedBy" in open));
  const mount = { disk: idOfText<DiskId>("e".repeat(32)), name: "/new", capacityBytes: 1 };
  await change(replaceDisk(a, { mount, labels: {}, nowMs: 2, holdsIndex: true }));
  assert.match(await look(), /^copy to .*hand over/);
  const [first, second, third] = logged.disks.disks;
  logged.disks.set([second!, first!, third!], new Map());
  // The last write reached the replaced disk alone: the other was left behind.
  const members = [copyOn(a), { ...copyOn(b), state: "behind" as const }];
  const alone = { ...row, state: "sealed" as const, sealedMs: 3, length: 1000, members };
  const landed = await table.replace(open, alone);
  assert.ok(landed !== "conflict");
  const kept = () => logged.store.logged.filter(({ event }) => event === "replaced_disk_kept");
  assert.equal(await look(), "");
  await logged.store.clock.advance(30_000);
  assert.equal(await look(), "");
  assert.equal(kept().length, 1, "it is said once");
  const [before] = await readDisks(keymap.system);
  assert.deepEqual([before?.state, before?.isReplaced], ["emptying", true]);

  await table.replace(landed, { ...alone, members: [copyOn(a), copyOn(b)] });
  assert.equal(await look(), "", "it is counted anew after half a minute");
  await logged.store.clock.advance(30_000);
  assert.equal(await look(), "removed /data1");
});
