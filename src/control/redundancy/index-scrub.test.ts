import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { equalBytes } from "../../base/bytes.ts";
import { allRows } from "../../engine/suite/rows.suite.ts";
import { MeteredDisks, TransferMeter } from "../../extent/metered-disks.ts";
import { settle } from "../../extent/testing/manual-clock.ts";
import type { MemoryDisk } from "../../extent/testing/memory-disk.ts";
import { logHeaderBytes } from "../../format/log-segment.ts";
import { openKeymap } from "../../keymap/open-keymap.ts";
import { changeWorkOrder } from "../../keymap/work-orders.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import { LoggedStore } from "../../server/testing/logged-store.ts";
import { IndexSnapshots } from "../index-snapshots.ts";
import { IndexScrub } from "./index-scrub.ts";

const hash = createHash();
const { signal } = new AbortController();
const everyMs = 14 * 24 * 3_600_000;
/** Longer than a segment may still be open. */
const restMs = 11 * 60_000;

/** More than a segment holds. */
const aheadBytes = 8 * 512;

/** A store whose log has some segments behind the older of two snapshots, each on all disks. */
async function scrubbedStore(diskCount = 3) {
  const logged = await LoggedStore.create(hash, diskCount, aheadBytes);
  const { platform, disks, clock, memoryDisks } = logged.store;
  const { store } = disks;
  const engines = new Map([["main", logged.engine]]);
  const keymap = await openKeymap({ platform, engines, role: "background", store, generation: 0 });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await logged.commit(i, round);
    if (round < 2) await logged.snapshot();
  }
  // Another writer has ended these segments.
  clock.setWall(restMs);
  const snapshots = new IndexSnapshots({ platform, index: logged.engine, disks });
  const open = (): IndexScrub => {
    const meter = new TransferMeter();
    const metered = new MeteredDisks(disks, meter);
    const index = logged.engine;
    const options = { platform, index, disks: metered, meter, keymap, snapshots, everyMs };
    return new IndexScrub({ ...options, bytesPerCommit: 1 });
  };
  const scrub = open();
  const order = (change: Parameters<typeof changeWorkOrder>[2]): Promise<void> =>
    changeWorkOrder(keymap, { task: "scrub", disk: undefined }, change);
  return {
    logged,
    memoryDisks,
    clock,
    scrub,
    open,
    order,
    /** Reads everything once, from now on; what the round counted. */
    round: async (by = scrub) => {
      clock.setWall(1);
      await order((before) => ({ ...before, beginMs: clock.now() }));
      for (let steps = 0; (await by.step(signal)) !== "idle"; steps++) assert.ok(steps < 1000);
      await settle();
      const row = must(by.statistics().row, "a round");
      const { bad, mended, lost } = row;
      assert.equal(row.isDone, true);
      return { bad, mended, lost };
    },
    makeSnapshot: async (): Promise<void> => {
      while ((await snapshots.step()) === "busy");
    },
    events: (name: string): number =>
      logged.store.logged.filter(({ event }) => event === name).length,
  };
}

const pathsOf = (disk: MemoryDisk, kind: "log" | "snapshots"): string[] =>
  [...disk.files.keys()].filter((path) => path.startsWith(`${kind}/`)).toSorted();

const segment = (ordinal: number): string => `log/0000000000000001-${ordinal}.log`;

const clean = { bad: 0, mended: 0, lost: 0 };

/** Everything that a segment holds behind its header. */
const recordsIn = (disk: MemoryDisk, path: string): Uint8Array => {
  const bytes = disk.bytesOf(path).subarray(logHeaderBytes);
  return bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
};

function contentsOf(disks: readonly MemoryDisk[]): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  for (const disk of disks) {
    for (const path of pathsOf(disk, "log")) {
      contents.set(`${disk.name}/${path}`, recordsIn(disk, path));
    }
    for (const path of pathsOf(disk, "snapshots")) {
      contents.set(`${disk.name}/${path}`, disk.bytesOf(path).slice());
    }
  }
  return contents;
}

/** All is there that was before; the last segment may have grown. */
function assertHeld(disks: readonly MemoryDisk[], before: ReadonlyMap<string, Uint8Array>): void {
  const after = contentsOf(disks);
  for (const [path, bytes] of before) {
    assert.ok(
      equalBytes((after.get(path) ?? new Uint8Array(0)).slice(0, bytes.length), bytes),
      path,
    );
  }
}

