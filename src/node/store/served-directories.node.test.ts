import assert from "node:assert/strict";
import { test } from "node:test";
import { readIdentity } from "../../extent/data-directories.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { openDisk } from "../disk/disk.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { FreezingDisk } from "../testing/freezing-disk.ts";
import { HangingDirectory, passOver } from "../testing/hanging-directory.ts";
import { Scratch, until } from "../testing/served-store.ts";
import { openStoreDirectories } from "./store-directories.ts";

test("served directories: where the others are is noted on a disk that hangs once it answers", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const clock = new ManualClock();
  const platform = { ...createPlatform({ log: createLog({ level: "error" }) }), clock };
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  const { served } = store;
  const othersOf = async (path: string): Promise<readonly string[] | undefined> =>
    (await readIdentity(openDisk(path)))?.otherDirectories;
  assert.deepEqual(await othersOf(b), [a, c]);

  using hang = new HangingDirectory(b);
  const [, , third] = served.current;
  assert.ok(third !== undefined);
  await passOver(clock, served.letGo(third.disk));
  assert.deepEqual(await othersOf(a), [b], "nobody waits for the disk that hangs");
  hang.answer();
  await served.noteOthers();
  assert.deepEqual(await othersOf(b), [a]);
});

test(
  "served directories: a disk that gave no answer is taken in again once it takes a write, not before",
  { skip: FreezingDisk.whyNot() ?? false },
  async () => {
    using scratch = new Scratch();
    const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
    const [a = "", b = "", c = ""] = paths;
    using disk = new FreezingDisk(b);
    const clock = new ManualClock();
    const platform = { ...createPlatform({ log: createLog({ level: "error" }) }), clock };
    using store = await openStoreDirectories({ platform, paths, mayCreate: true });
    const { served } = store;
    const current = (): string[] => served.current.map(({ path }) => path);
    disk.freeze(); // its identity can be read
    await passOver(clock, served.giveUpSilent(undefined));
    assert.deepEqual(current(), [a, c]);
    assert.equal(await served.look(), false);
    disk.answer();
    await until("it is taken in", () => served.look());
    assert.deepEqual(current(), [a, c, b]);
  },
);
