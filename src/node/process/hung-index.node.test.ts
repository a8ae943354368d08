import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readIdentity } from "../../extent/data-directories.ts";
import { decodeProcessList, processListFile } from "../../format/data-directory.ts";
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

test(
  "C1: serve: a stop does not wait for a process that cannot be killed, nor says that it ended in good order",
  { skip: noProc === false ? (FreezingDisk.whyNot() ?? false) : noProc },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    using disk = new FreezingDisk(directory);
    await using server = new ServedStore([directory], ["--drain", "1s"]);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    const workers = childrenOf(ready.pid);
    disk.freeze();
    using _thawed = { [Symbol.dispose]: () => disk.answer() };
    const unanswered = takes(s3, "last"); // a thread of its process waits in the kernel from now on
    const waits = (pid: number): boolean => threadStates(pid).includes("D");
    await until("a process waits", () => workers.some(waits));
    server.child.kill("SIGTERM");
    await until("it has stopped", () => /"event":"stopped"/.test(server.output));
    assert.match(server.output, /worker_stuck/);
    assert.match(server.output, /index_left_open/);
    disk.answer();
    assert.equal(await unanswered, false);
    assert.equal(await server.ended, 0, server.output);
    await until("the processes have gone", () => workers.every(isGone));
    assert.ok(!isNotedInOrder(`${directory}/${processListFile}`));
    await using next = new ServedStore([directory]);
    const again = connectionTo(await started(next));
    await assertHeld(again, keysOf("first"));
    again.close();
    assert.equal(await next.stop(), 0, next.output);
  },
);

function isNotedInOrder(path: string): boolean {
  return existsSync(path) && decodeProcessList(readFileSync(path, "utf8"))?.processes.length === 0;
}

function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1"))?.[1] ?? "";
  });
}
