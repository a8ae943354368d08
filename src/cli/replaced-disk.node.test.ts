// A disk that was replaced, and is named in --data still, while the index is made again.
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { noteHoldsIndex, readIdentity } from "../extent/data-directories.ts";
import type { DiskId } from "../format/ids.ts";
import { openDisk } from "../node/disk/disk.ts";
import {
  childrenOf,
  connectionTo,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { serving, takes } from "../node/testing/serving.ts";
import { diskCommandsIn } from "./testing/commands-in.ts";

/** A disk `b` that was replaced by `d`, back in its place, and the server's processes killed. */
async function killedAfterReplacing(scratch: Scratch): Promise<readonly string[]> {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => scratch.directory(name)) as [
    string,
    string,
    string,
    string,
  ];
  const { done, disk } = diskCommandsIn(scratch.path);
  await using server = new ServedStore([a, b, c], ["--seal-after", "1s"]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  await s3.send("PUT", "/bucket");
  for (let i = 0; i < 20; i++) await s3.send("PUT", `/bucket/${i}`, { body: `object ${i}` });
  mkdirSync(d);
  renameSync(b, scratch.directory("dead"));
  await until("it is gone", async () => (await disk(b))?.condition === "not mounted");
  await done("disk", "replace", "b", "d");
  await until("all is on the others", async () => (await disk(b)) === undefined);
  renameSync(scratch.directory("dead"), b);
  s3.close();
  for (const pid of [ready.pid, ...childrenOf(ready.pid)]) process.kill(pid, "SIGKILL");
  await server.ended;
  return [a, b, c, d];
}

/** True if a line of it is of this event, at this path. */
function says(output: string, event: string, path: string): boolean {
  const lines = output.split("\n");
  return lines.some((line) => line.includes(`"${event}"`) && line.includes(`"path":"${path}"`));
}

async function assertServes(paths: readonly string[]): Promise<string> {
  return await serving(paths, async (s3) => {
    for (let i = 0; i < 20; i++) {
      assert.equal((await s3.send("GET", `/bucket/${i}`)).body.toString(), `object ${i}`);
    }
    assert.ok(await takes(s3, "more"));
  });
}

test(
  "C1: disk: a replaced one does not become the home of an index whose disk is lost",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const paths = await killedAfterReplacing(scratch);
    const [a = "", b = "", c = ""] = paths;
    renameSync(a, scratch.directory("away"));
    const output = await assertServes(paths);
    assert.ok(says(output, "index_home_changed", c), output);
    assert.ok(says(output, "directory_left_out", b), output);
    assert.doesNotMatch(await assertServes(paths), /index_home_changed/);

    // A start of before could leave the index on the removed disk.
    const idOf = async (path: string): Promise<DiskId> => {
      return must(await readIdentity(openDisk(path)), path).disk;
    };
    rmSync(join(b, "index"), { recursive: true, force: true });
    renameSync(join(c, "index"), join(b, "index"));
    await noteHoldsIndex(openDisk(c), await idOf(c), false);
    await noteHoldsIndex(openDisk(b), await idOf(b), true);
    assert.ok(says(await assertServes(paths), "index_home_changed", c));
    renameSync(scratch.directory("away"), a);
    assert.ok(says(await assertServes(paths), "index_home_given_up", a));
  },
);
