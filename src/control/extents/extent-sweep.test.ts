import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ExtentRow, MemberFile } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { createHash } from "../../node/platform/hash.ts";
import { makeBucket, putChunks, read, remove } from "../testing/objects.ts";
import {
  createTestMachine,
  type TestMachine,
  type TestProcess,
  type TestTasks,
  tasksOf,
} from "../testing/processes.ts";

const hash = createHash();

/** A background process that finds extents of which nothing is referred to, and one more object. */
async function withGarbage(): Promise<{
  machine: TestMachine;
  background: TestProcess;
  tasks: TestTasks;
}> {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "kept", ["kept"]);
  for (const name of ["a", "b"]) await putChunks(front, name, [name.repeat(1000)]);
  for (const name of ["a", "b"]) await remove(front, name);
  await front.stop();
  const background = await machine.start("background");
  return { machine, background, tasks: tasksOf(machine, background) };
}

const otherFile = ({ row }: ExtentEntry): MemberFile => {
  return { layout: 7, scheme: row.scheme, member: 0, disk: row.members[0]!.disk };
};

/**
 * Has each extent changed by others just before it is dropped for the first time; the list gets the
 * rows that were committed for extents being dropped.
 */
function changeFirst(
  { table }: TestProcess,
  change: (entry: ExtentEntry) => Partial<ExtentRow>,
): { readonly changed: Set<ExtentId>; readonly dropping: ExtentRow[] } {
  const changed = new Set<ExtentId>();
  const dropping: ExtentRow[] = [];
  const replace = table.replace.bind(table);
  table.replace = async (entry, row) => {
    if (row.state === "dropping" && !changed.has(entry.id)) {
      changed.add(entry.id);
      const others = await replace(entry, { ...entry.row, ...change(entry) });
      assert.notEqual(others, "conflict");
    }
    const replaced = await replace(entry, row);
    if (row.state === "dropping" && replaced !== "conflict") dropping.push(replaced.row);
    return replaced;
  };
  return { changed, dropping };
}

test("C5: an extent that others change as it is dropped keeps what they noted of its files", async () => {
  const { background, tasks } = await withGarbage();
  const { changed, dropping } = changeFirst(background, (entry) => {
    return { leaving: [otherFile(entry)], leavingMs: 1, deadBytes: 99 };
  });
  await tasks.runUntilIdle();
  assert.ok(changed.size > 0);
  assert.equal(dropping.length, changed.size);
  for (const { leaving, deadBytes } of dropping) {
    assert.deepEqual([leaving.map(({ layout }) => layout), deadBytes], [[7], 99]);
  }
  assert.equal(tasks.counters.extentsCompacted, changed.size);
  assert.equal(await read(background, "kept"), "kept");
});

test("C5: an extent is not dropped while files of it are being made", async () => {
  const { background, tasks } = await withGarbage();
  const { changed, dropping } = changeFirst(background, (entry) => {
    return { coming: [otherFile(entry)], comingBy: background.keymap.session.id };
  });
  await tasks.runUntilIdle();
  assert.ok(changed.size > 0);
  // No task of this process makes them: they are given up first.
  assert.equal(dropping.length, changed.size);
  assert.ok(dropping.every(({ coming }) => coming.length === 0));
  assert.equal(tasks.counters.extentsCompacted, changed.size);
});
