import assert from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { test } from "node:test";
import { readIdentity } from "../../extent/data-directories.ts";
import { createClock } from "../platform/clock.ts";
import { indexDirectoryOf } from "../store/index-directory.ts";
import { openDisk } from "../disk/disk.ts";
import { HangingDirectory } from "../testing/hanging-directory.ts";
import type { S3Connection } from "../testing/s3-connection.ts";
import { connectionTo, Scratch, ServedStore, started, until } from "../testing/served-store.ts";

const names = ["a", "b", "c"];

/** Objects over all disks: each has some. */
async function putObjects(s3: S3Connection, count: number): Promise<void> {
  const puts = Array.from({ length: count }, (_, i) =>
    s3.send("PUT", `/bucket/${i}`, { body: `object ${i}` }),
  );
  for (const { status } of await Promise.all(puts)) assert.equal(status, 200);
}

async function readable(s3: S3Connection, count: number): Promise<number> {
  let read = 0;
  for (let i = 0; i < count; i++) {
    const { status, body } = await s3.send("GET", `/bucket/${i}`);
    if (status === 200) assert.equal(body.toString(), `object ${i}`);
    read += status === 200 ? 1 : 0;
  }
  return read;
}

/** Makes a store of these directories that has so many objects. */
async function fill(paths: readonly string[], objects: number): Promise<void> {
  await using server = new ServedStore(paths);
  const s3 = connectionTo(await started(server));
  await s3.send("PUT", "/bucket");
  await putObjects(s3, objects);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
}

test("C5: serve: a store with a disk missing starts without it, says so, and takes it in when it is back", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const objects = 60;
  await fill(paths, objects);
  renameSync(b, scratch.directory("elsewhere"));
  mkdirSync(b); // as an empty mount point
  // Where the others are is known from the first.
  await using server = new ServedStore([a]);
  const ready = await started(server);
  assert.match(server.output, /\/b".*mount it.*disk_missing/);
  const s3 = connectionTo(ready);
  assert.equal(await readable(s3, objects), objects, "each has other copies");
  assert.equal((await s3.send("PUT", "/bucket/new", { body: "x" })).status, 200);
  assert.deepEqual(readdirSync(b), [], "nothing is written where the disk is not mounted");
  renameSync(scratch.directory("elsewhere"), b);
  await until("the disk is found", () => /\/b".*disk_found/.test(server.output));
  assert.equal(await readable(s3, objects), objects);
  const { otherDirectories } = (await readIdentity(openDisk(c))) ?? {};
  assert.deepEqual(otherDirectories, [a, b]);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});

test("C9: serve: a store with a disk that hangs starts without it, names it, and takes it in when it answers", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const objects = 60;
  await fill(paths, objects);
  for (const hanging of [b, a]) {
    using hang = new HangingDirectory(hanging);
    await using server = new ServedStore(paths);
    const s3 = connectionTo(await started(server));
    const name = hanging.slice(-2);
    assert.match(
      server.output,
      new RegExp(`${name}".*see to the disk and its cable.*disk_missing`),
    );
    assert.equal(await readable(s3, objects), objects, "each has other copies");
    assert.equal((await s3.send("PUT", `/bucket/new${name}`, { body: "x" })).status, 200);
    hang.answer();
    await until("the disk is found", () => new RegExp(`${name}".*disk_found`).test(server.output));
    assert.equal((await s3.send("GET", `/bucket/new${name}`)).body.toString(), "x");
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  }
  // The index was on the disk that hung last, and was made again on another one.
  assert.ok([b, c].includes(await indexDirectoryOf(createClock(), paths)));
});

test("serve: disks that were mounted in each other's place are known by their ids", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const swap = (one: string, other: string): void => {
    renameSync(one, scratch.directory("third"));
    renameSync(other, one);
    renameSync(scratch.directory("third"), other);
  };
  const objects = 40;
  {
    await using server = new ServedStore(paths);
    const s3 = connectionTo(await started(server));
    await s3.send("PUT", "/bucket");
    await putObjects(s3, objects);
    swap(b, c); // while it serves
    await until("the move is seen", () => /disk_moved/.test(server.output));
    assert.equal(await readable(s3, objects), objects);
    // Until each process has seen the move, fewer disks than a write needs are there.
    await until("objects are taken", async () => {
      return (await s3.send("PUT", "/bucket/0", { body: "object 0" })).status === 200;
    });
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  }
  swap(a, b); // the disk with the index too
  assert.equal(await indexDirectoryOf(createClock(), paths), b);
  assert.equal(await indexDirectoryOf(createClock(), [c]), b);
  await using server = new ServedStore(paths);
  const s3 = connectionTo(await started(server));
  assert.equal(await readable(s3, objects), objects);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});
