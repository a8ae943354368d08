import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
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

async function add(s3: S3Connection, path: string): Promise<void> {
  mkdirSync(path);
  const body = Buffer.from(JSON.stringify({ path }));
  const answer = await s3.send("POST", "/-/disks/add", { body });
  assert.equal(answer.status, 200, answer.body.toString());
}

test(
  "C1: serve: a store that gets its second disk while it is served has a log of its index at once",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const [a, b, c] = ["a", "b", "c"].map((name) => scratch.directory(name));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const kept = [...keysOf("first"), "after", ...keysOf("second")];
    {
      await using server = new ServedStore([a]);
      const ready = await started(server);
      const s3 = connectionTo(ready);
      await makeBucket(s3);
      await putKeys(s3, keysOf("first"));
      await add(s3, b);
      // By processes that were started anew.
      await until("there is a snapshot", () => server.output.includes("index_snapshot_written"));
      await until("it takes objects", () => takes(s3, "after"));
      await add(s3, c);
      await until("the log needs any two of three", () => /"domains":3\b/.test(server.output));
      await putKeys(s3, keysOf("second"));
      s3.close();
      assert.equal(server.output.split("log_begins").length, 2); // once
      for (const pid of [ready.pid, ...childrenOf(ready.pid)]) process.kill(pid, "SIGKILL");
      await server.ended;
    }
    rmSync(join(a, "index"), { recursive: true });
    const output = await serving([a, b, c], (s3) => assertHeld(s3, kept));
    assert.match(output, /index_recovered/);
  },
);
