import { assert, must } from "../../base/assert.ts";
import type { IndexDamage } from "../../engine/index-damage.ts";
import type { Engine } from "../../engine/engine.ts";
import type { MemoryEngine } from "../../engine/memory-engine.ts";
import { createMemoryEngine } from "../../engine/memory-engine.ts";
import { prefixedEngine } from "../../engine/prefixed-engine.ts";
import { initialiseDataDirectory } from "../../extent/data-directories.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { extentsDirectory } from "../../extent/extent-files.ts";
import type { ExtentTable } from "../../extent/extent-table.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { DiskObservations } from "../../extent/observed-disk.ts";
import { TransferMeter } from "../../extent/metered-disks.ts";
import { MemoryDisk } from "../../extent/testing/memory-disk.ts";
import type { DiskId, SessionId, StoreId } from "../../format/ids.ts";
import type { Scheme } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { partitionPrefix } from "../../format/row-keys.ts";
import { firstPartitionId, makeFirstRows } from "../../keymap/first-rows.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { createTestPlatform } from "../../keymap/testing/test-platform.ts";
import {
  createProcessStore,
  type ObjectStore,
  storeForRequest,
} from "../../object/object-store.ts";
import { RequestPhases } from "../../object/request-phases.ts";
import type { Disk, DiskFile } from "../../platform/disk.ts";
import { DiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Platform } from "../../platform/platform.ts";
import { partsPerCommitMax } from "../../rows/uploads.ts";
import { openStoreCore } from "../../server/store-core.ts";
import type { KeptScheme } from "../redundancy/encoding.ts";
import type { Task } from "../task-loop.ts";
import type { BackgroundLimits, TaskDependencies } from "../background.ts";
import { backgroundLimits, createTasks } from "../background.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { RepairStatistics } from "../redundancy/repair.ts";
import { idOfText } from "../../format/ids.ts";

/** Time passes only when a test says so. */
export interface TestPlatform extends Platform {
  readonly clock: ManualClock;
  readonly events: string[];
}

/** Where processes come and go, and what they leave stays. */
export interface MachineOnDisks {
  readonly platform: TestPlatform;
  readonly engine: MemoryEngine;
  /** Its rows of the partition that holds all keys. */
  readonly partition: Engine;
  readonly disks: ExtentDisks;
  /** Sessions of processes that run. */
  readonly alive: Set<SessionId>;
  start(role: "front-end" | "background"): Promise<TestProcess>;
}

/** One with disks in memory. */
export interface TestMachine extends MachineOnDisks {
  readonly disk: MemoryDisk;
  /** All of them, that one first. */
  readonly memoryDisks: readonly MemoryDisk[];
}

export interface TestProcess extends ObjectStore {
  readonly damage: IndexDamage;
  readonly platform: TestPlatform;
  readonly table: ExtentTable;
  readonly disks: ExtentDisks;
  /** A test has it look for disks that hang. */
  readonly observations: DiskObservations;
  /** The process dies when it comes to its n-th commit from now, counted from 0. */
  dieAtCommit(n: number): void;
  /** Nothing it does from now on has any effect. */
  kill(): void;
  /** Seals what it has open and ends. */
  stop(): Promise<void>;
}

/** What a process that was killed meets wherever it turns. */
export class Killed extends Error {}

/** Extents are small, so that a few records fill one. */
export async function createTestMachine(
  hash: Hash,
  recordBytes = 2048,
  diskCount = 1,
): Promise<TestMachine> {
  const memoryDisks = Array.from({ length: diskCount }, (_, i) => {
    return new MemoryDisk(`/data${i === 0 ? "" : i + 1}`);
  });
  const [disk] = memoryDisks;
  assert(disk !== undefined, "a machine has a disk");
  return { ...(await createMachineOn(hash, recordBytes, memoryDisks)), disk, memoryDisks };
}

/** The same on these disks, which are empty. */
export async function createMachineOn(
  hash: Hash,
  recordBytes: number,
  dataDirectories: readonly Disk[],
): Promise<MachineOnDisks> {
  const extentBytes = extentHeaderBytes + recordBytes;
  const events: string[] = [];
  const platform: TestPlatform = {
    ...createTestPlatform(hash),
    clock: new ManualClock(),
    events,
    log: (_level, event) => void events.push(event),
  };
  const engine = createMemoryEngine();
  const store = idOfText<StoreId>("5".repeat(32)); // made up
  const ids: DiskId[] = [];
  for (const disk of dataDirectories) {
    const identity = { store, holdsIndex: ids.length === 0 };
    ids.push((await initialiseDataDirectory(disk, identity, platform.random)).disk);
  }
  const alive = new Set<SessionId>();
  const places = (guard: (disk: Disk, id: DiskId) => Disk): DataDisk[] =>
    ids.map((id, i) => {
      return localDataDisk(hash, id, guard(must(dataDirectories[i], "one for each id"), id));
    });
  const disks = { store, disks: places((one) => one) };
  const start = async (role: "front-end" | "background"): Promise<TestProcess> => {
    const life = new Life();
    const observations = new DiskObservations(platform.clock);
    const guard = (one: Disk, id: DiskId): Disk => observations.observe(id, guardDisk(one, life));
    const own = { store, disks: places(guard).map(withoutExtents) };
    const engines = new Map([["main", guardEngine(engine, life)]]);
    await makeFirstRows({ platform, engine, engineName: "main", store });
    const opened = { platform, engines, disks: own, generation: 0 };
    const core = await openStoreCore(opened, role, { extentBytes });
    const { damage, keymap, table, writer, reader, reads } = core;
    alive.add(keymap.session.id);
    life.onEnd = () => alive.delete(keymap.session.id);
    const requests = { region: "us-east-1", partsPerCommit: partsPerCommitMax };
    const shared = { platform, keymap, writer, reader, reads, ...requests };
    return {
      ...storeForRequest(createProcessStore(shared), new RequestPhases(platform.clock)),
      platform,
      disks: own,
      observations,
      table,
      damage,
      dieAtCommit: (n) => {
        life.diesAt = life.commits + n;
      },
      kill: () => life.end(),
      stop: async () => {
        const stopped = new AbortController();
        stopped.abort();
        await writer.run(stopped.signal);
        life.end();
      },
    };
  };
  const partition = prefixedEngine(engine, partitionPrefix(firstPartitionId));
  return { platform, engine, partition, disks, alive, start };
}

