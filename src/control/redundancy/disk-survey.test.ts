import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { createHash } from "../../node/platform/hash.ts";
import { createTestMachine } from "../testing/processes.ts";
import { DiskSurvey } from "./disk-survey.ts";

const hash = createHash();

test("survey: a disk that gives no answer is away until it does, and holds up nobody", async () => {
  const machine = await createTestMachine(hash, 2048, 3);
  const { clock } = machine.platform;
  const survey = new DiskSurvey(await machine.start("background"));
  const isThere = async (): Promise<boolean[]> => {
    await clock.advance(3000); // what was seen before is too old then
    let isDone = false;
    const looking = survey.now().finally(() => (isDone = true));
    for (let i = 0; i < 10 && !isDone; i++) await clock.advance(500);
    assert.ok(isDone, "the others are looked at in time");
    const { disks } = await looking;
    return machine.disks.disks.map(({ id }) => disks.get(id)?.place !== undefined);
  };
  const still = Promise.withResolvers<void>();
  for (const disk of machine.memoryDisks) disk.before = () => still.promise;
  const looking = survey.now();
  await clock.advance(5000);
  still.resolve();
  const { disks } = await looking;
  const count = [...disks.values()].filter(({ place }) => place !== undefined).length;
  assert.equal(count, 3, "a machine that stands still is no disk's fault");

  const [, hanging] = machine.memoryDisks;
  assert.ok(hanging !== undefined);
  const answer = Promise.withResolvers<void>();
  hanging.before = () => answer.promise;
  assert.deepEqual(await isThere(), [true, false, true]);
  assert.deepEqual(await isThere(), [true, false, true]);
  answer.resolve();
  assert.deepEqual(await isThere(), [true, true, true]);
  const { id } = must(machine.disks.disks[1], "a disk");
  assert.equal((await survey.now()).disks.get(id)?.absentSinceMs, undefined);
});
