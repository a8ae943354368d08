// Repair and scrub from the command line, on a real server.
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RepairReport, ScrubReport } from "../admin/work-pages.ts";
import {
  connectionTo,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { commandsIn } from "./testing/commands-in.ts";
import { repairReportLines } from "./work.ts";

test("scrub: what was written is read when it is asked for; pauses outlive a restart", async () => {
  using scratch = new Scratch();
  const directories = ["a", "b"].map((name) => scratch.directory(name));
  const { done, refused } = commandsIn(scratch.path);
  const scrub = async (): Promise<ScrubReport> =>
    JSON.parse(await done("scrub", "--json")) as ScrubReport; // our own output
  const repair = async (): Promise<RepairReport> =>
    JSON.parse(await done("repair", "--json")) as RepairReport; // our own output
  {
    await using server = new ServedStore(directories, ["--seal-after", "1s"]);
    const s3 = connectionTo(await started(server));
    await s3.send("PUT", "/bucket");
    await s3.send("PUT", "/bucket/object", { body: "x".repeat(100_000) });
    await until("both disks were read", async () => {
      const { disks } = await scrub();
      return disks.length === 2 && disks.every(({ readSince }) => readSince !== null);
    });
    let askedMs = Date.now();
    assert.match(await done("scrub", "start"), /^every disk is read and verified now/);
    await until("both disks were read since then, the object too", async () => {
      // What was not sealed yet was not read: then it is asked for once more.
      const { disks } = await scrub();
      const isRead = disks.every(({ readSince }) => Date.parse(readSince ?? "") >= askedMs);
      if (!isRead || disks.every(({ members }) => members > 0)) return isRead;
      askedMs = Date.now();
      await done("scrub", "start");
      return false;
    });
    assert.match(
      await done("scrub"),
      /^everything is read and verified every 14d\nDIRECTORY +VERIFIED/,
    );
    const { disks } = await scrub();
    const since = (at: number): number => Date.parse(disks[at]?.readSince ?? "");
    await done("scrub", "start", "b");
    await until("one disk was read again", async () => {
      const [first, second] = (await scrub()).disks;
      assert.equal(Date.parse(first?.readSince ?? ""), since(0));
      return Date.parse(second?.readSince ?? "") > since(1);
    });
    await refused(/the store has no disk .*none: holdfast disk list/, "scrub", "start", "none");
    await refused(/"b" belongs to no flag/, "scrub", "pause", "b");
    await done("scrub", "pause");
    await done("repair", "pause");
    await refused(/scrub is paused: holdfast scrub resume/, "scrub", "start");
  }
  await using server = new ServedStore(directories);
  await started(server);
  assert.match(await done("scrub"), /^scrub is PAUSED: holdfast scrub resume goes on\n/);
  assert.match(await done("repair"), /^repair is PAUSED: holdfast repair resume goes on\n/);
  assert.equal((await scrub()).isPaused, true);
  assert.match(await done("scrub", "resume"), /^scrub goes on\n/);
  assert.match(await done("repair", "resume"), /^repair goes on\n/);
  assert.match(await done("repair", "start"), /^repair looks through all extents now\n/);
  assert.equal((await scrub()).isPaused, false);
  // Ends once nothing is to be done.
  assert.match(await done("repair", "--watch"), /no members are to be made/);
  assert.equal((await repair()).isPaused, false);
});

test("C8: repair --watch goes on while members wait for a disk that is away", async () => {
  using scratch = new Scratch();
  const directories = ["a", "b"].map((name) => scratch.directory(name));
  const { done } = commandsIn(scratch.path);
  const repair = async (...more: string[]): Promise<RepairReport> => {
    const lines = (await done("repair", "--json", ...more)).trimEnd().split("\n");
    return JSON.parse(lines.at(-1) ?? "") as RepairReport; // our own output
  };
  await using server = new ServedStore(directories, ["--seal-after", "1s"]);
  const s3 = connectionTo(await started(server));
  await s3.send("PUT", "/bucket");
  await s3.send("PUT", "/bucket/object", { body: "x".repeat(100_000) });
  await until("all is whole", async () => (await repair()).isWhole);
  const identity = join(scratch.directory("b"), "holdfast.json");
  renameSync(identity, `${identity}.away`);
  await until("members wait", async () => {
    const { waitingExtents, extents, isLooking } = await repair();
    return (waitingExtents ?? 0) > 0 && extents === 0 && !isLooking;
  });
  const text = /members are short, and wait for their disks/;
  assert.match(await done("repair"), text);
  assert.match(await done("status"), text);
  const watched = repair("--watch");
  assert.equal((await repair()).isWhole, false);
  renameSync(`${identity}.away`, identity);
  assert.equal((await watched).isWhole, true);
});

test("C8: repair says that members wait for their disks, or why else not all is whole", () => {
  const report: RepairReport = {
    isPaused: false,
    isLooking: false,
    isWhole: false,
    shortExtents: 3,
    waitingExtents: 1,
    narrowExtents: 0,
    extents: 0,
    bytesLeft: 0,
    stuck: 0,
    secondsLeft: null,
    membersMade: 0,
    bytesMade: 0,
    now: [],
  };
  const first = (more: Partial<RepairReport>) => repairReportLines({ ...report, ...more })[0];
  const waiting = "members are short, and wait for their disks";
  const unplanned = "members were short as last counted, and are not planned yet";
  assert.equal(first({}), `${waiting}; ${unplanned}`);
  assert.equal(first({ waitingExtents: 3 }), waiting);
  assert.equal(first({ shortExtents: null }), "extents are not counted yet");
  const whole = { isWhole: true, shortExtents: 0, waitingExtents: 0 };
  assert.equal(first(whole), "no members are to be made");
});