class Life {
  commits = 0;
  diesAt = Infinity;
  onEnd: () => void = () => {};
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.onEnd();
  }

  assertAlive(): void {
    if (this.#isOver) throw new Killed("this process was killed");
  }

  commit<T>(work: () => Promise<T>): Promise<T> {
    if (this.commits++ === this.diesAt) this.end();
    this.assertAlive();
    return work();
  }
}

function guardEngine(engine: Engine, life: Life): Engine {
  const alive = <T>(work: () => T): T => {
    life.assertAlive();
    return work();
  };
  return {
    read: (keys) => alive(() => engine.read(keys)),
    scan: (range, options) => alive(() => engine.scan(range, options)),
    commit: async (change) => life.commit(() => engine.commit(change)),
    snapshot: () => alive(() => engine.snapshot()),
    statistics: () => engine.statistics(),
    close: async () => {},
  };
}

function guardDisk(disk: Disk, life: Life): Disk {
  const alive = <T>(work: () => Promise<T>): Promise<T> =>
    life.isOver ? Promise.reject(new DiskError("io", "this process was killed")) : work();
  const guardFile = (file: DiskFile): DiskFile => ({
    read: (buffer, offset) => alive(() => file.read(buffer, offset)),
    write: (vectors, offset) => alive(() => file.write(vectors, offset)),
    sync: () => alive(() => file.sync()),
    size: () => alive(() => file.size()),
    writeDurably: (vectors, offset) => alive(() => file.writeDurably(vectors, offset)),
    isInPlace: (head) => alive(async () => file.isInPlace(head)),
    close: () => file.close(),
  });
  return {
    name: disk.name,
    open: (path, mode) => alive(async () => guardFile(await disk.open(path, mode))),
    list: (directory) => alive(() => disk.list(directory)),
    makeDirectory: (path) => alive(() => disk.makeDirectory(path)),
    rename: (from, to) => alive(() => disk.rename(from, to)),
    remove: (path) => alive(() => disk.remove(path)),
    syncDirectory: (path) => alive(() => disk.syncDirectory(path)),
    space: () => alive(() => disk.space()),
  };
}

/** Refuses paths of extents: tests of `control` show so that members alone reach extents. */
function withoutExtents(place: DataDisk): DataDisk {
  const { disk } = place;
  const beside = <T>(path: string, work: () => Promise<T>): Promise<T> => {
    if (path.startsWith(extentsDirectory)) throw new Error(`${path} is reached past its members`);
    return work();
  };
  const guarded: Disk = {
    name: disk.name,
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: () => disk.space(),
    open: (path, mode) => beside(path, () => disk.open(path, mode)),
    list: (directory) => beside(directory, () => disk.list(directory)),
    remove: (path) => beside(path, () => disk.remove(path)),
  };
  return { ...place, disk: guarded };
}

export interface TestTasks {
  readonly counters: BackgroundCounters;
  /** Steps all tasks until none has anything to do. */
  runUntilIdle(): Promise<void>;
  /** Not among `tasks`: it never comes to an end. */
  readonly generation: Task;
  /** Not among them either: it waits for its time. */
  readonly scrub: Task;
  readonly tasks: readonly Task[];
  repairStatistics(): RepairStatistics;
}

/** What is coded already stays as it is. */
export function keptIn(scheme: Scheme): KeptScheme {
  return { scheme, isWished: false, isLeft: false };
}

/** Steps that a test can need at the most. */
const stepsMax = 10_000;

export function tasksOf(
  machine: MachineOnDisks,
  process: TestProcess & Pick<TaskDependencies, "shipping">,
  limits: Partial<BackgroundLimits> = {},
  schemeAtRest: Scheme = { kind: "replicated", copies: 1, quorum: 1 },
): TestTasks {
  const isAlive = (session: SessionId) => machine.alive.has(session);
  const transfers = new TransferMeter();
  const atRest = () => Promise.resolve(keptIn(schemeAtRest));
  const options = { ...process, isAlive, transfers, schemeAtRest: atRest };
  const all = createTasks(options, {
    ...backgroundLimits,
    deadShare: 1e-9,
    smallBytes: 0,
    drainRestMs: 0,
    encodedBytesMin: 0,
    ...limits,
  });
  const tasks = [
    all.deadWriters,
    all.bucketSweep,
    all.straySweep,
    all.inventory,
    all.reclaim,
    all.drops,
    all.encoding,
    all.repair,
  ];
  const { signal } = new AbortController();
  return {
    tasks,
    generation: all.generation,
    scrub: all.scrub,
    counters: all.counters,
    repairStatistics: () => all.repairStatistics(),
    async runUntilIdle() {
      for (let step = 0; step < stepsMax; step++) {
        let isBusy = false;
        for (const task of tasks) isBusy = (await task.step(signal)) === "busy" || isBusy;
        if (!isBusy) return;
      }
      throw new Error("the tasks never come to rest");
    },
  };
}
