import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { noteHoldsIndex, readIdentity } from "../../extent/data-directories.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { openDisk } from "../disk/disk.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { FreezingDisk } from "../testing/freezing-disk.ts";
import { HangingDirectory, passOver } from "../testing/hanging-directory.ts";
import { Scratch, until } from "../testing/served-store.ts";
import { openStoreDirectories } from "./store-directories.ts";
import { StoreLock } from "./store-lock.ts";

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

test("C9: served directories: a look takes no home of the index in that answers during a takeover", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const clock = new ManualClock();
  const platform = { ...createPlatform({ log: createLog({ level: "error" }) }), clock };
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  const { served } = store;
  const current = (): string[] => served.current.map(({ path }) => path);
  const home = must(served.current[0], "a home");
  const isLocked = (): void => {
    assert.throws(() => StoreLock.take(a), { code: "unavailable" }, "nobody else takes its lock");
  };
  using hang = new HangingDirectory(a);
  await passOver(clock, served.giveUpSilent(home));
  hang.answer();
  await served.untilAnswering(home);
  assert.equal(await served.look(), false);
  isLocked();
  assert.deepEqual(current(), [b, c]);
  served.takeHomeBack(home);
  isLocked();
  assert.deepEqual(current(), [a, b, c]);
  assert.equal((await readIdentity(openDisk(a)))?.holdsIndex, true);
});

test("C9: served directories: a home of the index whose lock was let go of is locked as it is taken back", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b"].map((name) => scratch.directory(name));
  const [a = ""] = paths;
  const platform = createPlatform({ log: createLog({ level: "error" }) });
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  const { served } = store;
  const home = must(served.current[0], "a home");
  await served.letGo(home.disk);
  {
    using _another = StoreLock.take(a);
    assert.throws(() => served.takeHomeBack(home), { code: "unavailable" });
  }
  served.takeHomeBack(home);
  assert.throws(() => StoreLock.take(a), { code: "unavailable" });
});

test("served directories: the old home is taken in by a look once another one is the home", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  const platform = createPlatform({ log: createLog({ level: "error" }) });
  using store = await openStoreDirectories({ platform, paths, mayCreate: true });
  const { served } = store;
  const [home, other] = served.current;
  assert.ok(home !== undefined && other !== undefined);
  await served.giveUpSilent(home);
  await served.untilAnswering(home);
  await noteHoldsIndex(openDisk(a), home.disk, false);
  served.moveHome(other);
  assert.equal(await served.look(), true);
  assert.deepEqual(
    served.current.map(({ path }) => path),
    [b, c, a],
  );
});
