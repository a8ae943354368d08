import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine/engine.ts";
import { logPositionOf } from "../engine/logged-engine.ts";
import { createMemoryEngine, type MemoryEngine } from "../engine/memory-engine.ts";
import { allRows } from "../engine/suite/rows.suite.ts";
import type { LogPosition } from "../format/commit-record.ts";
import { createHash } from "../node/platform/hash.ts";
import { copyServedIndex } from "./index-copy.ts";
import { type NewIndex, rollTo } from "./index-recovery.ts";
import { LoggedStore, newIndexOf } from "./testing/logged-store.ts";

const hash = createHash();

const rowsOf = async (engine: Pick<Engine, "read" | "scan">) =>
  (await allRows(engine)).map(({ key, value, stamp }) => [key, value, stamp]);

function assertAt({ position }: NewIndex, { sequence, checksum }: LogPosition): void {
  assert.deepEqual([position.sequence, position.checksum], [sequence, checksum]);
}

/** Where copies are made, and how often one was given up. */
function copies() {
  let rows: MemoryEngine = createMemoryEngine();
  let givenUp = 0;
  return {
    begin: async (): Promise<NewIndex> => {
      rows = createMemoryEngine();
      const index = await newIndexOf(rows);
      return Object.defineProperty(index, "giveUp", { value: async () => void givenUp++ });
    },
    rows: () => rows,
    givenUp: () => givenUp,
  };
}

/** Copies the rows of a store, which go on to be written. */
function copying(logged: LoggedStore, begin: () => Promise<NewIndex>, lagCommitsMax = 0) {
  const { platform, disks } = logged.store;
  return copyServedIndex({ platform, disks, index: logged.rows, lagCommitsMax }, begin);
}

test("C1: index copy: what is committed while the index is copied is in the copy", async () => {
  for (const hasSnapshot of [false, true]) {
    const logged = await LoggedStore.create(hash, 3);
    for (let i = 0; i < 20; i++) await logged.commit(i, i);
    if (hasSnapshot) await logged.snapshot();
    for (let i = 10; i < 30; i++) await logged.commit(i, i + 100);
    const made = copies();
    let more = 0;
    const copy = await copying(logged, async () => {
      const index = await made.begin();
      const apply = index.apply.bind(index);
      const applying: NewIndex["apply"] = async (records) => {
        // By another process, and so in another segment.
        if (more++ < 3) {
          logged.reopen();
          for (let i = 0; i < 9; i++) await logged.commit(50 + i, more);
        }
        await apply(records);
      };
      return Object.defineProperty(index, "apply", { value: applying });
    });
    assert.ok(more > 3, "some was committed meanwhile");
    assertAt(copy, await logPositionOf(logged.rows));
    assert.deepEqual(await rowsOf(made.rows()), await rowsOf(logged.rows));
    // The last commits come once nobody makes more.
    for (let i = 0; i < 9; i++) await logged.commit(i, undefined);
    const { platform, disks } = logged.store;
    const last = await logPositionOf(logged.rows);
    assert.equal((await rollTo({ platform, disks }, copy, last)).commits, 9);
    assert.deepEqual(await rowsOf(made.rows()), await rowsOf(logged.rows));
  }
});

test("C1, C2: index copy: a record that a process left without its commit is not in the copy", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 5; i++) await logged.commit(i, i);
  const before = logged.rows.clone();
  const uncommitted = await logPositionOf(logged.rows);
  await logged.commit(1, 77); // the log has it, and the process dies
  logged.reopen(before);
  const made = copies();
  const copy = await copying(logged, made.begin);
  assertAt(copy, uncommitted);
  assert.deepEqual(await rowsOf(made.rows()), await rowsOf(before));

  // The index as another process sees it goes on otherwise than the log that was read.
  const { platform, disks } = logged.store;
  const elsewhere = { sequence: uncommitted.sequence + 1, checksum: uncommitted.checksum };
  await assert.rejects(rollTo({ platform, disks }, copy, elsewhere), {
    code: "missing",
    message: /the log leads to commit 7, not to commit 7 as the index has it/,
  });
});

test("index copy: one that the log does not lead to is given up, and leaves nothing", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 20; i++) await logged.commit(i, i);
  for (const { files } of logged.store.memoryDisks) {
    for (const path of files.keys()) if (path.endsWith("-2.log")) files.delete(path);
  }
  const made = copies();
  await assert.rejects(copying(logged, made.begin), { code: "missing" });
  assert.equal(made.givenUp(), 1);
});

test("index copy: where writes come faster than it follows it is given up", async () => {
  const logged = await LoggedStore.create(hash, 3);
  await logged.commit(1, 1);
  const made = copies();
  const begin = async (): Promise<NewIndex> => {
    const index = await made.begin();
    const apply = index.apply.bind(index);
    const applying: NewIndex["apply"] = async (records) => {
      await apply(records);
      await logged.commit(1, 2);
    };
    return Object.defineProperty(index, "apply", { value: applying });
  };
  await assert.rejects(copying(logged, begin), { code: "overloaded" });
  assert.equal(made.givenUp(), 1);
});
