import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertHeld, makeBucket, putKeys } from "../testing/bucket-content.ts";
import {
  childrenOf,
  connectionTo,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";
import type { S3Connection } from "../testing/s3-connection.ts";
import { keysOf, serving, takes } from "../testing/serving.ts";

// A store of three data directories whose index is lost, or is an older copy: it is made again from
// its log, and every acknowledged object is there.

const names = ["a", "b", "c"];

test("C1: serve: an index that was deleted while the store was stopped is made again", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  rmSync(join(a, "index"), { recursive: true });
  const output = await serving(paths, async (s3) => {
    await assertHeld(s3, keysOf("first"));
    await putKeys(s3, keysOf("second"));
  });
  assert.match(output, /index_recovered/);
  // Once more: the log goes on where it was.
  rmSync(join(a, "index"), { recursive: true });
  await serving(paths, (s3) => assertHeld(s3, [...keysOf("first"), ...keysOf("second")]));
});

test("C9: serve: an older copy of the index, put back, is rolled forward", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  cpSync(join(a, "index"), scratch.directory("copy"), { recursive: true });
  await serving(paths, (s3) => putKeys(s3, keysOf("second")));
  rmSync(join(a, "index"), { recursive: true });
  cpSync(scratch.directory("copy"), join(a, "index"), { recursive: true });
  const output = await serving(paths, (s3) =>
    assertHeld(s3, [...keysOf("first"), ...keysOf("second")]),
  );
  assert.match(output, /index_rolled_forward/);
});

test(
  "C1: serve: after kill -9 of all processes the index is made again whole",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const paths = names.map((name) => scratch.directory(name));
    const [a = ""] = paths;
    const kept: string[] = [];
    {
      await using server = new ServedStore(paths);
      const ready = await started(server);
      const s3 = connectionTo(ready);
      await makeBucket(s3);
      for (let round = 0; round < 3; round++) {
        await putKeys(s3, keysOf(`round-${round}`));
        kept.push(...keysOf(`round-${round}`));
      }
      for (const pid of [ready.pid, ...childrenOf(ready.pid)]) process.kill(pid, "SIGKILL");
      await server.ended;
    }
    rmSync(join(a, "index"), { recursive: true });
    await serving(paths, (s3) => assertHeld(s3, kept));
  },
);

function indexFilesIn(path: string): string[] {
  return readdirSync(path).filter((name) => name.startsWith("index"));
}

test("C1: serve: what is missing of the log is noticed, and the start is refused", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  await serving(paths, (s3) => putKeys(s3, keysOf("second")));
  rmSync(join(a, "index"), { recursive: true });
  // The first segments of all: what was written before is in no other.
  for (const path of [a, b, c]) {
    rmSync(join(path, "snapshots"), { recursive: true, force: true });
    const folder = join(path, "log");
    const files = readdirSync(folder).map((name) => join(folder, name));
    const [oldest = ""] = files.toSorted(
      (x, y) => statSync(x).birthtimeMs - statSync(y).birthtimeMs,
    );
    rmSync(oldest);
  }
  await using server = new ServedStore(paths);
  assert.equal(await server.ready, undefined, server.output);
  assert.equal(await server.ended, 1);
  assert.match(server.output, /the index cannot be made again: .*nothing was changed/);
  assert.deepEqual(indexFilesIn(a), []);
});

test("C1: serve: with two disks of four missing a lost index is not made again, and then it is", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c", "d"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  rmSync(join(a, "index"), { recursive: true });
  for (const path of [b, c]) renameSync(path, `${path}-away`);
  {
    await using server = new ServedStore([a]);
    assert.equal(await server.ready, undefined, server.output);
    assert.equal(await server.ended, 1);
    assert.match(server.output, /so much of its log is missing .*nothing was changed/);
    assert.deepEqual(indexFilesIn(a), []);
  }
  for (const path of [b, c]) renameSync(`${path}-away`, path);
  await serving(paths, (s3) => assertHeld(s3, keysOf("first")));
});

/** The keys that a listing has. */
async function listed(s3: S3Connection): Promise<string[]> {
  const { status, body } = await s3.send("GET", "/bucket?list-type=2&max-keys=1000");
  assert.equal(status, 200, body.toString());
  return [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
}

test("C1: serve: an index that is deleted while the store is served is made again by itself", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = ""] = paths;
  const output = await serving(paths, async (s3, server) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    rmSync(join(a, "index"), { recursive: true });
    await until("it takes objects again", () => takes(s3, "after"));
    assert.match(server.output, /index_recovered/);
    await assertHeld(s3, [...keysOf("first"), "after"]);
  });
  assert.match(output, /index_gone/);
  await serving(paths, (s3) => assertHeld(s3, [...keysOf("first"), "after"]));
});

test("C1: serve: when the disk of the index is emptied, another takes its place; back, it is the older one", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const all = [...keysOf("first"), "after"].toSorted();
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  await serving(paths, async (s3, server) => {
    renameSync(a, scratch.directory("away"));
    mkdirSync(a);
    await until("it takes objects again", () => takes(s3, "after"));
    assert.match(server.output, /index_home_changed/);
    assert.deepEqual(await listed(s3), all);
  });
  // So it is after a start, with the keys that the lost disk had.
  const degraded = await serving([a, b, c], async (s3) => {
    assert.deepEqual(await listed(s3), all);
    await assertHeld(s3, ["after"]);
  });
  assert.match(degraded, /disk_missing/);
  rmSync(a, { recursive: true });
  renameSync(scratch.directory("away"), a);
  const whole = await serving(paths, (s3) => assertHeld(s3, all));
  assert.match(whole, /index_home_given_up/);
  await serving(paths, (s3) => assertHeld(s3, all));
});

test("C1: serve: a store whose index's disk was lost while it was stopped starts from the others", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  rmSync(a, { recursive: true });
  const output = await serving([b, c], async (s3) => {
    assert.deepEqual(await listed(s3), keysOf("first").toSorted());
    await putKeys(s3, ["after"]);
  });
  assert.match(output, /index_home_changed/);
  await serving([b, c], (s3) => assertHeld(s3, ["after"]));
});
