import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import {
  decodeProcessList,
  encodeProcessList,
  processListFile,
} from "../../format/data-directory.ts";
import { openDisk } from "../disk/disk.ts";
import { assertHeld, makeBucket, putKeys } from "../testing/bucket-content.ts";
import {
  childrenOf,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";
import { keysOf, serving, takes } from "../testing/serving.ts";

// A store whose index is there, while disks that hold its log are missing, or come back.

test(
  "C1: serve: after a power cut a store starts without two disks of four only where a person agrees",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const paths = ["a", "b", "c", "d"].map((name) => scratch.directory(name));
    const [a = "", b = "", c = "", d = ""] = paths;
    await serving(paths, async (s3) => {
      await makeBucket(s3);
      await putKeys(s3, keysOf("first"));
    });
    for (const path of [b, c]) renameSync(path, `${path}-away`);
    // It was stopped in good order.
    await serving([a, d], (s3) => putKeys(s3, ["second"]));
    const list = join(a, processListFile);
    {
      await using server = new ServedStore([a, d]);
      const ready = await started(server);
      const killed = [ready.pid, ...childrenOf(ready.pid)];
      for (const pid of killed) process.kill(pid, "SIGKILL");
      await server.ended;
      const text = readFileSync(list, "utf8");
      // As it would be on the next start of the machine.
      const { processes } = must(decodeProcessList(text), "a list");
      writeFileSync(list, encodeProcessList({ machine: "another start", processes }));
      await assertRefused([a, d]);
      writeFileSync(list, text);
    }
    // The machine is the same: what the killed processes wrote is with its system.
    await serving([a, d], (s3) => assertHeld(s3, ["second"]));
    rmSync(list);
    await assertRefused([a, d]);
    for (const path of [b, c]) renameSync(`${path}-away`, path);
    await serving(paths, (s3) => assertHeld(s3, [...keysOf("first"), "second"]));
    for (const path of [b, c]) renameSync(path, `${path}-away`);
    rmSync(list);
    await using server = new ServedStore([a, d], ["--accept-loss"]);
    await started(server);
    assert.equal(await server.stop(), 0, server.output);
  },
);

test("C1: serve: after a power cut a store of two disks starts with the one of the index, and not with the other", async () => {
  using scratch = new Scratch();
  const [a, b] = [scratch.directory("a"), scratch.directory("b")];
  await serving([a, b], async (s3, server) => {
    await makeBucket(s3);
    await until("the log needs the disk of the index", () =>
      server.output.includes("log_quorum_changed"),
    );
    await putKeys(s3, keysOf("first"));
  });
  renameSync(b, `${b}-away`);
  rmSync(join(a, processListFile)); // nobody knows how it ended
  await serving([a], (s3) => assertHeld(s3, keysOf("first")));
  renameSync(`${b}-away`, b);
  renameSync(a, `${a}-away`);
  await using server = new ServedStore([b]);
  assert.equal(await server.ready, undefined, server.output);
  assert.equal(await server.ended, 1);
  assert.match(server.output, /so much of its log is missing \([^)]*a\) .*--accept-loss/);
});

async function assertRefused(paths: readonly string[]): Promise<void> {
  await using server = new ServedStore(paths);
  assert.equal(await server.ready, undefined, server.output);
  assert.equal(await server.ended, 1);
  assert.match(server.output, /so much of the log of the index is missing .*--accept-loss/);
}

test("C9: serve: a former home of the index that comes back while the store is served gives way", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = ""] = paths;
  const all = [...keysOf("first"), "after"];
  await serving(paths, async (s3, server) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    renameSync(a, scratch.directory("away"));
    mkdirSync(a);
    await until("it takes objects again", () => takes(s3, "after"));
    await until("the disk is missed", () => server.output.includes("disk_gone"));
    rmSync(a, { recursive: true });
    renameSync(scratch.directory("away"), a);
    await until("the disk is taken in", () => server.output.includes("disk_found"));
    assert.match(server.output, /index_home_given_up/);
  });
  assert.equal((await readIdentity(openDisk(a)))?.holdsIndex, false);
  await serving(paths, (s3) => assertHeld(s3, all));
});
