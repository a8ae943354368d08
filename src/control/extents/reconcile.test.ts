import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentId } from "../../format/ids.ts";
import { extentPath } from "../../extent/extent-files.ts";
import { storeIdentityFile } from "../../format/data-directory.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import { beginUpload, complete, makeBucket, putPart } from "../testing/objects.ts";
import { createTestMachine, type TestMachine, tasksOf } from "../testing/processes.ts";
import { survey } from "../testing/survey.ts";

const hash = createHash();
const listed = extentPath(1 as ExtentId);
const manifest = extentPath(2 as ExtentId);
/** Nothing is compacted, so that what is counted stays to be seen. */
const limits = { deadShare: 1 };

/**
 * An object whose parts lie in extent 1, one of them replaced, and whose manifest lies in extent 2.
 */
async function withReplacedPart(): Promise<TestMachine> {
  const machine = await createTestMachine(hash);
  const [first, second] = [await machine.start("front-end"), await machine.start("front-end")];
  await makeBucket(first);
  const upload = await beginUpload(first, "object");
  await putPart(first, "object", upload, 1, ["replaced"]);
  await putPart(first, "object", upload, 1, ["a part"]);
  await complete(second, "object", upload);
  await first.stop();
  await second.stop();
  return machine;
}

/** Its data directory is away as well, as the one file of it that says which one it is shows. */
const unmounted = [manifest, storeIdentityFile];

function takeAway({ disk }: TestMachine, paths: readonly string[]): void {
  disk.before = (operation, path) => {
    if (operation === "open" && paths.includes(path)) throw new DiskError("missing", `no ${path}`);
  };
}

test("C5: what is dead is counted once the directory is back of a manifest that was not there", async () => {
  const machine = await withReplacedPart();
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background, limits);
  takeAway(machine, unmounted);
  await tasks.runUntilIdle();
  const before = await background.table.get(1 as ExtentId);
  assert.deepEqual([before?.row.state, before?.row.deadBytes], ["settled", 0]);
  takeAway(machine, []);
  await machine.platform.clock.advance(10 * 60_000);
  await tasks.runUntilIdle();
  const found = await survey(machine, background);
  assert.ok(found.deadBytes > 0);
  assert.deepEqual([found.undrained, found.miscounted], [0, []]);
  const after = await background.table.get(1 as ExtentId);
  assert.deepEqual([after?.row.state, after?.row.deadBytes], ["reconciled", found.deadBytes]);
});

test("C9: what a manifest that is lost may have listed is kept", async () => {
  const machine = await withReplacedPart();
  const background = await machine.start("background");
  machine.disk.files.delete(manifest);
  await tasksOf(machine, background, limits).runUntilIdle();
  const entry = await background.table.get(1 as ExtentId);
  assert.deepEqual([entry?.row.state, entry?.row.deadBytes], ["reconciled", 0]);
  assert.ok(machine.disk.files.has(listed));
});
