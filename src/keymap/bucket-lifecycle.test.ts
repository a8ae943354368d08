import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import type { Row } from "../engine/engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { decodeBucketFenceRow, encodeBucketRow } from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketFenceKey, bucketKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import { closeFences, putFences, removeFences, reopenBucket } from "./bucket-lifecycle.ts";
import type { Keymap } from "./keymap.ts";
import { openTestKeymap } from "./testing/open-test-keymap.ts";
import { createTestPlatform } from "./testing/test-platform.ts";
import { readRow } from "../engine/engine.ts";

const platform = createTestPlatform(createHash());
const id = 1 as BucketId;
const key = bucketKey(encodeUtf8("photos"));

async function openWithBucket(): Promise<Keymap> {
  const engines = new Map([["index", createMemoryEngine()]]);
  const keymap = await openTestKeymap({ platform, engines, role: "tool" });
  await putFences(keymap, id);
  const row = { id, createdMs: 1, owner: "o", account: "a", region: "r" };
  const value = encodeBucketRow({
    ...row,
    versioning: "off",
    lastVersioningNumber: 0,
    versioningNumber: 0,
  });
  const puts = [{ key, value }];
  const change = keymap.session.nextChangeId();
  await keymap.system.commit({ id: change, checks: [], puts, deletes: [] });
  return keymap;
}

async function bucketRow(keymap: Keymap): Promise<Row> {
  const row = await readRow(keymap.system, key);
  assert.ok(row);
  return row;
}

async function stateOf(keymap: Keymap): Promise<string | undefined> {
  const row = await readRow(keymap.partitions[0]!, bucketFenceKey(id));
  return row && decodeBucketFenceRow(row.value).state;
}

/** What a deletion does last, with the row it read first. */
async function deleteRow({ system, session }: Keymap, { stamp }: Row): Promise<string> {
  const checks = [{ key, expect: stamp }];
  const change = { id: session.nextChangeId(), checks, puts: [], deletes: [key] };
  return (await system.commit(change)).outcome;
}

/**
 * A keymap in whose n-th step (a read or commit of a partition, from 0) something else goes first.
 */
function interrupted(keymap: Keymap, n: number, act: () => Promise<void>): Keymap {
  let steps = 0;
  const before = async (): Promise<void> => {
    if (steps++ === n) await act();
  };
  const wrap = (partition: Keymap["system"]): Keymap["system"] => ({
    id: partition.id,
    scan: (range, options) => partition.scan(range, options),
    inSnapshot: (read) => partition.inSnapshot(read),
    async read(keys) {
      await before();
      return partition.read(keys);
    },
    async commit(change) {
      await before();
      return partition.commit(change);
    },
  });
  const partitionsOf: Keymap["partitionsOf"] = (bucket) => keymap.partitionsOf(bucket).map(wrap);
  return { ...keymap, partitionsOf, system: wrap(keymap.system) };
}

test("fences: active, deleting, active again, gone", async () => {
  const keymap = await openWithBucket();
  assert.equal(await stateOf(keymap), "active");
  await closeFences(keymap, id);
  assert.equal(await stateOf(keymap), "deleting");
  assert.ok(await reopenBucket(keymap, await bucketRow(keymap)));
  assert.equal(await stateOf(keymap), "active");
  const row = await bucketRow(keymap);
  await removeFences(keymap, id);
  assert.equal(await stateOf(keymap), undefined);
  assert.ok(!(await reopenBucket(keymap, row)));
});

test("C1: wherever a deletion begins while a bucket is reopened, it never deletes one that is open", async () => {
  for (let n = 0; n < 8; n++) {
    const keymap = await openWithBucket();
    await closeFences(keymap, id);
    let found: Row | undefined;
    const begin = async (): Promise<void> => {
      found = await bucketRow(keymap);
      await closeFences(keymap, id);
    };
    const hooked = interrupted(keymap, n, begin);
    assert.ok(await reopenBucket(hooked, await bucketRow(keymap)));
    if (found === undefined) break;
    assert.ok(n < 4, "reopening takes four steps");
    const isOpen = (await stateOf(keymap)) === "active";
    assert.equal(await deleteRow(keymap, found), isOpen ? "conflict" : "ok", `step ${n}`);
  }
});
