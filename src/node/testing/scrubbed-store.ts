import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { must } from "../../base/assert.ts";
import type { BackgroundLimits } from "../../control/background.ts";
import { makeBucket } from "../../control/testing/objects.ts";
import {
  createMachineOn,
  type MachineOnDisks,
  tasksOf,
  type TestProcess,
  type TestTasks,
} from "../../control/testing/processes.ts";
import { extentPath } from "../../extent/extent-files.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { Scheme } from "../../format/extent-row.ts";
import { openDisk } from "../disk/disk.ts";
import { createHash } from "../platform/hash.ts";
import { Scratch } from "./served-store.ts";

export interface ScrubbedStoreOptions {
  readonly disks: number;
  /** Record bytes of an extent. */
  readonly extentBytes: number;
  readonly limits?: Partial<BackgroundLimits> | undefined;
  readonly schemeAtRest?: Scheme | undefined;
  /** Puts what is in the store. */
  readonly fill: (front: TestProcess) => Promise<void>;
}

/** Steps that reading every disk can need at the most. */
const stepsMax = 2000;
const roundMs = 14 * 24 * 3_600_000;

/** Real files under the background's tasks, whose time passes when the test says so. */
export class ScrubbedStore implements AsyncDisposable {
  readonly machine: MachineOnDisks;
  /** Where the tasks run. */
  readonly process: TestProcess;
  readonly tasks: TestTasks;
  readonly #scratch: Scratch;

  private constructor(
    scratch: Scratch,
    machine: MachineOnDisks,
    process: TestProcess,
    tasks: TestTasks,
  ) {
    this.#scratch = scratch;
    this.machine = machine;
    this.process = process;
    this.tasks = tasks;
  }

  /** One in which all extents are settled and whole, and coded where that is wanted. */
  static async create(options: ScrubbedStoreOptions): Promise<ScrubbedStore> {
    const scratch = new Scratch();
    const disks = Array.from({ length: options.disks }, (_, i) => {
      const directory = scratch.directory(`disk${i}`);
      mkdirSync(directory);
      return openDisk(directory);
    });
    const machine = await createMachineOn(createHash(), options.extentBytes, disks);
    const front = await machine.start("front-end");
    await makeBucket(front);
    await options.fill(front);
    await stopInTime(front);
    const process = await machine.start("background");
    const limits = { deadShare: 1, encodedBytesMin: Infinity, ...options.limits };
    const tasks = tasksOf(machine, process, limits, options.schemeAtRest);
    const store = new ScrubbedStore(scratch, machine, process, tasks);
    await tasks.runUntilIdle();
    process.reads.endPeriod();
    await tasks.runUntilIdle();
    tasks.counters.membersRepaired = 0;
    return store;
  }

  entries(): Promise<ExtentEntry[]> {
    return this.process.table.list(undefined, 1000);
  }

  /** The data directory of a member. */
  directoryOf({ row }: ExtentEntry, member: number): string {
    const { disk } = must(row.members[member], "a member");
    const place = this.machine.disks.disks.find((one) => one.id === disk);
    return must(place, "its disk").members.name;
  }

  pathOf(entry: ExtentEntry, member: number): string {
    return join(this.directoryOf(entry, member), extentPath(entry.id, entry.row.layout));
  }

  bytesOf(entry: ExtentEntry, member: number): Uint8Array {
    return readFileSync(this.pathOf(entry, member));
  }

  /** Changes a member's file. */
  change(entry: ExtentEntry, member: number, change: (bytes: Uint8Array) => void): void {
    const bytes = this.bytesOf(entry, member);
    change(bytes);
    writeFileSync(this.pathOf(entry, member), bytes);
  }

  /** Takes steps until every disk was read. */
  async scrub(): Promise<void> {
    const { signal } = new AbortController();
    for (let steps = 0; steps < stepsMax; steps++) {
      if ((await this.tasks.scrub.step(signal)) === "idle") return;
      await this.machine.platform.clock.advance(1000);
    }
    throw new Error("scrubbing comes to no end");
  }

  /** Repairs, and scrubs all once more. */
  async repairAndScrub(): Promise<void> {
    const { clock } = this.machine.platform;
    await clock.advance(61_000); // disks are looked at anew, and nothing rests any more
    await this.tasks.runUntilIdle();
    clock.setWall(roundMs);
    await this.scrub();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.reader.close();
    this.process.kill();
    this.#scratch[Symbol.dispose]();
  }
}

/** Stopping waits for members that are slower than others; one that is late is repaired then. */
export async function stopInTime(process: TestProcess): Promise<void> {
  let isStopped = false;
  const stopping = process.stop().finally(() => (isStopped = true));
  for (; !isStopped; await setImmediate()) await process.platform.clock.advance(1);
  await stopping;
  await process.reader.close();
}
