import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine/engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import type { DiskLabels } from "../format/disk-labels.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { copyOn, type ExtentRow, firstLayout } from "../format/extent-row.ts";
import { type DiskId, idOfText } from "../format/ids.ts";
import { space } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import {
  addDisk,
  type DiskMount,
  type DiskPlan,
  emptyDisk,
  labelDisk,
  mountDisks,
  pauseDisk,
  removeDisk,
  removeReplaced,
  replaceDisk,
  resumeDisk,
  takeDiskOut,
} from "./disk-changes.ts";
import { changeDisks, earlyRegistryOf, readDisks, registryOf } from "./disk-registry.ts";
import { createExtentTable } from "./index-extent-table.ts";
import type { Keymap } from "./keymap.ts";
import { openTestKeymap } from "./testing/open-test-keymap.ts";
import { createTestPlatform } from "./testing/test-platform.ts";

const platform = createTestPlatform(createHash());
const id = (n: number): DiskId => idOfText<DiskId>(n.toString(16).padStart(32, "0"));
const mount = (n: number, name = `/d${n}`) => ({ disk: id(n), name, capacityBytes: 1000 });

const open = (engine: Engine) =>
  openTestKeymap({ platform, engines: new Map([["main", engine]]), role: "front-end" });

/** The extent table, where the disk is emptied between the look at it and the commit. */
function tableThatLoses(disk: DiskId, keymap: Keymap) {
  return createExtentTable({
    ...keymap,
    system: {
      id: keymap.system.id,
      read: (keys) => keymap.system.read(keys),
      scan: (range, options) => keymap.system.scan(range, options),
      inSnapshot: (read) => keymap.system.inSnapshot(read),
      async commit(change) {
        const isExtent = change.puts.some(({ key }) => key[0] === space.extents);
        if (isExtent) await changeDisks(registryOf(keymap), emptyDisk(disk, 2));
        return keymap.system.commit(change);
      },
    },
  });
}

const extentRow: Omit<ExtentRow, "session"> = {
  state: "open",
  scheme: { kind: "replicated", copies: 2, quorum: 2 },
  members: [],
  epoch: 1,
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 1,
  sealedMs: 0,
  length: 0,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};

/** The rows after some plans, or the first refusal. */
function after(plans: readonly DiskPlan[]) {
  let rows: readonly DiskRow[] = [];
  for (const plan of plans) {
    const changed = plan(rows);
    if ("refusal" in changed) return changed;
    const kept = rows.filter(({ disk }) => changed.every((row) => row.disk !== disk));
    rows = [...kept, ...changed].toSorted((a, b) => (a.disk < b.disk ? -1 : 1));
  }
  return rows;
}

const two = [mountDisks([mount(1), mount(2)], 5, "add")];

function statesAfter(...plans: readonly DiskPlan[]): string {
  const rows = after([...two, ...plans]);
  if ("refusal" in rows) return `${rows.refusal}: ${rows.message}`;
  return rows.map((row) => row.state + (row.isPaused ? " paused" : "")).join(", ");
}

test("disk registry: a start notes new disks, new places and sizes, and nothing else", async () => {
  const index = createMemoryEngine();
  const registry = earlyRegistryOf(platform, index);
  await changeDisks(registry, mountDisks([mount(1), mount(2)], 5, "add"));
  await changeDisks(registry, labelDisk(id(1), { zone: "a" }));
  const before = await readDisks(index);
  await changeDisks(registry, mountDisks([mount(1, "/x"), mount(3)], 9, "leave out"));
  assert.deepEqual(await readDisks(index), [{ ...before[0], name: "/x" }, before[1]]);
  let commits = 0;
  const counted = { ...registry, commit: async () => ++commits > 0 };
  await changeDisks(counted, mountDisks([mount(1, "/x")], 10, "add"));
  assert.equal(commits, 0);
});

test("disk registry: two changes at once are one after the other, and each sees all disks", async () => {
  const engine = createMemoryEngine();
  const keymap = await open(engine);
  const registry = registryOf(keymap);
  await changeDisks(registry, mountDisks([mount(1), mount(2)], 5, "add"));
  const results = await Promise.all([
    changeDisks(registry, removeDisk(id(1), "asked for", 6)),
    changeDisks(registry, removeDisk(id(2), "asked for", 6)),
  ]);
  assert.equal(results.filter((result) => "refusal" in result).length, 1);
  const states = (await readDisks(engine)).map(({ state }) => state);
  assert.deepEqual(states.toSorted(), ["active", "removed"]);
});

test("disk states: emptied, paused, gone on with, put back", () => {
  const empty = emptyDisk(id(1), 6);
  assert.equal(statesAfter(empty), "emptying, active");
  assert.equal(statesAfter(empty, pauseDisk(id(1))), "emptying paused, active");
  assert.equal(statesAfter(empty, pauseDisk(id(1)), empty), "emptying, active");
  assert.equal(statesAfter(empty, resumeDisk(id(1), 7)), "active, active");
  assert.match(statesAfter(pauseDisk(id(1))), /wrongState: .*not emptied/);
});

test("disk states: the last disk in use is neither emptied nor taken out nor removed", () => {
  const out = takeDiskOut(id(2), "100 failed reads", 6);
  assert.equal(statesAfter(out), "active, out");
  const last = /lastDisk: \/d1 is the last disk .*add another one first/;
  assert.match(statesAfter(out, emptyDisk(id(1), 7)), last);
  assert.match(statesAfter(out, takeDiskOut(id(1), "slow", 7)), last);
  assert.match(statesAfter(out, removeDisk(id(1), "asked for", 7)), last);
  assert.equal(statesAfter(out, resumeDisk(id(2), 7), emptyDisk(id(1), 7)), "emptying, active");
});

