import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { ExtentEntry } from "../extent/extent-table.ts";
import type { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { isPending } from "../extent/testing/manual-clock.ts";
import { createHash } from "../node/platform/hash.ts";
import { filePaths, memoryDiskOf, storeObjects } from "./redundancy/testing/coded-extents.ts";
import type { Task } from "./task-loop.ts";
import { remove } from "./testing/objects.ts";
import {
  createTestMachine,
  tasksOf,
  type TestMachine,
  type TestProcess,
} from "./testing/processes.ts";

const hash = createHash();
const { signal } = new AbortController();

/** Each task in a loop of its own, as in production; time passes second by second. */
class Loops {
  readonly #machine: TestMachine;
  readonly #process: TestProcess;
  readonly #tasks: readonly Task[];
  readonly #underWay = new Map<Task, Promise<unknown>>();

  constructor(machine: TestMachine, process: TestProcess) {
    this.#machine = machine;
    this.#process = process;
    const limits = { straySweepMs: 10_000, scrubMs: 1000 };
    const { tasks, scrub, generation } = tasksOf(machine, process, limits);
    this.#tasks = [...tasks, scrub, generation];
  }

  async secondsUntil(isDone: () => Promise<boolean>, secondsMax: number): Promise<number> {
    for (let seconds = 0; ; seconds++) {
      if (await isDone()) return seconds;
      const waiting = [...this.#underWay.keys()].map(({ name }) => name).join();
      assert.ok(seconds < secondsMax, `not done after ${seconds} s; steps under way: ${waiting}`);
      for (const task of this.#tasks) await this.#stepWhileBusy(task);
      await this.#machine.platform.clock.advance(1000);
      this.#process.observations.look();
      this.#process.reads.endPeriod();
    }
  }

  async #stepWhileBusy(task: Task): Promise<void> {
    for (let isBusy = !this.#underWay.has(task); isBusy;) {
      isBusy = false;
      const step = task.step(signal).then((outcome) => void (isBusy = outcome === "busy"));
      this.#underWay.set(task, step);
      const ended = step.finally(() => this.#underWay.delete(task));
      ended.catch(() => undefined); // tried again, as by its loop
      if (await isPending(ended)) return;
    }
  }
}

function isOn(machine: TestMachine, { row }: ExtentEntry, disk: MemoryDisk): boolean {
  return row.members.some((member) => memoryDiskOf(machine, member.disk) === disk);
}

test("C8: a disk that hangs holds background work up once, and catches up when it answers", async () => {
  const machine = await createTestMachine(hash, 2048, 4);
  const objects = 40;
  await storeObjects(machine, objects);
  const process = await machine.start("background");
  for (let i = 0; i < objects; i += 2) await remove(process, `key ${i}`);
  const entries = () => process.table.list(undefined, 1000);
  const before = await entries();
  assert.ok(before.length >= 10, `${before.length} extents`);
  // Not the one of the index; each extent has a copy on it.
  const [, second] = must(before[0], "an extent").row.members;
  const hanging = memoryDiskOf(machine, must(second, "a member").disk);
  assert.ok(hanging !== machine.disk && before.every((entry) => isOn(machine, entry, hanging)));
  const answer = Promise.withResolvers<void>();
  hanging.before = () => answer.promise;
  const loops = new Loops(machine, process);
  /** All that needs no answer of the disk. */
  const isReclaimed = async (): Promise<boolean> => {
    return (await entries()).every(({ row }) => {
      const isEmptied = row.state === "dropping" || row.members.length === 0;
      return (
        isEmptied || row.state === "open" || (row.state === "reconciled" && row.deadBytes === 0)
      );
    });
  };
  await loops.secondsUntil(isReclaimed, 20);

  answer.resolve();
  hanging.before = () => undefined;
  const isTidy = async (): Promise<boolean> => {
    const { found, stated } = await filePaths(machine, process);
    const rows = (await entries()).map(({ row }) => row);
    const isWhole = rows.every(({ state, members, leaving }) => {
      const areWhole = members.length > 0 && members.every((one) => one.state === "whole");
      return state !== "dropping" && leaving.length === 0 && areWhole;
    });
    return isWhole && found.join() === stated.join();
  };
  await loops.secondsUntil(isTidy, 180);
  assert.ok((await entries()).length < before.length);
});
