import assert from "node:assert/strict";
import { test } from "node:test";
import { isPending, ManualClock } from "../../extent/testing/manual-clock.ts";
import { type DiskId, type ExtentId, idOfText } from "../../format/ids.ts";
import { type DiskUse, type ExtentJob, mostApart, RunningJobs } from "./running-jobs.ts";

function diskOf(name: string): DiskId {
  return idOfText<DiskId>(name.repeat(32)); // made up
}

function use(reads: string, writes: string): DiskUse {
  return { reads: reads.split("").map(diskOf), writes: writes.split("").map(diskOf) };
}

function jobOf(extent: number): ExtentJob {
  return { extent: extent as ExtentId, ...use("a", "b") }; // made up
}

test("mostApart: the first whose disks no job uses, then one that reads what others use", () => {
  const jobs = [use("ab", "c")];
  const [apart, reading, writing] = [use("de", "f"), use("ad", "e"), use("de", "c")];
  assert.equal(mostApart([writing, reading, apart], jobs), apart);
  assert.equal(mostApart([writing, reading], jobs), reading);
  assert.equal(mostApart([writing], jobs), writing);
  assert.equal(mostApart([reading, writing], []), reading);
  assert.equal(mostApart([], jobs), undefined);
});

test("C6: two jobs write to a disk at the most", () => {
  const jobs = [use("a", "c"), use("b", "c")];
  assert.equal(mostApart([use("d", "c")], jobs), undefined);
  const other = use("c", "d");
  assert.equal(mostApart([use("d", "c"), other], jobs), other);
});

test("RunningJobs: a step is one of each job, and a job that is late holds up no other", async () => {
  const clock = new ManualClock();
  const answer = Promise.withResolvers<void>();
  const steps: ExtentId[] = [];
  const [first, late] = [jobOf(1), jobOf(2)];
  const jobs = new RunningJobs<ExtentJob>(clock, async (job) => {
    steps.push(job.extent);
    if (job === late) await answer.promise;
  });
  for (const job of [first, late]) jobs.add(job);
  const step = jobs.goOn(jobs.all);
  assert.ok(await isPending(step));
  await clock.advance(1000);
  assert.equal(await isPending(step), false);
  assert.equal(await step, true);
  const next = jobs.goOn(jobs.all);
  assert.equal(await isPending(next), false);
  assert.deepEqual(steps, [1, 2, 1]);
  answer.resolve();
  await jobs.goOn(jobs.all);
  jobs.delete(late);
  await jobs.goOn(jobs.all);
  assert.deepEqual(steps, [1, 2, 1, 1, 1]);
  jobs.delete(first);
  assert.equal(await jobs.goOn(jobs.all), false);
});

test("RunningJobs: what one job throws is thrown once the others have done their step", async () => {
  const clock = new ManualClock();
  const answer = Promise.withResolvers<void>();
  const failure = new Error("it fails");
  let isDone = false;
  const jobs = new RunningJobs<ExtentJob>(clock, async ({ extent }) => {
    if (extent === 1) throw failure;
    await answer.promise;
    isDone = true;
  });
  for (const job of [jobOf(1), jobOf(2)]) jobs.add(job);
  const step = jobs.goOn(jobs.all);
  assert.ok(await isPending(step.catch(() => undefined)));
  answer.resolve();
  await assert.rejects(step, failure);
  assert.ok(isDone);
});

test("RunningJobs: all end, though one of them fails and another is stuck for a minute", async () => {
  const clock = new ManualClock();
  const jobs = new RunningJobs<ExtentJob>(clock, () => Promise.resolve());
  const all = [jobOf(1), jobOf(2), jobOf(3)];
  const [stuck, failing] = all;
  for (const job of all) jobs.add(job);
  const ended: ExtentId[] = [];
  const closed = jobs.close(async (job) => {
    if (job === stuck) await new Promise(() => undefined);
    if (job === failing) throw new Error("it fails");
    ended.push(job.extent);
  });
  assert.ok(await isPending(closed));
  assert.deepEqual([ended, jobs.all], [[3], []]);
  await clock.advance(60_000);
  await assert.rejects(closed, { message: "it fails" });
});
