import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { Scratch } from "../testing/served-store.ts";
import { takeOverIndex } from "./index-takeover.ts";
import { openStore } from "./open-store.ts";
import { endGeneration, openStoreDirectories } from "./store-directories.ts";
import { keptLastCommit, noteStopped } from "./worker-list.ts";

// What a data directory says of its last stop while the home of the index changes.

const platform = createPlatform({ log: createLog({ level: "error" }) });

/** Serves the store and stops it in good order; the home of its index. */
async function servedAndStopped(paths: readonly string[]): Promise<string> {
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  await (await openStore(platform, store, () => undefined)).close();
  await endGeneration(platform, store);
  return must(store.directories[0], "a home").path;
}

test("C1: index takeover: the new home forgets that it was stopped in good order as a home before", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = ""] = paths;
  assert.equal(await servedAndStopped(paths), a);
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  await (await openStore(platform, store, () => undefined)).close();
  noteStopped(b);
  const home = must(store.directories[0], "a home");
  const others = store.directories.filter((one) => one !== home);
  const location = { ...store, directories: others };
  assert.equal((await takeOverIndex({ platform, location }, home)).path, b);
  assert.ok(!keptLastCommit(b), "a power cut may undo what is committed from now on");
});

test("C1: index home: a former home that gives way forgets that it was stopped in good order", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  assert.equal(await servedAndStopped(paths), a);
  assert.ok(keptLastCommit(a));
  renameSync(a, scratch.directory("away"));
  assert.equal(await servedAndStopped([b, c]), b);
  renameSync(scratch.directory("away"), a);
  assert.equal(await servedAndStopped(paths), b);
  assert.ok(!keptLastCommit(a));
  assert.ok(keptLastCommit(b));
});
