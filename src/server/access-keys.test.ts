import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { type Engine, readRow } from "../engine/engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { decodeAccessKeyRow, encodeAccessKeyRow } from "../format/system-rows.ts";
import { accessKeyKey, space, spaceRange } from "../format/row-keys.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { createRandom } from "../node/platform/random.ts";
import { createSecretCipher } from "../node/platform/secret-cipher.ts";
import { openAccessKeys, testKey } from "./testing/open-access-keys.ts";

// Real chance, and not the test's: ids of owners have to differ.
const platform = { ...createTestPlatform(createHash()), random: createRandom() };

const boxOf = (keyByte: number) =>
  createSecretCipher(new Uint8Array(32).fill(keyByte), platform.random);

const open = (engine: Engine, keyByte = 1) => openAccessKeys(platform, engine, boxOf(keyByte));

test("access keys: a key that was made is found by every process, with its owner", async () => {
  const engine = createMemoryEngine();
  const { keys } = await open(engine);
  const other = await open(engine);
  const made = await keys.create(testKey("ALICE1"), "alice");
  assert.ok(made);
  assert.match(made.owner, /^[0-9a-f]{64}$/);
  assert.equal(made.account, "000000000001");
  assert.deepEqual(await other.keys.find("ALICE1"), {
    ...testKey("ALICE1"),
    principal: { owner: made.owner, account: made.account, name: "alice", root: false },
  });
  assert.equal(await keys.find("ALICE2"), undefined);
  assert.equal((await keys.find("ROOT"))?.principal.root, true);
  assert.equal(await keys.find("not an id ".repeat(300)), undefined);
});

test("access keys: keys of one owner share account and id, those of another have their own", async () => {
  const { keys } = await open(createMemoryEngine());
  const first = await keys.create(testKey("ALICE1"), "alice");
  const second = await keys.create(testKey("ALICE2"), "alice");
  const bobs = await keys.create(testKey("BOB1"), "bob");
  assert.deepEqual([second?.owner, second?.account], [first?.owner, first?.account]);
  assert.notEqual(bobs?.account, first?.account);
  assert.notEqual(bobs?.owner, first?.owner);
});

test("access keys: an owner made by several processes at once is one; an id is given once", async () => {
  const engine = createMemoryEngine();
  const processes = await Promise.all(Array.from({ length: 4 }, () => open(engine)));
  const made = await Promise.all(
    processes.map(({ keys }, index) => keys.create(testKey(`KEY${index}`), "alice")),
  );
  assert.equal(new Set(made.map((each) => each?.account)).size, 1);
  assert.equal(new Set(made.map((each) => each?.owner)).size, 1);
  const same = await Promise.all(processes.map(({ keys }) => keys.create(testKey("SAME"), "bob")));
  assert.equal(same.filter((each) => each !== undefined).length, 1);
  assert.equal(await processes[0]?.keys.create(testKey("ROOT"), "bob"), undefined);
});

test("access keys: a deleted key is refused by every process at once, and by its second life's secret", async () => {
  const engine = createMemoryEngine();
  const [one, other] = [await open(engine), await open(engine)];
  await one.keys.create(testKey("ALICE1"), "alice");
  assert.ok(await other.keys.find("ALICE1"), "opened, and remembered");
  assert.equal(await one.keys.delete("ALICE1"), true);
  assert.equal(await other.keys.find("ALICE1"), undefined);
  assert.equal(await other.keys.delete("ALICE1"), false);
  // Remembered again by the other before it is made again by the first.
  await one.keys.create(testKey("ALICE1"), "alice");
  await other.keys.find("ALICE1");
  await one.keys.delete("ALICE1");
  await one.keys.create({ accessKeyId: "ALICE1", secretAccessKey: "another secret" }, "alice");
  assert.equal((await other.keys.find("ALICE1"))?.secretAccessKey, "another secret");
});

test("access keys: a key that is not active opens nothing", async () => {
  const { keys, keymap } = await open(createMemoryEngine());
  await keys.create(testKey("ALICE1"), "alice");
  await keys.find("ALICE1");
  const rowKey = accessKeyKey(encodeUtf8("ALICE1"));
  const row = await readRow(keymap.system, rowKey);
  assert.ok(row);
  const value = encodeAccessKeyRow({ ...decodeAccessKeyRow(row.value), state: "inactive" });
  const change = { id: keymap.session.nextChangeId(), checks: [], deletes: [] };
  await keymap.system.commit({ ...change, puts: [{ key: rowKey, value }] });
  assert.equal(await keys.find("ALICE1"), undefined);
});

test("access keys: no secret lies in the index as it is, and another store's key does not open it", async () => {
  const engine = createMemoryEngine();
  const { keys, keymap } = await open(engine);
  await keys.create(testKey("ALICE1"), "alice");
  const rows = await keymap.system.scan(spaceRange(space.accessKeys), { limit: 10 });
  const stored = Buffer.concat(rows.map((row) => row.value)).toString("latin1");
  assert.ok(stored.includes("alice"));
  assert.ok(!stored.includes("secret"));
  const moved = await open(engine, 2);
  await assert.rejects(async () => moved.keys.find("ALICE1"), {
    code: "missing",
    message: /secrets key/,
  });
});

test("access keys: listed by id, in pages, without secrets", async () => {
  const { keys } = await open(createMemoryEngine());
  for (const id of ["C", "A", "B"]) await keys.create(testKey(`KEY-${id}`), `owner-${id}`);
  const all = await keys.list("", 10);
  assert.deepEqual(
    all.map(({ accessKeyId, ownerName, state }) => [accessKeyId, ownerName, state]),
    [
      ["KEY-A", "owner-A", "active"],
      ["KEY-B", "owner-B", "active"],
      ["KEY-C", "owner-C", "active"],
    ],
  );
  assert.ok(!JSON.stringify(all).includes("secret"));
  const page = await keys.list("KEY-A", 1);
  assert.deepEqual(
    page.map(({ accessKeyId }) => accessKeyId),
    ["KEY-B"],
  );
});
