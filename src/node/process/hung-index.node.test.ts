import assert from "node:assert/strict";
import { test } from "node:test";
import { readIdentity } from "../../extent/data-directories.ts";
import { openDisk } from "../disk/disk.ts";
import { assertHeld, makeBucket, putKeys } from "../testing/bucket-content.ts";
import { FreezingDisk } from "../testing/freezing-disk.ts";
import { HangingDirectory } from "../testing/hanging-directory.ts";
import {
  childrenOf,
  connectionTo,
  isGone,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";
import { keysOf, takes } from "../testing/serving.ts";

// The disk of the index hangs while it is served.

const names = ["a", "b", "c"];

test("C1: serve: when the disk of the index hangs another takes its place; back, it is the older one", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const [a = ""] = paths;
  await using server = new ServedStore(paths);
  const s3 = connectionTo(await started(server));
  await makeBucket(s3);
  await putKeys(s3, keysOf("first"));
  using hang = new HangingDirectory(a);
  await until("the index is on another disk", () => /index_home_changed/.test(server.output));
  await until("it takes objects again", () => takes(s3, "after"));
  assert.match(server.output, /\/a".*index_disk_hangs/);
  const all = [...keysOf("first"), "after"];
  await assertHeld(s3, all);
  hang.answer();
  await until("the disk is found", () => /\/a".*disk_found/.test(server.output));
  assert.match(server.output, /\/a".*index_home_given_up/);
  assert.equal((await readIdentity(openDisk(a)))?.holdsIndex, false);
  await assertHeld(s3, all);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});

test(
  "C1, C6: serve: processes that cannot be killed while the disk of the index hangs are outlived",
  { skip: noProc === false ? (FreezingDisk.whyNot() ?? false) : noProc },
  async () => {
    using scratch = new Scratch();
    const paths = names.map((name) => scratch.directory(name));
    const [a = ""] = paths;
    using disk = new FreezingDisk(a);
    await using server = new ServedStore(paths, ["--workers", "2"]);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    s3.close(); // its connections would be those of processes that answer no more
    const before = childrenOf(ready.pid);
    disk.freeze();
    using _thawed = { [Symbol.dispose]: () => disk.answer() }; // else its processes never end
    await until("the index is on another disk", () => /index_home_changed/.test(server.output));
    assert.match(server.output, /worker_stuck/);
    assert.ok(!before.every(isGone));
    const answers = async (): Promise<boolean> => {
      const headers = { connection: "close" };
      const signal = AbortSignal.timeout(20_000);
      const page = fetch(`${ready.endpoint}/-/health/live`, { headers, signal });
      return page.then(({ ok }) => ok).catch(() => false);
    };
    await until("a connection is answered", answers);
    // Each, whichever socket of the port the kernel gives it to.
    for (let i = 0; i < 24; i++) assert.ok(await answers(), `connection ${i} is answered`);
    // Also by those that come after their successors.
    const successors = childrenOf(ready.pid).filter((pid) => !before.includes(pid));
    for (const pid of successors) process.kill(pid, "SIGKILL");
    await until("the successors have gone", () => successors.every(isGone));
    for (let i = 0; i < 24; i++) assert.ok(await answers(), `connection ${i} is answered again`);
    const again = connectionTo(ready);
    await until("it takes objects again", () => takes(again, "after"));
    const all = [...keysOf("first"), "after"];
    await assertHeld(again, all);
    disk.answer();
    await until("the processes have gone", () => before.every(isGone));
    await until("the disk is found", () => /\/a".*disk_found/.test(server.output));
    await assertHeld(again, all);
    again.close();
    assert.equal(await server.stop(), 0, server.output);
  },
);
