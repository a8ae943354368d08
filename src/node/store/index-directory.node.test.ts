import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { initialiseDataDirectory, noteOtherDirectories } from "../../extent/data-directories.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { idOfText, type StoreId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import { openDisk } from "../disk/disk.ts";
import { createRandom } from "../platform/random.ts";
import { HangingDirectory } from "../testing/hanging-directory.ts";
import { runHoldfast } from "../testing/run-holdfast.ts";
import { Scratch } from "../testing/served-store.ts";
import { serving } from "../testing/serving.ts";
import { answerMs } from "./directory-looks.ts";
import { indexDirectoryOf } from "./index-directory.ts";

const store = idOfText<StoreId>("5".repeat(32)); // made up

async function makeDirectory(path: string, holdsIndex: boolean, others: readonly string[] = []) {
  mkdirSync(path);
  const disk = openDisk(path);
  const identity = await initialiseDataDirectory(disk, { store, holdsIndex }, createRandom());
  await noteOtherDirectories(disk, identity.disk, others);
}

/** A clock on which a directory that gives no answer is late as soon as it is waited for. */
function clockWhere(isOver: (ms: number) => boolean): Clock {
  const clock = new ManualClock();
  const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
    isOver(ms) ? Promise.resolve() : clock.sleep(ms, signal);
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    turn: () => clock.turn(),
    sleep,
  };
}

test("index directory: one that hangs holds up no look at the others", async () => {
  using scratch = new Scratch();
  const [hanging = "", home = "", other = ""] = ["hanging", "home", "other"].map((name) => {
    return scratch.directory(name);
  });
  using _hang = new HangingDirectory(hanging);
  await makeDirectory(home, true);
  await makeDirectory(other, false, [hanging, home]);
  const still = clockWhere(() => false);
  assert.equal(await indexDirectoryOf(still, [hanging, home]), home, "no time passes for it");
  // None of those that answer in time holds it, but one of them knows the home.
  const afterOne = clockWhere((ms) => ms === answerMs);
  assert.equal(await indexDirectoryOf(afterOne, [hanging, other]), home);
  const alone = scratch.directory("alone");
  await makeDirectory(alone, false);
  assert.equal(await indexDirectoryOf(afterOne, [hanging, alone]), alone);
  const none = indexDirectoryOf(
    clockWhere(() => true),
    [hanging],
  );
  await assert.rejects(none, { code: "unavailable", message: /no answer: see to the disk/ });
});

test("index directory: a command ends while a data directory that it was given hangs", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = ""] = paths;
  await serving(paths, () => Promise.resolve());
  using _hang = new HangingDirectory(b);
  const ran = await runHoldfast("env", "--json", "--data", [b, c, a].join(","));
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /"AWS_ACCESS_KEY_ID":"/);
});
