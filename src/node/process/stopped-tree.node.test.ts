import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text as readText } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { must } from "../../base/assert.ts";
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

// What brings the whole tree down at once, and what is there afterwards.

/**
 * From when this returns every sync of the file by this process fails; false where that cannot be
 * done here.
 */
async function failSyncs(t: TestContext, pid: number, path: string): Promise<boolean> {
  const inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"];
  const words = ["-f", "-o", "/dev/null", "-P", path, ...inject, "-p", String(pid)];
  const strace = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
  t.after(() => strace.kill("SIGKILL"));
  const missing = once(strace, "error").then(() => "strace is not to be had here");
  const said = once(createInterface({ input: strace.stderr }), "line").then(String);
  const line = await Promise.race([missing, said]);
  if (/attached/.test(line)) return true;
  t.skip(line);
  return false;
}

test(
  "C1: a failed sync of the index stops the tree; it is verified and serves again, with all that was answered",
  { skip: noProc, timeout: 60_000 },
  async (t) => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    await using server = new ServedStore([directory], ["--workers", "2"]);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    assert.equal((await s3.send("PUT", "/bucket")).status, 200);
    const before = childrenOf(ready.pid);
    const [, frontEnd] = before; // the background worker is the first
    if (!(await failSyncs(t, must(frontEnd, "a front end"), `${directory}/index/data.mdb`))) return;
    const answered: string[] = [];
    let unanswered = 0;
    const write = async (key: string): Promise<boolean> => {
      const response = await s3.send("PUT", `/bucket/${key}`, { body: key }).catch(() => undefined);
      if (response?.status === 200) answered.push(key);
      else unanswered++;
      return response?.status === 200;
    };
    for (let i = 0; unanswered === 0; i++) await write(`before-${i}`);
    await until("writes succeed again", () => write("after"));
    const now = childrenOf(ready.pid);
    assert.ok(now.length === 3 && now.every((pid) => !before.includes(pid)), "all are new");
    for (const key of answered) {
      assert.equal((await s3.send("GET", `/bucket/${key}`)).body.toString(), key);
    }
    assert.match(server.output, /index_sync_failed[^]*index_verified/);
    assert.equal(await server.stop(), 0, server.output);
  },
);

test("serve: a second signal ends every process at once", { skip: noProc }, async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  await using server = new ServedStore([directory]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  assert.equal((await s3.send("PUT", "/bucket")).status, 200);
  // More than sockets hold: as nobody reads the answer, the first signal waits for it.
  const value = "v".repeat(16 * 1024 * 1024);
  assert.equal((await s3.send("PUT", "/bucket/key", { body: value })).status, 200);
  const unread = await s3.open("GET", "/bucket/key");
  const workers = childrenOf(ready.pid);
  server.child.kill("SIGTERM");
  const isRefused = (): Promise<boolean> =>
    s3.send("HEAD", "/").then(
      () => false,
      () => true,
    );
  await until("no new connection is taken", isRefused);
  assert.equal(server.child.exitCode, null);
  // One that comes right behind the first is taken for the same request, so it is repeated.
  const repeated = setInterval(() => server.child.kill("SIGTERM"), 200);
  assert.equal(await server.ended, 1, server.output);
  clearInterval(repeated);
  await assert.rejects(readText(unread));
  await until("workers gone", () => workers.every(isGone));
  await using again = new ServedStore([directory]);
  const held = await connectionTo(await started(again)).send("GET", "/bucket/key");
  assert.equal(held.body.toString(), value);
});
