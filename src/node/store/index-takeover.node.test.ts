import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { isStoreError } from "../../base/errors.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { HangingDirectory } from "../testing/hanging-directory.ts";
import { Scratch } from "../testing/served-store.ts";
import { takeOverIndex, takeOverServed } from "./index-takeover.ts";
import { openStore } from "./open-store.ts";
import { endGeneration, openStoreDirectories } from "./store-directories.ts";
import { keptLastCommit, noteStopped } from "./worker-list.ts";

// What a data directory says of its last stop while the home of the index changes; and a stop of
// the server meanwhile.

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

test("index takeover: a stop is not held up by disks that give no answer", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const clock = new ManualClock(); // it stands still
  const still = { ...platform, clock };
  using store = await openStoreDirectories({ platform: still, paths, mayCreate: true });
  using _hang = new HangingDirectory(must(paths[1], "three directories"));
  const stop = new AbortController();
  const { signal } = stop;
  const locationNow = (): never => assert.fail("nothing is done to the index");
  const taken = takeOverServed({
    platform: still,
    served: store.served,
    locationNow,
    hangs: false,
    signal,
  });
  stop.abort();
  await assert.rejects(taken, (thrown) => isStoreError(thrown, "cancelled"));
});
