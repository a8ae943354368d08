import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal, refuse } from "../base/refusal.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import {
  decodeBucketFenceRow,
  decodeBucketRow,
  encodeBucketRow,
  type VersioningState,
} from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketFenceKey, bucketKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import { putFences, removeFences } from "./bucket-lifecycle.ts";
import { finishVersioning, applyVersioning } from "./bucket-versioning.ts";
import type { Keymap, Partition } from "./keymap.ts";
import { openTestKeymap } from "./testing/open-test-keymap.ts";
import { createTestPlatform } from "./testing/test-platform.ts";
import { readRow } from "../engine/engine.ts";

const platform = createTestPlatform(createHash());
const id = 1 as BucketId;
const key = bucketKey(encodeUtf8("photos"));
const place = { key, id };

async function openWithBucket(): Promise<Keymap> {
  const engines = new Map([["index", createMemoryEngine()]]);
  const keymap = await openTestKeymap({ platform, engines, role: "tool" });
  await putFences(keymap, id);
  const row = { id, createdMs: 1, owner: "o", account: "a", region: "r" };
  const numbers = { lastVersioningNumber: 0, versioningNumber: 0 };
  const value = encodeBucketRow({ ...row, versioning: "off", ...numbers });
  const change = { checks: [], puts: [{ key, value }], deletes: [] };
  await keymap.system.commit({ id: keymap.session.nextChangeId(), ...change });
  return keymap;
}

/** The state by which commits act, and the one that is shown. */
async function statesOf(keymap: Keymap): Promise<VersioningState[]> {
  const fence = await readRow(keymap.partitions[0]!, bucketFenceKey(id));
  const row = await readRow(keymap.system, key);
  return [decodeBucketFenceRow(fence!.value).versioning, decodeBucketRow(row!.value).versioning];
}

/** A keymap in whose n-th step (a read or commit, from 0) something else goes first. */
function interrupted(keymap: Keymap, n: number, act: () => Promise<void>): Keymap {
  let steps = 0;
  const wrap = (partition: Partition): Partition => ({
    id: partition.id,
    scan: (range, options) => partition.scan(range, options),
    inSnapshot: (read) => partition.inSnapshot(read),
    async read(keys) {
      if (steps++ === n) await act();
      return partition.read(keys);
    },
    async commit(change) {
      if (steps++ === n) await act();
      return partition.commit(change);
    },
  });
  const partitionsOf: Keymap["partitionsOf"] = (bucket) => keymap.partitionsOf(bucket).map(wrap);
  return { ...keymap, partitionsOf, system: wrap(keymap.system) };
}

test("a versioning state is set in the fences and in the row", async () => {
  const keymap = await openWithBucket();
  assert.ok(!isRefusal(await applyVersioning(keymap, place, "enabled")));
  assert.deepEqual(await statesOf(keymap), ["enabled", "enabled"]);
  assert.ok(!isRefusal(await applyVersioning(keymap, place, "suspended")));
  assert.deepEqual(await statesOf(keymap), ["suspended", "suspended"]);
  await removeFences(keymap, id);
  assert.deepEqual(await applyVersioning(keymap, place, "enabled"), refuse("noSuchBucket"));
});

test("C2: wherever one setter overtakes another, each takes effect once and the last stays", async () => {
  let interruptions = 0;
  for (let n = 0; n < 20; n++) {
    const keymap = await openWithBucket();
    const [partition] = keymap.partitions;
    let overtaken: VersioningState[] | undefined;
    const overtake = async (): Promise<void> => {
      overtaken = await statesOf(keymap);
      assert.ok(!isRefusal(await applyVersioning(keymap, place, "enabled")));
    };
    assert.ok(
      !isRefusal(await applyVersioning(interrupted(keymap, n, overtake), place, "suspended")),
    );
    if (overtaken === undefined) break;
    interruptions++;
    const [acting, shown] = await statesOf(keymap);
    assert.equal(shown, acting, `step ${n}`);
    // The first setter's effect, once seen, does not come back after that of the second.
    if (overtaken[0] === "suspended") assert.equal(acting, "enabled", `step ${n}`);
    assert.equal(
      decodeBucketFenceRow((await readRow(partition!, bucketFenceKey(id)))!.value).state,
      "active",
    );
  }
  assert.ok(interruptions >= 6, "three steps of two each");
});

test("what a dead process began is finished under its number, and never undoes a later one", async () => {
  const keymap = await openWithBucket();
  class Dead extends Error {}
  const die = (): Promise<void> => Promise.reject(new Dead());
  // The number is taken and the fence is set: the row is not.
  await assert.rejects(applyVersioning(interrupted(keymap, 4, die), place, "enabled"), Dead);
  assert.deepEqual(await statesOf(keymap), ["enabled", "off"]);
  const left = { versioning: "enabled", versioningNumber: 1 } as const;
  assert.ok(!isRefusal(await finishVersioning(keymap, place, left)));
  assert.deepEqual(await statesOf(keymap), ["enabled", "enabled"]);
  assert.ok(!isRefusal(await applyVersioning(keymap, place, "suspended")));
  assert.ok(!isRefusal(await finishVersioning(keymap, place, left)));
  assert.deepEqual(await statesOf(keymap), ["suspended", "suspended"]);
});
