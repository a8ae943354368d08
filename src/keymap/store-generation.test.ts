import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { initialiseDataDirectory } from "../extent/data-directories.ts";
import { readDiskGeneration, writeDiskGeneration } from "../extent/disk-generation.ts";
import type { DataDisk } from "../extent/extent-files.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { isPending, ManualClock } from "../extent/testing/manual-clock.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { idOfText, type StoreId } from "../format/ids.ts";
import { createHash } from "../node/platform/hash.ts";
import { commitEarly, makeFirstRows } from "./first-rows.ts";
import {
  advanceGeneration,
  lowestGeneration,
  readStoreRow,
  requireStoreRow,
} from "./store-generation.ts";
import { createTestPlatform } from "./testing/test-platform.ts";

const hash = createHash();
const store = idOfText<StoreId>("5".repeat(32)); // made up

/** Three data directories; the last of them hangs. */
async function withHangingDisk(seen: readonly number[]) {
  const platform = { ...createTestPlatform(hash), clock: new ManualClock() };
  const disks: DataDisk[] = [];
  for (const [i, generation] of seen.entries()) {
    const memory = new MemoryDisk(`/data${i}`);
    const { disk } = await initialiseDataDirectory(
      memory,
      { store, holdsIndex: i === 0 },
      platform.random,
    );
    const place = localDataDisk(hash, disk, memory);
    await writeDiskGeneration(hash, store, place, generation);
    disks.push(place);
    if (i === seen.length - 1) memory.before = () => new Promise(() => undefined);
  }
  /** What the work gives, within seconds. */
  const soon = async <T>(work: Promise<T>): Promise<T> => {
    for (let seconds = 0; await isPending(work); seconds++) {
      assert.ok(seconds < 20, "it does not wait for one disk");
      await platform.clock.advance(1000);
    }
    return work;
  };
  return { platform, disks: { store, disks }, soon };
}

test("C9: generation: a disk that hangs says nothing of it, and the others are believed as ever", async () => {
  const { platform, disks, soon } = await withHangingDisk([4, 5, 9]);
  assert.equal(await soon(lowestGeneration(platform, disks, 0)), 5);
  assert.equal(await soon(lowestGeneration(platform, disks, 7)), 7, "as its start had found");
  const index = createMemoryEngine();
  await makeFirstRows({ platform, engine: index, engineName: "main", store });
  const generation = await soon(lowestGeneration(platform, disks, 0));
  await assert.rejects(requireStoreRow(index, { store, generation }), /older than the data/);
});

test("C9: generation: all disks but one that hangs get the new one, and nobody waits for that", async () => {
  const { platform, disks, soon } = await withHangingDisk([0, 0, 0]);
  const index = createMemoryEngine();
  await makeFirstRows({ platform, engine: index, engineName: "main", store });
  const row = must(await readStoreRow(index), "the first rows");
  const commit: Parameters<typeof advanceGeneration>[0]["commit"] = async (change) =>
    (await commitEarly(platform, index, change)) !== "conflict";
  const next = await soon(advanceGeneration({ platform, disks, commit }, row));
  assert.equal(next, row.generation + 1);
  for (const place of disks.disks.slice(0, 2)) {
    assert.equal(await readDiskGeneration(hash, store, place), next);
  }
  assert.ok(platform.logged.some(({ event }) => event === "generation_not_written"));
});
