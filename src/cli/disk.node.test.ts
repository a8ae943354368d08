// Disks from the command line, on a real server that is used meanwhile.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { S3Connection } from "../node/testing/s3-connection.ts";
import {
  connectionTo,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { diskCommandsIn } from "./testing/commands-in.ts";

/** Writes and reads objects until it is stopped; what failed. */
function load(s3: S3Connection) {
  const failed: string[] = [];
  let count = 0;
  let isStopped = false;
  const work = async (): Promise<void> => {
    for (let i = 0; !isStopped; i = (i + 1) % 50) {
      const path = `/bucket/${i}`;
      const put = await s3.send("PUT", path, { body: `object ${i}` });
      const got = await s3.send("GET", path);
      count++;
      if (put.status === 200 && got.status === 200) continue;
      failed.push(`${path}: ${put.status} ${got.status} ${got.body.toString()}`);
    }
  };
  const ended = Promise.all([work(), work()]);
  const stop = async (): Promise<void> => {
    isStopped = true;
    await ended;
    assert.deepEqual(failed, []);
    assert.ok(count > 100, `${count} objects`);
  };
  return { stop };
}

test("disk: added, labelled, emptied and removed while the server is used, and no request fails", async () => {
  using scratch = new Scratch();
  const [a, b, c] = ["a", "b", "c"].map((name) => scratch.directory(name)) as [
    string,
    string,
    string,
  ];
  const { done, refused, disk } = diskCommandsIn(scratch.path);
  {
    await using server = new ServedStore([a, b], ["--seal-after", "2s"]);
    const s3 = connectionTo(await started(server));
    await s3.send("PUT", "/bucket");
    const { stop } = load(s3);
    await refused(
      /\/c does not exist: mount the disk, or make an empty directory/,
      "disk",
      "add",
      "c",
    );
    mkdirSync(c);
    const added = await done("disk", "add", "c", "--label", "zone=z1");
    assert.match(added, /\/c is a disk of the store now/);
    await refused(/is a disk of this store already/, "disk", "add", "c");
    assert.match(await done("disk", "label", "c", "rack=r7,zone="), /has the labels rack=r7/);
    await refused(/no label "rak".*did you mean rack/, "disk", "label", "c", "rak=1");
    mkdirSync(scratch.directory("thesis"));
    writeFileSync(`${scratch.directory("thesis")}/text`, "x");
    await refused(/thesis is not empty \(text\) and not ours/, "disk", "add", "thesis");
    assert.deepEqual(readdirSync(scratch.directory("thesis")), ["text"]);
    await until("the new disk is used", async () => ((await disk(c))?.extents ?? 0) > 0);
    const listed = await done("disk", "list");
    assert.match(listed, /^DIRECTORY +ID +LABELS +STATE +CAPACITY +FREE +EXTENTS +CONDITION\n/);
    assert.match(listed, /\/a \(index\) +[0-9a-f]{8} +- +active/);
    assert.match(listed, /\/c +[0-9a-f]{8} +rack=r7 +active .* ok\n/);
    await refused(/\/b is in use: empty it first: holdfast disk drain/, "disk", "remove", "b");
    assert.match(await done("disk", "drain", "b"), /is being emptied, and gets nothing new/);
    await done("disk", "drain", "b", "--pause");
    assert.match(await done("disk", "list"), /emptying \(paused\)/);
    await done("disk", "drain", "b");
    await refused(/\/b has \d+ extents .*wait until it is empty/, "disk", "remove", "b");
    await until("it is empty", async () => (await disk(b))?.extents === 0);
    assert.match(await done("disk", "list"), /\/b is empty: holdfast disk remove/);
    assert.match(await done("disk", "remove", "b"), /is removed; nothing was on it/);
    await until("nobody uses it", async () => (await disk(b)) === undefined);
    rmSync(`${b}/credentials.json`);
    await refused(/\/b was removed from this store: empty its directory/, "disk", "add", "b");
    assert.ok(!existsSync(`${b}/credentials.json`), "it gets no keys");
    await refused(/holds the index: empty it first/, "disk", "remove", "a", "--force");
    await stop();
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
    assert.doesNotMatch(server.output, /"level":"error"/);
  }
  await using server = new ServedStore([a, b, c]);
  const s3 = connectionTo(await started(server));
  assert.match(server.output, /\/b".*was removed from this store/);
  for (let i = 0; i < 50; i++) assert.equal((await s3.send("GET", `/bucket/${i}`)).status, 200);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});

test("disk: a dead one is replaced by one command", async () => {
  using scratch = new Scratch();
  const [a, b, d] = ["a", "b", "d"].map((name) => scratch.directory(name)) as [
    string,
    string,
    string,
  ];
  const { done, refused, disk } = diskCommandsIn(scratch.path);
  await using server = new ServedStore([a, b], ["--seal-after", "1s"]);
  const s3 = connectionTo(await started(server));
  await s3.send("PUT", "/bucket");
  for (let i = 0; i < 20; i++) await s3.send("PUT", `/bucket/${i}`, { body: `object ${i}` });
  await done("disk", "label", "b", "zone=z2");
  mkdirSync(d);
  renameSync(b, scratch.directory("dead"));
  await until("it is gone", async () => (await disk(b))?.condition === "not mounted");
  const replaced = await done("disk", "replace", "b", "d");
  assert.match(replaced, /\/d takes the place of .*\/b, which had \d+ extents/);
  await until("the new one is used", async () => {
    await s3.send("PUT", "/bucket/more", { body: "more" });
    return ((await disk(d))?.extents ?? 0) > 0;
  });
  assert.equal((await disk(d))?.labels, "zone=z2");
  // It is listed for as long as extents have members on it.
  assert.equal((await disk(b))?.state ?? "removed", "removed");
  // It comes back, and stays out.
  renameSync(scratch.directory("dead"), b);
  await refused(/is removed, and stays so/, "disk", "resume", "b");
  await refused(/belongs to store|was removed from this store/, "disk", "add", "b");
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});
