import assert from "node:assert/strict";
import { renameSync, statSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { ScrubbedStore, stopInTime } from "../../node/testing/scrubbed-store.ts";
import { memberFileBytes } from "../extents/extent-health.ts";
import { putChunks, read } from "../testing/objects.ts";

// A disk that was away for a time, where no other takes what it missed: that is noted in the rows
// of extents, as a hint that is kept, and is made on it once it is back. (Elsewhere another disk
// gets it at once.)

const contentOf = (name: string): string => `${name} is its name;`.repeat(200);
const names = (prefix: string): string[] => Array.from({ length: 10 }, (_, i) => `${prefix} ${i}`);

/** When each file of these extents was last written. */
function writtenMs(store: ScrubbedStore, entries: readonly ExtentEntry[]): number[] {
  return entries.flatMap((entry) =>
    entry.row.members.map((_, member) => statSync(store.pathOf(entry, member)).mtimeMs),
  );
}

function whole({ row }: ExtentEntry): boolean {
  return row.members.every(({ state }) => state === "whole");
}

test("C8: a disk that is back after a time away gets what it missed, soon, and nothing else", async () => {
  const put = async (front: Parameters<typeof putChunks>[0], prefix: string): Promise<void> => {
    for (const name of names(prefix)) await putChunks(front, name, [contentOf(name)]);
  };
  await using store = await ScrubbedStore.create({
    disks: 3,
    extentBytes: 256 * 1024,
    fill: (front) => put(front, "before"),
  });
  const front = await store.machine.start("front-end");
  await put(front, "while it is there");
  const isOpen = ({ row }: ExtentEntry): boolean => row.state === "open";
  const open = must((await store.entries()).find(isOpen), "an extent that is written");
  const { disk } = must(open.row.members[1], "a member");
  const directory = store.directoryOf(open, 1);
  renameSync(directory, `${directory} away`);
  await put(front, "while it is away");
  await stopInTime(front);
  await store.machine.platform.clock.advance(5000);
  await store.tasks.runUntilIdle();

  const { counters } = store.tasks;
  assert.equal(counters.membersRepaired, 0, "no other disk takes them");
  const missed = (await store.entries()).filter((entry) => !whole(entry));
  assert.ok(missed.length > 0);
  for (const { row } of missed) {
    const bad = row.members.filter(({ state }) => state !== "whole");
    assert.deepEqual(
      bad.map((one) => one.disk),
      [disk],
    );
  }
  renameSync(`${directory} away`, directory);
  const hasAll = ({ row }: ExtentEntry): boolean => row.members.length === 3;
  const others = (await store.entries()).filter((entry) => whole(entry) && hasAll(entry));
  assert.ok(others.length > 0);
  const before = writtenMs(store, others);
  await store.machine.platform.clock.advance(3000);
  await store.tasks.runUntilIdle();

  assert.equal(counters.membersRepaired, missed.length);
  const missedBytes = missed.reduce((sum, { row }) => sum + memberFileBytes(row), 0);
  assert.equal(counters.bytesRepaired, missedBytes);
  const after = await store.entries();
  assert.ok(after.every(whole));
  assert.deepEqual(writtenMs(store, others), before);
  await store.scrub();
  assert.equal(counters.membersFoundBad, 0);
  for (const prefix of ["before", "while it is there", "while it is away"]) {
    for (const name of names(prefix))
      assert.equal(await read(store.process, name), contentOf(name));
  }
});
