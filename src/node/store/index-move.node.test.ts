import assert from "node:assert/strict";
import { cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import { readRow } from "../../engine/engine.ts";
import { IndexDamage } from "../../engine/index-damage.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import { type DiskPlan, emptyDisk, resumeDisk } from "../../keymap/disk-changes.ts";
import { changeDisks, earlyRegistryOf } from "../../keymap/disk-registry.ts";
import { commitEarly } from "../../keymap/first-rows.ts";
import type { Platform } from "../../platform/platform.ts";
import { copyServedIndex } from "../../server/index-copy.ts";
import { openDisk } from "../disk/disk.ts";
import { createPlatform } from "../platform/platform.ts";
import { Scratch } from "../testing/served-store.ts";
import { beginCopy, handOverIndex } from "./index-move.ts";
import { openStore } from "./open-store.ts";
import { type LockedStore, openStoreDirectories } from "./store-directories.ts";

// The supervisor's part of a move of the index, cut off at each of its steps.

const key = encodeUtf8("zz/test"); // no other row has such a key

class Cut extends Error {}

/** A platform on which the process ends where it logs an event. */
function platformThatEndsAt(event: string | undefined): Platform {
  return createPlatform({
    log: (_level, one) => {
      if (one === event) throw new Cut(one);
    },
  });
}

class MovedStore {
  readonly paths: readonly string[];
  #value = 0;

  constructor(scratch: Scratch) {
    this.paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  }

  open(platform = platformThatEndsAt(undefined)): Promise<LockedStore> {
    return openStoreDirectories({ platform, paths: this.paths, mayCreate: true });
  }

  /** Serves it: changes a row, and the disks by a plan. */
  async serve(store: LockedStore, plan?: DiskPlan): Promise<void> {
    const platform = platformThatEndsAt(undefined);
    const opened = await openStore(platform, store, () => undefined);
    const { index } = opened;
    const row = await readRow(index, key);
    assert.equal(row?.value[0] ?? 0, this.#value, "what was committed last is there");
    const checks = [{ key, expect: row?.stamp ?? ("absent" as const) }];
    const puts = [{ key, value: Uint8Array.of(++this.#value) }];
    assert.notEqual(await commitEarly(platform, index, { checks, puts, deletes: [] }), "conflict");
    if (plan !== undefined) await changeDisks(earlyRegistryOf(platform, index), plan);
    await opened.close();
  }

  /** Copies the index to `b` while it is served. */
  async copy(store: LockedStore): Promise<void> {
    const platform = platformThatEndsAt(undefined);
    const opened = await openStore(platform, store, () => undefined);
    const { index } = opened;
    const { disks } = opened.machine;
    const to = must(disks.disks[1], "a second disk");
    const copy = await copyServedIndex({ platform, disks, index }, () => beginCopy(platform, to));
    await copy.close();
    await opened.close();
  }

  /** Hands over to the copy on `b`; the data directory that the index is in then. */
  async handOver(store: LockedStore, platform: Platform): Promise<string | undefined> {
    const to = must(store.directories[1], "a second directory");
    let home: string | undefined;
    const onMoved = ({ path }: { readonly path: string }): void => void (home = path);
    const { directories } = store;
    await handOverIndex({ platform, location: { ...store, directories }, onMoved }, to.disk);
    return home;
  }

  async homes(): Promise<string[]> {
    const homes: string[] = [];
    for (const path of this.paths) {
      if ((await readIdentity(openDisk(path)))?.holdsIndex === true) homes.push(path);
    }
    return homes;
  }
}

const drain: DiskPlan = (rows) => {
  const home = must(
    rows.find(({ name }) => name.endsWith("/a")),
    "a disk",
  );
  return emptyDisk(home.disk, 1)(rows);
};

test("C1, C9: index move: all that was committed is at the new home, and the old one is no home any more", async () => {
  using scratch = new Scratch();
  const moved = new MovedStore(scratch);
  const [a = "", b = ""] = moved.paths;
  {
    using store = await moved.open();
    await moved.serve(store, drain);
    await moved.copy(store);
    await moved.serve(store);
    assert.equal(await moved.handOver(store, platformThatEndsAt(undefined)), b);
  }
  assert.deepEqual(await moved.homes(), [b]);
  assert.ok(!existsSync(join(a, "index")));
  assert.ok(!existsSync(join(b, "index.moving")));
  using store = await moved.open();
  assert.equal(store.directories[0]?.path, b);
  await moved.serve(store);
});

test("C1: index move: cut off at any step the store starts with all that was committed, and it is moved then", async () => {
  const steps = [
    "index_copy_whole",
    "index_kept_aside",
    "index_home_given_up",
    "index_home_changed",
  ];
  for (const step of steps) {
    using scratch = new Scratch();
    const moved = new MovedStore(scratch);
    {
      using store = await moved.open();
      await moved.serve(store, drain);
      await moved.copy(store);
      await moved.serve(store);
      await assert.rejects(moved.handOver(store, platformThatEndsAt(step)), Cut);
    }
    for (let start = 0; start < 2; start++) {
      using store = await moved.open();
      assert.deepEqual(await moved.homes(), [store.directories[0]?.path], step);
      await moved.serve(store);
      if (store.directories[0]?.path !== moved.paths[0]) continue;
      await moved.copy(store);
      await moved.handOver(store, platformThatEndsAt(undefined));
    }
    const [home = ""] = await moved.homes();
    assert.ok(!home.endsWith("/a"), step);
  }
});

test("C9: index move: a copy that the log does not lead to where the index is, is not made the index", async () => {
  using scratch = new Scratch();
  const moved = new MovedStore(scratch);
  const [a = ""] = moved.paths;
  using store = await moved.open();
  await moved.serve(store, drain);
  await moved.copy(store);
  const logs = moved.paths.map((path) => join(path, "log"));
  for (const log of logs) cpSync(log, `${log}.then`, { recursive: true });
  await moved.serve(store);
  for (const log of logs) {
    rmSync(log, { recursive: true });
    renameSync(`${log}.then`, log);
  }
  await assert.rejects(moved.handOver(store, platformThatEndsAt(undefined)), {
    code: "missing",
    message: /the log leads to commit/,
  });
  assert.deepEqual(await moved.homes(), [a]);
  await moved.serve(store);
});

test("index move: the index stays where a person put its disk back to use, or it was seen damaged", async () => {
  using scratch = new Scratch();
  const moved = new MovedStore(scratch);
  const [a = ""] = moved.paths;
  using store = await moved.open();
  await moved.serve(store, drain);
  await moved.copy(store);
  const home = must(store.directories[0], "a home");
  await moved.serve(store, resumeDisk(home.disk, 2));
  const platform = platformThatEndsAt(undefined);
  await assert.rejects(moved.handOver(store, platform), { code: "cancelled" });
  await moved.serve(store, drain);
  const damage = new IndexDamage(platform, openDisk(a));
  damage.seen("a wrong row");
  await damage.settled();
  await assert.rejects(moved.handOver(store, platform), {
    code: "corrupt",
    message: /the index is damaged: a wrong row/,
  });
  assert.deepEqual(await moved.homes(), [a]);
  await moved.serve(store);
});
