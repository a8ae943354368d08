import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { test } from "node:test";
import { assertHeld, bodyOf, makeBucket, putKeys } from "../testing/bucket-content.ts";
import {
  childrenOf,
  connectionTo,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

// An index that does not belong to the data directories: gone, empty, older than they are, of
// another store, or taken away while servers run. Nothing is ever removed because of it, and with
// the right one back everything can be read.

const keysOf = (name: string): string[] => Array.from({ length: 5 }, (_, i) => `${name}-${i}`);

const extentsIn = (directory: string): string[] =>
  readdirSync(`${directory}/extents`, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".extent"))
    .toSorted();

/** Why a start is refused. */
async function refusal(directory: string): Promise<string> {
  await using server = new ServedStore([directory]);
  const ready = await server.ready;
  assert.equal(ready, undefined, "the start is refused");
  assert.equal(await server.ended, 1);
  return server.output;
}

/** A stopped store with a bucket and some objects. */
async function storeWith(directory: string, keys: readonly string[]) {
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await makeBucket(s3);
  await putKeys(s3, keys);
  assert.equal(await server.stop(), 0, server.output);
}

async function assertServes(directory: string, keys: readonly string[]) {
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await assertHeld(s3, keys);
  await putKeys(s3, ["one-more"]);
  assert.equal(await server.stop(), 0, server.output);
}

test("C9: with an empty directory in place of its index a store does not start, and loses nothing", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  const keys = keysOf("before");
  await storeWith(directory, keys);
  const extents = extentsIn(directory);
  renameSync(`${directory}/index`, scratch.directory("index"));
  mkdirSync(`${directory}/index`);
  assert.match(await refusal(directory), /index.*(mount|put back)/);
  rmSync(`${directory}/index`, { recursive: true });
  assert.match(await refusal(directory), /index.*(mount|put back)/);
  assert.deepEqual(extentsIn(directory), extents);
  renameSync(scratch.directory("index"), `${directory}/index`);
  await assertServes(directory, keys);
});

test("C9: with an older copy of its index a store does not start, and loses nothing", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  const keys = keysOf("before");
  await storeWith(directory, keys);
  cpSync(`${directory}/index`, scratch.directory("older"), { recursive: true });
  const later = keysOf("later");
  {
    await using server = new ServedStore([directory]);
    await putKeys(connectionTo(await started(server)), later);
    server.child.kill("SIGKILL");
    await server.ended;
  }
  const extents = extentsIn(directory);
  renameSync(`${directory}/index`, scratch.directory("index"));
  renameSync(scratch.directory("older"), `${directory}/index`);
  assert.match(await refusal(directory), /older than.*put back/);
  assert.deepEqual(extentsIn(directory), extents);
  rmSync(`${directory}/index`, { recursive: true });
  renameSync(scratch.directory("index"), `${directory}/index`);
  await assertServes(directory, [...keys, ...later]);
});

test("C9: with the index of another store a store does not start, and loses nothing", async () => {
  using scratch = new Scratch();
  const [directory, other] = [scratch.directory("a"), scratch.directory("b")];
  const keys = keysOf("before");
  await storeWith(directory, keys);
  await storeWith(other, []);
  const extents = extentsIn(directory);
  renameSync(`${directory}/index`, scratch.directory("index"));
  renameSync(`${other}/index`, `${directory}/index`);
  assert.match(await refusal(directory), /the index is of store/);
  assert.deepEqual(extentsIn(directory), extents);
  renameSync(`${directory}/index`, `${other}/index`);
  renameSync(scratch.directory("index"), `${directory}/index`);
  await assertServes(directory, keys);
});

test(
  "C9: with its index taken away and its workers killed a server ends, makes no other, and loses nothing",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    const keys = keysOf("before");
    await using server = new ServedStore([directory], ["--workers", "2"]);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    await makeBucket(s3);
    await putKeys(s3, keys);
    const extents = extentsIn(directory);
    renameSync(`${directory}/index`, scratch.directory("index"));
    for (const pid of childrenOf(ready.pid)) process.kill(pid, "SIGKILL");
    await server.ended;
    assert.match(server.output, /index.*(mount|put back)/);
    assert.ok(!readdirSync(directory).includes("index"), "no worker makes an index");
    assert.deepEqual(extentsIn(directory), extents);
    renameSync(scratch.directory("index"), `${directory}/index`);
    await assertServes(directory, keys);
  },
);

test(
  "C9: with its index taken away a running server acknowledges nothing more, and ends",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    const keys = keysOf("before");
    await using server = new ServedStore([directory]);
    const s3 = connectionTo(await started(server));
    await makeBucket(s3);
    await putKeys(s3, keys);
    renameSync(`${directory}/index`, scratch.directory("index"));
    let ended = false;
    void server.ended.then(() => (ended = true));
    await until("no write is acknowledged", async () => {
      const write = s3.send("PUT", "/bucket/late", { body: bodyOf("late") });
      return await write.then(
        ({ status }) => status !== 200,
        () => true,
      );
    });
    await until("the server ends", () => ended);
    assert.match(server.output, /index.*(mount|put back)/);
    renameSync(scratch.directory("index"), `${directory}/index`);
    await assertServes(directory, keys);
  },
);
