import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Engine } from "../engine/engine.ts";
import { testEngine } from "../engine/engine.suite.ts";
import { replayOf } from "../engine/logged-engine.ts";
import { allRows } from "../engine/suite/rows.suite.ts";
import { storeIdentityFile } from "../format/data-directory.ts";
import { logHeaderBytes } from "../format/log-segment.ts";
import { TestStore } from "../extent/testing/test-store.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { rollForward } from "./index-recovery.ts";
import { LoggedStore } from "./testing/logged-store.ts";

const hash = createHash();

const rowsOf = async (engine: Pick<Engine, "read" | "scan">) =>
  (await allRows(engine)).map(({ key, value, stamp }) => [key, value, stamp]);

testEngine(
  "memory with a commit log",
  async () => {
    const { engine } = new LoggedStore(hash, await TestStore.create(hash, 3));
    return { engine, dispose: () => engine.close() };
  },
  { modelRuns: 30, unknown: { missing: "its log does not fail" } },
);

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ key: fc.nat(12), value: fc.option(fc.nat(99), { nil: undefined }) }),
  },
  { weight: 2, arbitrary: fc.constant("snapshot" as const) },
  { weight: 1, arbitrary: fc.constant("process" as const) },
  { weight: 1, arbitrary: fc.constant("lose" as const) },
  { weight: 1, arbitrary: fc.record({ failing: fc.nat(3) }) },
);

