import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../base/errors.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { IndexDamage, watchDamage } from "./index-damage.ts";
import { createMemoryEngine } from "./memory-engine.ts";

const corrupt = new StoreError("corrupt", "row 01: checksum mismatch");
const range = { start: Uint8Array.of(1), end: Uint8Array.of(2) };

/** An engine whose next answer is that of a damaged row. */
function damagedEngine() {
  const engine = createMemoryEngine();
  const fail = (): Promise<never> => Promise.reject(corrupt);
  return { ...engine, read: fail, scan: fail, commit: fail };
}

test("C8: damage that a read, a scan or a commit meets leaves a mark on the disk, and its caller gets an error", async () => {
  const calls = [
    (engine: ReturnType<typeof watchDamage>) => engine.read([range.start]),
    (engine: ReturnType<typeof watchDamage>) => engine.scan(range, { limit: 1 }),
    (engine: ReturnType<typeof watchDamage>) =>
      engine.commit({ id: "0" as never, checks: [], puts: [], deletes: [] }),
  ];
  for (const call of calls) {
    const disk = new MemoryDisk();
    const damage = new IndexDamage(createTestPlatform(createHash()), disk);
    const engine = watchDamage(damagedEngine(), damage);
    await assert.rejects(async () => call(engine), corrupt);
    assert.equal(damage.statistics.seen, 1);
    await damage.settled();
    const reader = new IndexDamage(createTestPlatform(createHash()), disk);
    assert.equal((await reader.mark())?.message, corrupt.message);
  }
});

test("C8: a failure that is no damage leaves no mark", async () => {
  const disk = new MemoryDisk();
  const damage = new IndexDamage(createTestPlatform(createHash()), disk);
  const busy = new StoreError("unavailable", "no answer");
  const engine = watchDamage({ ...createMemoryEngine(), read: () => Promise.reject(busy) }, damage);
  await assert.rejects(async () => engine.read([range.start]), busy);
  assert.equal(await damage.mark(), undefined);
});