test("disk states: a disk that is removed stays so, also where it is mounted again", () => {
  const remove = removeDisk(id(1), "asked for", 6);
  assert.equal(statesAfter(remove), "removed, active");
  for (const plan of [resumeDisk(id(1), 7), emptyDisk(id(1), 7), labelDisk(id(1), {}), remove]) {
    assert.match(statesAfter(remove, plan), /wrongState: \/d1 is removed, and stays so/);
  }
  assert.equal(statesAfter(remove, mountDisks([mount(1, "/x")], 7, "add")), "removed, active");
  assert.match(statesAfter(remove, addDisk(mount(1), {}, 7)), /empty its directory/);
  assert.match(statesAfter(addDisk(mount(1), {}, 7)), /exists: \/d1 is a disk of this store/);
  const moved = after([...two, addDisk(mount(1, "/x"), { zone: "b" }, 7)]);
  assert.ok(!("refusal" in moved));
  assert.deepEqual([moved[0]?.name, moved[0]?.labels, moved[0]?.addedMs], ["/x", {}, 5]);
  assert.match(statesAfter(resumeDisk(id(9), 7)), /noSuchDisk/);
});

const by = (disk: DiskMount, labels: DiskLabels = {}, holdsIndex = false) => {
  return { mount: disk, labels, nowMs: 8, holdsIndex };
};

test("disk states: a replacement takes the labels of the disk it replaces, in one change", () => {
  const label = labelDisk(id(1), { zone: "a", host: "h1" });
  const rows = after([...two, label, replaceDisk(id(1), by(mount(3), { host: "h3" }))]);
  assert.ok(!("refusal" in rows));
  assert.deepEqual(
    rows.map(({ state, labels, reason }) => [state, labels, reason]),
    [
      ["removed", { zone: "a", host: "h1" }, "replaced by /d3"],
      ["active", {}, ""],
      ["active", { zone: "a", host: "h3" }, ""],
    ],
  );
  assert.match(statesAfter(replaceDisk(id(1), by(mount(2)))), /exists: \/d2 is a disk/);
  // The last disk in use may be replaced, since another comes with it.
  const out = takeDiskOut(id(2), "slow", 6);
  assert.equal(statesAfter(out, replaceDisk(id(1), by(mount(3)))), "removed, out, active");
});

test("C9: disk states: a disk that is replaced while it has the index is removed once that has left it", () => {
  const replace = replaceDisk(id(1), by(mount(3), {}, true));
  const remove = (home: number) => removeReplaced({ disk: id(1), home: id(home), nowMs: 9 });
  assert.equal(statesAfter(replace), "emptying, active, active");
  assert.equal(statesAfter(replace, remove(1)), "emptying, active, active");
  assert.equal(statesAfter(replace, remove(2)), "removed, active, active");
  const rows = after([...two, replace, remove(2)]);
  assert.ok(!("refusal" in rows));
  assert.deepEqual([rows[0]?.reason, rows[0]?.isReplaced], ["replaced by /d3", false]);
  // A person puts it back to use before that.
  const resumed = [resumeDisk(id(1), 9), remove(2)];
  assert.equal(statesAfter(replace, ...resumed), "active, active, active");
});

test("C5: once a disk takes no new members, the extent table makes no extent on it", async () => {
  const engine = createMemoryEngine();
  const keymap = await open(engine);
  const table = createExtentTable(keymap);
  const [disk, other] = [id(1), id(2)];
  const registry = registryOf(keymap);
  await changeDisks(registry, mountDisks([mount(1), mount(2)], 1, "add"));
  const members = [copyOn(other), copyOn(disk)];
  const row = { ...extentRow, members, session: keymap.session.id };
  assert.ok(!("refusedBy" in (await table.create(row))));
  const racing = tableThatLoses(disk, keymap);
  assert.deepEqual(await racing.create(row), { refusedBy: disk });
  assert.equal((await table.list(undefined, 10)).length, 1);
  assert.ok(!("refusedBy" in (await table.create({ ...row, members: [copyOn(other)] }))));
});

test("C5: once a disk takes no new files, no row of an extent gets one on it; what is there may stay", async () => {
  const keymap = await open(createMemoryEngine());
  const [disk, other] = [id(1), id(2)];
  const registry = registryOf(keymap);
  await changeDisks(registry, mountDisks([mount(1), mount(2)], 1, "add"));
  const table = createExtentTable(keymap);
  const made = { ...extentRow, members: [copyOn(other)], session: keymap.session.id };
  const entry = await table.create(made);
  assert.ok(!("refusedBy" in entry));
  const both = { ...made, members: [copyOn(other), copyOn(disk)] };
  assert.equal(await tableThatLoses(disk, keymap).replace(entry, both), "conflict");
  const fresh = await table.get(entry.id);
  assert.ok(fresh !== undefined);
  await assert.rejects(table.replace(fresh, both), { code: "unavailable", message: /no new data/ });
  await changeDisks(registry, resumeDisk(disk, 3));
  const replaced = await table.replace(fresh, both);
  assert.ok(replaced !== "conflict");
  await changeDisks(registry, emptyDisk(disk, 4));
  assert.ok((await table.replace(replaced, { ...both, state: "sealed" })) !== "conflict");
});