function flip(disk: MemoryDisk | undefined, path: string | undefined, at: number): void {
  const bytes = must(disk, "a disk").bytesOf(must(path, "a file"));
  bytes[at]! ^= 0x10;
}

test("C5: index scrub mends copies of the log of which each has other sectors that cannot be read", async () => {
  const { memoryDisks, round, scrub, logged } = await scrubbedStore();
  const before = contentsOf(memoryDisks);
  for (const [i, disk] of memoryDisks.entries()) disk.spoilSector(segment(6 + i), logHeaderBytes);
  memoryDisks[0]?.spoilSector(segment(9), 0); // a header
  assert.deepEqual(await round(), { bad: 4, mended: 4, lost: 0 });
  assertHeld(memoryDisks, before);
  const damaged = memoryDisks.map((_, i) => {
    return scrub.statistics().damaged.get(must(logged.store.diskIds[i], "a disk"));
  });
  assert.deepEqual(damaged, [2, 1, 1]);
  for (const disk of memoryDisks) {
    for (const path of pathsOf(disk, "log")) {
      disk.assertReadable(path, 0, disk.bytesOf(path).length);
    }
  }
  assert.deepEqual(await round(), clean);
});

test("C4, C5: index scrub finds a flipped bit anywhere in the log and in snapshots, and mends it", async () => {
  const { memoryDisks, round, scrub, logged } = await scrubbedStore();
  assert.deepEqual(await round(), clean);
  const before = contentsOf(memoryDisks);
  const [a, b, c] = memoryDisks;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  flip(a, segment(6), logHeaderBytes + 4 * 512 + 40);
  flip(b, segment(7), logHeaderBytes + 3);
  flip(c, segment(8), logHeaderBytes + 6 * 512 - 1);
  flip(b, segment(9), 20); // its header
  const [older, newer] = pathsOf(a, "snapshots");
  flip(a, older, 20); // its head
  flip(b, older, 700);
  flip(c, newer, 200);
  assert.deepEqual(await round(), { bad: 7, mended: 7, lost: 0 });
  assertHeld(memoryDisks, before);
  const damaged = [...scrub.statistics().damaged.values()];
  assert.deepEqual(
    damaged.toSorted((x, y) => x - y),
    [2, 2, 3],
  );
  assert.deepEqual(await round(), clean);
  for (const without of [[0], [1], [2], [0, 1], [1, 2]]) {
    const rebuilt = await logged.rebuilt(without);
    assert.deepEqual(await allRows(rebuilt), await allRows(logged.rows));
  }
});

test("C5: index scrub makes copies anew that are missing or short, and blames no disk for it", async () => {
  const { memoryDisks, round, scrub } = await scrubbedStore();
  const before = contentsOf(memoryDisks);
  const [a, b, c] = memoryDisks;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  a.files.delete(segment(6));
  b.files.set(segment(7), b.bytesOf(segment(7)).slice(0, logHeaderBytes + 3 * 512 + 100));
  c.bytesOf(segment(8)).fill(0, logHeaderBytes + 4 * 512); // never written
  assert.deepEqual(await round(), { bad: 3, mended: 3, lost: 0 });
  assertHeld(memoryDisks, before);
  assert.equal(scrub.statistics().damaged.size, 0);
  assert.deepEqual(await round(), clean);
});

test("C1: a segment that is written goes on while a copy is behind; mended later, it takes no more", async () => {
  const { logged, memoryDisks, round, clock } = await scrubbedStore();
  for (let i = 0; i < 5; i++) await logged.commit(i, 100 + i);
  const [a] = memoryDisks;
  const last = must(
    pathsOf(must(a, "a disk"), "log")
      .toSorted((x, y) => x.length - y.length || (x < y ? -1 : 1))
      .at(-1),
    "a segment",
  );
  const bytes = must(a, "a disk").bytesOf(last);
  const end = logHeaderBytes + recordsIn(must(a, "a disk"), last).length;
  clock.setWall(-restMs);
  bytes.fill(0, Math.floor((end - 1) / 512) * 512);
  assert.deepEqual(await round(), clean);
  clock.setWall(2 * restMs);
  assert.deepEqual(await round(), { bad: 1, mended: 1, lost: 0 });
  await logged.commit(1, 1);
  assert.deepEqual(await round(), clean);
  const rebuilt = await logged.rebuilt([1, 2]);
  assert.deepEqual(await allRows(rebuilt), await allRows(logged.rows));
});

