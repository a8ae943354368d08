import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { recordAfter } from "../engine/commit-log.ts";
import { firstLogPosition } from "../format/commit-record.ts";
import type { DiskLabels } from "../format/disk-labels.ts";
import { type DiskRow, newDiskRow } from "../format/disk-row.ts";
import type { DiskId } from "../format/ids.ts";
import { encodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { logWriterOf } from "./testing/log-writer.ts";
import { settle } from "./testing/manual-clock.ts";
import { TestStore } from "./testing/test-store.ts";
import { localLogDisks } from "./local-log-members.ts";
import { planLogQuorum, logQuorumOf } from "./log-quorum.ts";
import { findRecords, findSegments } from "./log-scan.ts";

const hash = createHash();

/** Labels of the disks, the one with the index first. */
const topologies: Readonly<Record<string, readonly DiskLabels[]>> = {
  "two disks": [{}, {}],
  "three disks": [{}, {}, {}],
  "four disks": [{}, {}, {}, {}],
  "three zones of two": ["a", "a", "b", "b", "c", "c"].map((zone) => ({ zone })),
  "three zones, one of the index alone": ["a", "b", "b", "c", "c"].map((zone) => ({ zone })),
  "two zones, four racks": ["a1", "a1", "a2", "b1", "b2", "b2"].map(([zone = "", rack = ""]) => {
    return { zone, rack };
  }),
};

async function storeOf(labels: readonly DiskLabels[]) {
  const store = await TestStore.create(hash, labels.length);
  const rows = store.disks.disks.map(({ id }, i) => {
    return newDiskRow({ disk: id, addedMs: 0, name: `/d${i}`, labels: labels[i] ?? {} });
  });
  return { store, rows };
}

/** Where a record stands that a writer was asked for while only some disks work. */
async function appendOn(labels: readonly DiskLabels[], works: (i: number) => boolean) {
  const { store, rows } = await storeOf(labels);
  const row = must(planLogQuorum(rows, rows[0]!.disk), "a quorum");
  for (const [i, disk] of store.memoryDisks.entries()) {
    disk.before = (operation) => {
      if (!works(i) && operation !== "read" && operation !== "open" && operation !== "list")
        throw new DiskError("io", "broken");
    };
  }
  const writer = logWriterOf(hash, store);
  const { bytes } = recordAfter({ log: writer, hash }, firstLogPosition, []);
  const isAnswered = await writer.append(1, bytes, encodeLogQuorumRow(row)).then(
    () => true,
    () => false,
  );
  await settle();
  const disks = localLogDisks(hash, store.disks);
  const { segments } = await findSegments(hash, store.disks.store, disks);
  const { records } = await findRecords(hash, segments, firstLogPosition);
  const on = records.flatMap(({ places }) => places.map(({ segment }) => segment.on.id));
  return { row, rows, isAnswered, on };
}

const subsetsOf = (count: number): ((i: number) => boolean)[] =>
  Array.from({ length: 2 ** count }, (_, bits) => (i: number) => ((bits >> i) & 1) === 1);

test("C1: the log is whole without some disks exactly where no record was answered for on those alone", async () => {
  for (const [name, labels] of Object.entries(topologies)) {
    const appended = await Promise.all(
      subsetsOf(labels.length).map((works) => appendOn(labels, works)),
    );
    for (const [bits, isMissing] of subsetsOf(labels.length).entries()) {
      const { row, rows } = appended[bits]!;
      const missing = rows.filter((_, i) => isMissing(i)).map(({ disk }) => disk);
      const isSure = !logQuorumOf(row, rows.length).isMet(missing);
      const couldHide = appended.some(({ isAnswered, on }) => {
        return isAnswered && on.every((disk) => missing.includes(disk));
      });
      assert.equal(isSure, !couldHide, `${name}, missing ${bits.toString(2)}`);
    }
  }
});

/** True if the log is whole without these disks, by their places. */
async function isSureWithout(labels: readonly DiskLabels[], missing: readonly number[]) {
  const { rows } = await storeOf(labels);
  const row = planLogQuorum(rows, rows[0]!.disk);
  return !logQuorumOf(row, rows.length).isMet(missing.map((i) => rows[i]!.disk));
}

test("log quorum: a whole zone and the disk of the index may be missing, and no more", async () => {
  const zones = topologies["three zones of two"]!;
  assert.ok(await isSureWithout(zones, [0, 2, 3]));
  assert.ok(await isSureWithout(zones, [0, 1]));
  assert.ok(!(await isSureWithout(zones, [1, 2])));
  assert.ok(!(await isSureWithout(zones, [0, 2, 3, 4])));
});

test("log quorum: of two disks the one with the index has all, and of three any two", async () => {
  const [two = [], three = []] = [topologies["two disks"], topologies["three disks"]];
  assert.ok(await isSureWithout(two, [1]));
  assert.ok(!(await isSureWithout(two, [0])));
  for (const missing of [[0], [1], [2]]) assert.ok(await isSureWithout(three, missing));
  assert.ok(!(await isSureWithout(three, [0, 1])));
});

test("log quorum: disks that leave are in none, where three others are there; of one disk there is none", async () => {
  const { rows } = await storeOf(topologies["four disks"]!);
  const inState = (states: readonly DiskRow["state"][]): DiskRow[] =>
    rows.map((row, i) => ({ ...row, state: states[i] ?? row.state }));
  const disksOf = (states: readonly DiskRow["state"][]): number[] | undefined => {
    const planned = planLogQuorum(inState(states), rows[0]!.disk);
    return planned?.domains.flat().map((id: DiskId) => rows.findIndex(({ disk }) => disk === id));
  };
  assert.deepEqual(disksOf(["active", "out"]), [0, 2, 3]);
  assert.deepEqual(disksOf(["active", "out", "emptying"]), [0, 1, 2, 3]);
  assert.deepEqual(disksOf(["active", "removed"]), [0, 2, 3]);
  assert.equal(disksOf(["active", "removed", "removed", "removed"]), undefined);
});
