import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { Put } from "../engine/engine.ts";
import { createLoggedEngine, logPositionOf, putLogPosition } from "../engine/logged-engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { bytesOf, ChangeMaker } from "../engine/suite/rows.suite.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import { findSegments, segmentBytes as segmentBytesOf } from "../extent/log-scan.ts";
import { trimLog } from "../extent/log-trim.ts";
import { listSnapshots, removeSnapshot } from "../extent/snapshot-files.ts";
import { logWriterOf } from "../extent/testing/log-writer.ts";
import type { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { isPending, settle } from "../extent/testing/manual-clock.ts";
import { TestStore } from "../extent/testing/test-store.ts";
import { ZonedDisks } from "../extent/testing/zoned-disks.ts";
import { leftOutSequences } from "../format/commit-record.ts";
import { encodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { logHeaderBytes } from "../format/log-segment.ts";
import { encodeRestoreWindowRow } from "../format/restore-window-row.ts";
import { logQuorumKey, restoreWindowKey } from "../format/row-keys.ts";
import { makeFirstRows } from "../keymap/first-rows.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { IndexSnapshots, snapshotLimits } from "./index-snapshots.ts";

const hash = createHash();

/** An index whose store has its disks in three zones, and the task that makes its snapshots. */
async function zonedIndex(count: number) {
  const store = await TestStore.create(hash, count);
  const zoned = new ZonedDisks(store);
  const { platform, clock } = store;
  const disks = zoned.mounted;
  const segmentBytes = logHeaderBytes + 4 * 512;
  const log = logWriterOf(hash, store, { on: disks, knownDisks: () => count, segmentBytes });
  const rows = createMemoryEngine();
  const index = createLoggedEngine(rows, log, hash);
  await makeFirstRows({ platform, engine: index, engineName: "main", store: disks.store });
  const changes = new ChangeMaker();
  const another = (): IndexSnapshots => new IndexSnapshots({ platform, index, disks });
  const task = another();
  const run = async (one = task): Promise<void> => {
    await clock.advance(snapshotLimits.lookMs);
    while ((await one.step()) === "busy");
    await settle();
  };
  let commits = 0;
  return {
    store,
    zoned,
    rows,
    task,
    commit: (row: Put) => index.commit(changes.put(row)),
    /** The task of another process. */
    another,
    run,
    /** Commits something, and makes a snapshot of it. */
    snapshot: async (): Promise<void> => {
      for (let i = 0; i < 6; i++) {
        const key = bytesOf(`key ${++commits}`);
        await index.commit(changes.put({ key, value: key }));
      }
      task.ask();
      await run();
    },
    isNewest: (path: string): boolean => path.endsWith(".snapshot") && path === newestIn(store),
  };
}

function newestIn(store: TestStore): string {
  const paths = store.memoryDisks.flatMap(({ files }) => [...files.keys()]);
  return (
    paths
      .filter((path) => path.endsWith(".snapshot"))
      .sort()
      .at(-1) ?? ""
  );
}

/** Bytes of files whose names end so. */
function bytesIn(store: TestStore): { readonly log: number; readonly snapshot: number } {
  const of = (end: string): number =>
    store.memoryDisks
      .flatMap(({ files }) => [...files])
      .reduce((sum, [path, { length }]) => sum + (path.endsWith(end) ? length : 0), 0);
  return { log: of(".log"), snapshot: of(".snapshot") };
}

const isFirstSegment = (path: string): boolean => path.endsWith("-1.log");

test("C1: each snapshot of the index stands in three zones, so the loss of any zone leaves two", async () => {
  const { store, zoned, snapshot, isNewest } = await zonedIndex(18);
  for (let round = 0; round < 8; round++) {
    await snapshot();
    assert.deepEqual(zoned.zonesWith(store, isNewest), ["a", "b", "c"]);
    assert.ok(!zoned.placesWith(store, isNewest).includes(0), "not beside the index");
  }
});

test("C5: a disk that hangs while a snapshot is written to it is left out of it", async () => {
  const { store, snapshot, isNewest, zoned } = await zonedIndex(6);
  await snapshot();
  const answer = Promise.withResolvers<void>();
  let hanging: MemoryDisk | undefined;
  for (const disk of store.memoryDisks) {
    disk.before = (operation, path) => {
      const isRows = operation === "write" && (disk.files.get(path)?.length ?? 0) > 0;
      if (!isRows || !path.startsWith("snapshots/")) return;
      hanging ??= disk;
      return disk === hanging ? answer.promise : undefined;
    };
  }
  const before = newestIn(store);
  const running = snapshot();
  for (let seconds = 0; await isPending(running); seconds++) {
    assert.ok(seconds < 120, "the other disks are not held up");
    await store.clock.advance(1000);
  }
  await running;
  assert.notEqual(newestIn(store), before);
  assert.equal(zoned.placesWith(store, isNewest).length, 2);
  const isUnfinished = (path: string): boolean => path.endsWith(".new");
  assert.equal(zoned.placesWith(store, isUnfinished).length, 1);
  answer.resolve();
  await settle();
  assert.equal(zoned.placesWith(store, isUnfinished).length, 0, "it is removed in the end");
});

test("C5: no snapshot is put on a disk that is emptied, out, removed or not there", async () => {
  const { store, zoned, snapshot, isNewest } = await zonedIndex(6);
  zoned.set([1], { 2: "emptying", 4: "out" });
  for (let round = 0; round < 3; round++) {
    await snapshot();
    assert.deepEqual(zoned.placesWith(store, isNewest), [0, 3, 5]);
  }
});

test("C5: a snapshot that lost a copy is made anew where others can take one, not too often", async () => {
  const { store, zoned, task, run, snapshot, isNewest } = await zonedIndex(6);
  await snapshot();
  const lost = must(zoned.placesWith(store, isNewest)[1], "a disk with a copy");
  zoned.set([], { [lost]: "out" });
  await run();
  assert.equal(task.statistics.finished, 1);
  await store.clock.advance(snapshotLimits.renewMs);
  await run();
  assert.equal(task.statistics.finished, 2);
  // Nothing was committed: it has the place of the one before, and stands where that does not.
  assert.ok(zoned.placesWith(store, isNewest).filter((i) => i !== lost).length >= 3);
  await store.clock.advance(snapshotLimits.renewMs);
  await run();
  assert.equal(task.statistics.finished, 2);
});

test("C8: what of the log and the snapshots only the restore window keeps is counted", async () => {
  const { store, task, another, run, snapshot, commit } = await zonedIndex(3);
  const heldIn = ({ statistics }: IndexSnapshots) => statistics.held;
  await snapshot();
  assert.equal(heldIn(task), undefined);
  const window = encodeRestoreWindowRow({ windowMs: 3_600_000, sinceMs: 0 });
  await commit({ key: restoreWindowKey(), value: window });
  await snapshot();
  assert.deepEqual(heldIn(task), { logBytes: 0, snapshotBytes: 0 });
  for (let round = 0; round < 3; round++) await snapshot();
  const held = must(heldIn(task), "a count");
  const later = another();
  await run(later);
  assert.deepEqual(heldIn(later), held, "also as a process begins");
  const sequences = await listSnapshots(must(store.memoryDisks[0], "a disk"));
  const [, kept = 0] = sequences.toSorted((a, b) => b - a);
  assert.equal(sequences.length, 3);
  const before = bytesIn(store);
  // What would be removed if there were no window.
  const { disks, platform } = store;
  const { segments } = await findSegments(hash, disks.store, localLogDisks(hash, disks));
  await trimLog(platform, segments, kept);
  for (const disk of store.memoryDisks) {
    for (const sequence of await listSnapshots(disk)) {
      if (sequence < kept) await removeSnapshot(disk, sequence);
    }
  }
  const after = bytesIn(store);
  assert.deepEqual(held, {
    logBytes: before.log - after.log,
    snapshotBytes: before.snapshot - after.snapshot,
  });
  assert.ok(held.logBytes > 0 && held.snapshotBytes > 0);
});

test("C8: what the window keeps of a writer that ended is not taken for log behind the snapshot", async () => {
  const { store, zoned, rows, snapshot, commit } = await zonedIndex(3);
  const window = encodeRestoreWindowRow({ windowMs: 3_600_000, sinceMs: 0 });
  await commit({ key: restoreWindowKey(), value: window });
  for (let round = 0; round < 2; round++) await snapshot();
  const disks = zoned.mounted;
  const writer = "1".repeat(16);
  const segmentBytes = logHeaderBytes + 4 * 512;
  const log = logWriterOf(hash, store, { on: disks, knownDisks: () => 3, writer, segmentBytes });
  const index = createLoggedEngine(rows, log, hash);
  const task = new IndexSnapshots({ platform: store.platform, index, disks });
  const changes = new ChangeMaker();
  const step = async (): Promise<void> => {
    await store.clock.advance(snapshotLimits.lookMs);
    while ((await task.step()) === "busy");
  };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 6; i++)
      await index.commit(changes.put({ key: bytesOf(`${round} ${i}`), value: bytesOf("") }));
    task.ask();
    await step();
  }
  await step(); // a look
  const { segments } = await findSegments(hash, disks.store, localLogDisks(hash, disks));
  const ofFirst = segments.filter(({ header }) => header.writer !== writer);
  assert.ok(ofFirst.length > 0, "they are kept");
  const own = segments.filter(({ header }) => header.writer === writer);
  const last = must(own.toSorted((a, b) => b.header.ordinal - a.header.ordinal)[0], "a segment");
  assert.equal(task.statistics.logBytes, await segmentBytesOf(last));
});