test("C5: where no copy of a record is good another snapshot is made, behind which it is not needed", async () => {
  const { logged, memoryDisks, round, makeSnapshot, events } = await scrubbedStore();
  // Behind the older snapshot and before the newer one.
  for (const disk of memoryDisks) flip(disk, segment(6), logHeaderBytes + 2 * 512 + 30);
  const { lost } = await round();
  assert.deepEqual([lost, events("log_record_lost")], [1, 1]);
  const newest = pathsOf(must(memoryDisks[0], "a disk"), "snapshots").at(-1);
  await makeSnapshot();
  for (const disk of memoryDisks) assert.equal(pathsOf(disk, "snapshots")[0], newest);
  assert.deepEqual(await round(), clean);
  for (const disk of memoryDisks) flip(disk, pathsOf(disk, "snapshots").at(-1), 300);
  assert.deepEqual(await allRows(await logged.rebuilt()), await allRows(logged.rows));
});

test("C5: a snapshot without a good copy counts as none: another is made, and it goes", async () => {
  const { logged, memoryDisks, round, makeSnapshot } = await scrubbedStore();
  const [older, newer] = pathsOf(must(memoryDisks[0], "a disk"), "snapshots");
  for (const disk of memoryDisks) flip(disk, newer, 300);
  assert.deepEqual(await round(), { bad: 3, mended: 0, lost: 1 });
  await makeSnapshot();
  for (const disk of memoryDisks) {
    const paths = pathsOf(disk, "snapshots");
    assert.ok(paths.length === 2 && paths[0] === older && paths[1] !== newer, paths.join(" "));
  }
  assert.deepEqual(await round(), clean);
  for (const disk of memoryDisks) flip(disk, pathsOf(disk, "snapshots").at(-1), 300);
  assert.deepEqual(await allRows(await logged.rebuilt()), await allRows(logged.rows));
});

test("C8: index scrub takes no copy for damaged since its disk gives no answer", async () => {
  const { memoryDisks, round, events } = await scrubbedStore();
  memoryDisks[1]!.before = (_, path) => {
    if (path.startsWith("snapshots/")) throw new DiskError("no_answer", "it hangs");
  };
  assert.deepEqual(await round(), { bad: 0, mended: 0, lost: 0 });
  assert.equal(events("snapshot_damaged"), 0);
});

test("C9: index scrub leaves a file alone that nothing shows to be a copy", async () => {
  const { memoryDisks, round, events } = await scrubbedStore();
  const [a, b] = memoryDisks;
  assert.ok(a !== undefined && b !== undefined);
  const [older = ""] = pathsOf(b, "snapshots");
  const unknown = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 37) & 0xff);
  a.files.set(segment(6), unknown.slice());
  b.files.set(older, unknown.slice());
  // Of another directory: its header says so.
  b.files.set(segment(7), a.bytesOf(segment(7)).slice());
  assert.deepEqual(await round(), { bad: 3, mended: 0, lost: 0 });
  assert.deepEqual([a.bytesOf(segment(6)), b.bytesOf(older)], [unknown, unknown]);
  assert.deepEqual(b.bytesOf(segment(7)), a.bytesOf(segment(7)));
  assert.deepEqual([events("log_segment_kept"), events("snapshot_kept")], [1, 1]);
});

test("C8: index scrub goes on where it was after a restart, rests while it is paused, and keeps its pace", async () => {
  const { scrub, open, order, clock, memoryDisks } = await scrubbedStore();
  let reads = 0;
  for (const disk of memoryDisks) {
    disk.before = (operation, path) => {
      if (operation === "read" && path === segment(6)) reads++;
    };
  }
  clock.setWall(1);
  await order((before) => ({ ...before, beginMs: clock.now() }));
  for (let steps = 0; steps < 3; steps++) assert.equal(await scrub.step(signal), "busy");
  await scrub.close();
  const second = open();
  await order((before) => ({ ...before, isPaused: true }));
  assert.equal(await second.step(signal), "paused");
  const readsBefore = reads;
  reads = 0;
  await order((before) => ({ ...before, isPaused: false }));
  while ((await second.step(signal)) === "busy");
  assert.equal(second.statistics().row?.isDone, true);
  // Nothing but headers is read of what was read before.
  assert.ok(reads < readsBefore, `${reads} reads, and ${readsBefore} before`);
  // The next round begins by itself, and is spread over time.
  clock.setWall(everyMs / 2);
  assert.equal(await second.step(signal), "busy");
  assert.equal(second.statistics().isAsked, false);
  assert.equal(await second.step(signal), "throttled");
  await clock.advance(60_000);
  assert.equal(await second.step(signal), "busy");
});
