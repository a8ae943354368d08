import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DataDisk } from "../../extent/extent-files.ts";
import { createTestPlatform } from "../../keymap/testing/test-platform.ts";
import { createHash } from "../platform/hash.ts";
import { Scratch } from "../testing/served-store.ts";
import { indexMoverOf } from "./index-mover.ts";
import type { WorkerChannel } from "./worker-channel.ts";

test("index mover: what a copy left is removed on all disks but those where it cannot be", async () => {
  using scratch = new Scratch();
  const broken = scratch.directory("a");
  writeFileSync(broken, "a file, in which nothing can be removed");
  const whole = scratch.directory("b");
  const left = join(whole, "index.moving");
  mkdirSync(left, { recursive: true });
  const platform = createTestPlatform(createHash());
  const mover = indexMoverOf(platform, {} as WorkerChannel, { moveFailure: undefined }); // unused
  const disks = [broken, whole].map((name) => ({ disk: { name } }) as DataDisk); // names
  await mover.clear(disks);
  assert.equal(existsSync(left), false);
  assert.deepEqual(
    platform.logged.map(({ event }) => event),
    ["index_copy_left"],
  );
});