test("C1: whatever is committed, the index made again from snapshot and log is the one that was", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 4 }),
      fc.array(step, { maxLength: 40 }),
      async (count, steps) => {
        const logged = await LoggedStore.create(hash, count);
        const { memoryDisks } = logged.store;
        const heal = () => memoryDisks.forEach((disk) => (disk.before = () => undefined));
        for (const one of steps) {
          if (one === "snapshot") await logged.snapshot();
          else if (one === "process") logged.reopen();
          else if (one === "lose") logged.reopen(await logged.rebuilt());
          else if ("key" in one) await logged.commit(one.key, one.value);
          else {
            heal();
            const disk = memoryDisks[one.failing];
            if (disk === undefined) continue;
            disk.before = (operation) => {
              if (operation !== "read" && operation !== "open" && operation !== "list")
                throw new DiskError("io", "broken");
            };
          }
        }
        const now = await rowsOf(logged.rows);
        assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
        for (let i = 0; i < count; i++) {
          assert.deepEqual(await rowsOf(await logged.rebuilt([i])), now, `without disk ${i + 1}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("C1: an index that is behind is moved forward to where its log ends", async () => {
  const logged = await LoggedStore.create(hash, 3);
  await logged.commit(1, 1);
  const before = logged.rows.clone();
  for (let i = 0; i < 10; i++) await logged.commit(i, i);
  const { platform, disks } = logged.store;
  const forward = await rollForward({ platform, disks }, await replayOf(before));
  assert.equal(forward.commits, 10);
  assert.deepEqual(await rowsOf(before), await rowsOf(logged.rows));
  const again = await rollForward({ platform, disks }, await replayOf(before));
  assert.equal(again.commits, 0);
});

test("C1: where the log has a gap, or begins too late, no index is made", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 20; i++) await logged.commit(i, i);
  const removeFirst = (ordinal: number) => {
    for (const { files } of logged.store.memoryDisks) {
      for (const path of files.keys()) if (path.endsWith(`-${ordinal}.log`)) files.delete(path);
    }
  };
  removeFirst(2);
  await assert.rejects(logged.rebuilt(), {
    code: "missing",
    message: /a gap: commit 6 is known, and commit 13/,
  });
  removeFirst(1);
  await assert.rejects(logged.rebuilt(), { code: "missing" });
});

test("C1: a damaged snapshot is passed over, and the one before and the log are enough", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 5; i++) await logged.commit(i, i);
  await logged.snapshot();
  for (let i = 5; i < 9; i++) await logged.commit(i, i);
  await logged.snapshot();
  for (let i = 9; i < 12; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  for (const { files } of logged.store.memoryDisks) {
    const [, newest = ""] = [...files.keys()].filter((path) => path.endsWith(".snapshot")).sort();
    const bytes = files.get(newest);
    assert.ok(bytes !== undefined);
    bytes[bytes.length - 40]! ^= 1;
  }
  assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
});

test("C1: what is trimmed is in two snapshots, and an index of before is made anew", async () => {
  const logged = await LoggedStore.create(hash, 3);
  const old = logged.rows.clone();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await logged.commit(i, round);
    await logged.snapshot();
  }
  const paths = logged.store.memoryDisks.flatMap(({ files }) => [...files.keys()]);
  assert.equal(paths.filter((path) => path.endsWith(".snapshot")).length, 6);
  assert.equal(paths.filter((path) => path.endsWith("-1.log")).length, 0);
  const { platform, disks } = logged.store;
  await assert.rejects(rollForward({ platform, disks }, await replayOf(old)), { code: "missing" });
  assert.deepEqual(await rowsOf(await logged.rebuilt()), await rowsOf(logged.rows));
});

/** The copy of this segment on a disk, whose records all stand in one sector. */
function spoilRecords(logged: LoggedStore, disk: number, ordinal: number): void {
  const on = logged.store.memoryDisks[disk];
  const path = [...(on?.files.keys() ?? [])].find((name) => name.endsWith(`-${ordinal}.log`));
  assert.ok(on !== undefined && path !== undefined);
  on.spoilSector(path, logHeaderBytes);
}

test("C1: an index is made again where each copy of its log has other sectors that cannot be read", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 30; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  for (const disk of [0, 1, 2]) spoilRecords(logged, disk, 2 + disk);
  const [first] = logged.store.memoryDisks;
  const [path = ""] = [...first!.files.keys()].filter((name) => name.endsWith("-1.log"));
  first!.spoilSector(path, 0); // the header of another copy
  assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
  const recordsAtOnce = 4; // less than a segment has
  assert.deepEqual(await rowsOf(await logged.rebuilt([], { recordsAtOnce })), now);
});

test("C1: sectors at the end of the log that cannot be read on one disk hide nothing, and on two may", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 5; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  const behind = (disk: number): void => {
    const on = logged.store.memoryDisks[disk];
    const path = [...(on?.files.keys() ?? [])].findLast((name) => name.endsWith(".log"));
    on!.spoilSector(path!, logHeaderBytes + 4 * 4096);
  };
  behind(1);
  assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
  behind(2);
  await assert.rejects(logged.rebuilt(), { code: "unavailable" });
});

test("C1: a header of the log that cannot be read hides nothing where its segment ended, and may in the last one", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 30; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  const on = logged.store.memoryDisks[1];
  const names = [...(on?.files.keys() ?? [])].filter((name) => name.endsWith(".log"));
  const header = (ordinal: number): void => {
    const path = names.find((name) => name.endsWith(`-${ordinal}.log`));
    assert.ok(on !== undefined && path !== undefined);
    on.spoilSector(path, 0);
  };
  header(1);
  assert.deepEqual(await rowsOf(await logged.rebuilt([2])), now);
  header(names.length);
  assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
  await assert.rejects(logged.rebuilt([2]), { code: "unavailable" });
});

test("C1: one data directory may be unreadable, and not two: they could have what no other has", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 5; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  const [a, b] = logged.store.memoryDisks;
  assert.ok(a !== undefined && b !== undefined);
  const breakAt = (disk: typeof a, operation: string) => {
    disk.before = (asked, path) => {
      if (asked === operation && path.startsWith("log")) throw new DiskError("io", "broken");
    };
  };
  for (const operation of ["list", "open", "read"]) {
    breakAt(a, operation);
    assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
    breakAt(b, operation);
    await assert.rejects(logged.rebuilt(), { code: "unavailable", message: /cannot be read on 2/ });
    b.before = () => undefined;
  }
});

test("C1: a data directory that was emptied, or is another disk, counts as one that is not read", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 5; i++) await logged.commit(i, i);
  const now = await rowsOf(logged.rows);
  const [a, b, c] = logged.store.memoryDisks;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  a.files.clear();
  assert.deepEqual(await rowsOf(await logged.rebuilt()), now);
  b.replace(storeIdentityFile, c.bytesOf(storeIdentityFile));
  await assert.rejects(logged.rebuilt(), { code: "unavailable", message: /cannot be read on 2/ });
});
