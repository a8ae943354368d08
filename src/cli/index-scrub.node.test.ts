// Scrub of the commit log and of snapshots, on a real server with real files.
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ScrubbedIndex, ScrubReport } from "../admin/work-pages.ts";
import { must } from "../base/assert.ts";
import { assertHeld, makeBucket, putKeys } from "../node/testing/bucket-content.ts";
import { keysOf } from "../node/testing/serving.ts";
import {
  connectionTo,
  figureOf,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { commandsIn } from "./testing/commands-in.ts";

const filesIn = (directories: readonly string[], folder: string, end: string): string[] =>
  directories.flatMap((directory) => {
    const names = readdirSync(join(directory, folder)).filter((name) => name.endsWith(end));
    return names.map((name) => join(directory, folder, name));
  });

/** Flips a bit of the file in place, as a disk does; what was there. */
function flip(path: string, at: number): Buffer {
  const before = readFileSync(path);
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(must(before[at], "a byte") ^ 0x10), 0, 1, at);
  closeSync(file);
  return before;
}

test("C4, C5: a bit flipped in a log segment and one in a snapshot are found by scrub, and mended", async () => {
  using scratch = new Scratch();
  const directories = ["a", "b", "c"].map((name) => scratch.directory(name));
  const { done } = commandsIn(scratch.path);
  {
    await using server = new ServedStore(directories);
    const s3 = connectionTo(await started(server));
    await makeBucket(s3);
    await until("there is a snapshot", async () => {
      return (await figureOf(s3, "holdfast_index_snapshot_copies")) === 3;
    });
    await putKeys(s3, keysOf("late"));
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  }
  await using server = new ServedStore(directories);
  const s3 = connectionTo(await started(server));
  const scrubbed = async (): Promise<ScrubbedIndex | null> =>
    (JSON.parse(await done("scrub", "--json")) as ScrubReport).index; // our own output
  // Otherwise the round under way could find them before the one that is asked for.
  await until("the first round is over", async () => (await scrubbed())?.isReading === false);
  const segments = filesIn(directories, "log", ".log");
  const segment = must(
    segments.findLast((path) => readFileSync(path).includes("late-7")),
    "a segment with the row",
  );
  const at = readFileSync(segment).indexOf("late-7");
  const snapshot = must(filesIn(directories, "snapshots", ".snapshot")[1], "a snapshot");
  const segmentBefore = flip(segment, at);
  const snapshotBefore = flip(snapshot, 500);
  const askedMs = Date.now();
  await done("scrub", "start");
  await until("log and snapshots were read", async () => {
    return Date.parse((await scrubbed())?.readSince ?? "") >= askedMs;
  });
  const { bad, mended, lost } = must((await scrubbed()) ?? undefined, "a report");
  assert.deepEqual({ bad, mended, lost }, { bad: 2, mended: 2, lost: 0 });
  assert.match(
    await done("scrub"),
    /\nindex log and snapshots: verified .* ago; 2 copies not whole, 2 of them made anew\n/,
  );
  assert.match(
    await done("status"),
    /index copies +verified since: 20.*; 2 not whole, 2 of them made anew\n/,
  );
  assert.equal(await figureOf(s3, "holdfast_index_copies_damaged_total"), 2);
  assert.deepEqual(readFileSync(snapshot), snapshotBefore);
  const slots = 8192;
  const recordAt = Math.floor(at / 512) * 512;
  assert.ok(recordAt >= slots);
  assert.deepEqual(
    readFileSync(segment).subarray(slots, recordAt + 512),
    segmentBefore.subarray(slots, recordAt + 512),
  );
  await assertHeld(s3, keysOf("late"));
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});