test("C5: where a disk takes no copy, renewals become rarer", async () => {
  const { store, task, run, snapshot } = await zonedIndex(3);
  must(store.memoryDisks[1], "a disk").before = (operation, path) => {
    if (operation === "create" && path.startsWith("index")) throw new DiskError("full", "no space");
    if (operation === "write" && path.includes(".snapshot"))
      throw new DiskError("full", "no space");
  };
  await snapshot();
  assert.equal(task.statistics.copies, 2);
  const finishedAfter = async (times: number): Promise<number> => {
    await store.clock.advance(times * snapshotLimits.renewMs);
    await run();
    return task.statistics.finished;
  };
  assert.equal(await finishedAfter(1), 2);
  assert.equal(await finishedAfter(1), 2);
  assert.equal(await finishedAfter(1), 3);
  assert.equal(await finishedAfter(2), 3);
});

test("C1: the log is kept behind snapshots that have not two copies on disks that are there", async () => {
  const { store, zoned, snapshot, isNewest } = await zonedIndex(6);
  await snapshot();
  const [, one, other] = zoned.placesWith(store, isNewest);
  const states = { [must(one, "a disk")]: "out", [must(other, "a disk")]: "out" } as const;
  zoned.set([], states);
  await snapshot();
  assert.ok(zoned.placesWith(store, isFirstSegment).length > 0);
  await snapshot();
  assert.deepEqual(zoned.placesWith(store, isFirstSegment), []);
});

test("C1: a process begins with a snapshot where the log began anew, or has lost copies", async () => {
  const { store, zoned, rows, run, snapshot, another, commit } = await zonedIndex(6);
  await snapshot();
  await run();
  const untouched = another();
  await run(untouched);
  assert.equal(untouched.statistics.finished, 0);
  const [one, other] = zoned.placesWith(store, (path) => path.endsWith("-2.log"));
  zoned.set([must(one, "a disk"), must(other, "another")], {});
  const lost = another();
  await run(lost);
  assert.equal(lost.statistics.finished, 1);
  zoned.set([], {});
  const { sequence, checksum } = await logPositionOf(rows);
  await putLogPosition(rows, { sequence: sequence + leftOutSequences, checksum });
  const anew = another();
  await run(anew);
  assert.equal(anew.statistics.finished, 1);
  const [first] = store.disks.disks;
  const value = encodeLogQuorumRow({ domains: [], sole: must(first, "a disk").id });
  await commit({ key: logQuorumKey(), value });
  await run(anew); // what is behind the one before may stand elsewhere
  assert.equal(anew.statistics.finished, 2);
  await run(anew);
  assert.equal(anew.statistics.finished, 2);
});
