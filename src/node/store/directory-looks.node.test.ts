import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { HangingDirectory, passOver } from "../testing/hanging-directory.ts";
import { Scratch } from "../testing/served-store.ts";
import { DirectoryLooks } from "./directory-looks.ts";
import { openStoreDirectories } from "./store-directories.ts";

function platformWith(clock: ManualClock) {
  const log = createLog({ level: "error", style: "json" });
  return { ...createPlatform({ log }), clock };
}

test("directory looks: one that hangs is left out in time, what is missing or fails answers", async () => {
  using scratch = new Scratch();
  const [empty = "", hanging = ""] = ["empty", "hanging"].map((name) => scratch.directory(name));
  mkdirSync(empty);
  const missing = scratch.directory("missing");
  using _hang = new HangingDirectory(hanging);
  const clock = new ManualClock();
  const looks = new DirectoryLooks(platformWith(clock));
  const paths = [hanging, empty, missing];
  assert.deepEqual(await passOver(clock, looks.answering(paths)), [empty, missing]);
  assert.deepEqual(looks.silent, [hanging]);
  assert.equal(await looks.answers(hanging), false, "it is not asked again");
  assert.equal(await looks.answers(empty), true);
});

test("C9: directory looks: no store is made while a directory that could hold one hangs", async () => {
  using scratch = new Scratch();
  const [empty = "", hanging = ""] = ["empty", "hanging"].map((name) => scratch.directory(name));
  mkdirSync(empty);
  using _hang = new HangingDirectory(hanging);
  const clock = new ManualClock();
  const platform = platformWith(clock);
  const opening = openStoreDirectories({ platform, paths: [empty, hanging], mayCreate: true });
  await assert.rejects(passOver(clock, opening), /hanging gives no answer.*may hold a store/);
});

test("directory looks: a start in which no directory answers is refused, with the fix", async () => {
  using scratch = new Scratch();
  const hanging = scratch.directory("hanging");
  using _hang = new HangingDirectory(hanging);
  const clock = new ManualClock();
  const looks = new DirectoryLooks(platformWith(clock));
  const refused = passOver(clock, looks.answering([hanging]));
  await assert.rejects(refused, /no answer: see to the disk/);
});
