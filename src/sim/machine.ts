import { isStoreError, messageOf } from "../base/errors.ts";
import { isHeldExtent } from "../control/extents/extent-health.ts";
import { isHeldAt } from "../control/restore-window.ts";
import type { MemoryEngine } from "../engine/memory-engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { isRemoved } from "../extent/mounted-disks.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "../format/ids.ts";
import type { Hash } from "../platform/hash.ts";
import type { Log, Platform } from "../platform/platform.ts";
import { SessionRegister, isAlive } from "../server/session-roster.ts";
import { WallClock } from "./clock.ts";
import type { SimDisk } from "./disk.ts";
import type { Inode } from "./disk/inode.ts";
import { SimEngine } from "./engine.ts";
import { Violation } from "./history.ts";
import { type SimFleet, MachineDisks, type OpenedDisks } from "./machine-disks.ts";
import { createSimPlatform } from "./platform.ts";
import { SimProcess } from "./process.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";
import type { Role, RoleAccess } from "./roles.ts";
import { partsPerCommit, runRole } from "./roles.ts";
import type { Scheduler } from "./scheduler.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import { LogWriter } from "../extent/log-writer.ts";
import { appendSparse } from "../server/index-recovery.ts";
import type { LoggedWith } from "./engine/logged-index.ts";
import { recoverSimulated, startStore } from "./start-store.ts";
import { idOfText } from "../format/ids.ts";

/*
 * One machine: data directories and an index that outlive processes, two front ends and a
 * background worker that run the real code on them, and a supervisor that starts again what died.
 */

const roles: readonly Role[] = ["front end", "front end", "background"];
/** The simulation begins at some date. */
const startMs = Date.UTC(2026, 0, 1);
const restartMs = 500;
const logLinesMax = 40;
/** Small, so that the log has many segments in a run. */
const logSegmentBytes = 24 * 1024;
/** Larger where there are many disks: each look at the log reads all heads on all of them. */
const fleetLogSegmentBytes = 48 * 1024;
const logAheadBytes = 4096;
/** Time from meeting damage to reporting it: no answer of the index takes so long. */
const tellingMs = 1000;

export interface MachineOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly hash: Hash;
  readonly disks: number;
  /** Undefined where the disks are fixed, and no registry knows them. */
  readonly fleet: SimFleet | undefined;
  /** The index has a log on the disks. */
  readonly isLogged: boolean;
  readonly extentBytes: number;
  /** What was freed is kept for so long, for a restore; 0: it is not. */
  readonly restoreWindowMs: number;
  readonly stallShare: number;
  readonly unknownShare: number;
  /** Commits that may wait in a process. */
  readonly waitingCommitsMax: number;
}

export interface RunningProcess {
  readonly role: Role;
  readonly process: SimProcess;
  /** Empty until it serves, and once it is asked to stop. */
  access: RoleAccess;
  /** Another was started in its place. */
  isReplaced: boolean;
  readonly died: Promise<void>;
  readonly end: () => void;
  readonly stop: AbortController;
}

export class Machine {
  readonly options: MachineOptions;
  readonly wall: WallClock;
  readonly directories: MachineDisks;
  readonly engine: SimEngine;
  readonly register = new SessionRegister();
  readonly storeId = idOfText<StoreId>("0123456789abcdef0123456789abcdef"); // made to be one
  /** How often an operation was cut by a crash, by role and point. */
  readonly cuts = new Map<string, number>();
  /** How often each point was passed. */
  readonly points = new Map<string, number>();
  readonly logLines: string[] = [];
  /** How often processes logged each event. */
  readonly events = new Map<string, number>();
  /**
   * Extents whose file somebody took away, and how long it was then: what lay in it may be
   * unreadable.
   */
  readonly taken = new Map<ExtentId, number>();
  /** Files of another store in the place of extents', by disk and path: they stay as they are. */
  readonly foreign = new Map<string, Inode>();
  /** The disk of a fleet that is away, or is being emptied: one at a time. */
  busyDisk: SimDisk | undefined;
  crashes = 0;
  /** Every process that ever ran has one: `letGo` aborts them. */
  readonly #stops: AbortController[] = [];
  /** What the judge saw last that must not stay as it is. */
  waitsFor: string | undefined;
  /** Something no process may ever do: an assertion of ours failed, or a bug threw. */
  fatal: Error | undefined;
  /** Processes that said that the index is damaged. */
  readonly #reportedDamage = new Set<string>();
  onPoint: ((running: RunningProcess, point: string, happened: boolean) => void) | undefined;
  #running: RunningProcess[] = [];
  #count = 0;
  /** The generation that the last start found. */
  #generation = 0;
  #supervisor: SimProcess | undefined;
  /** Counts power cuts: what was to be started before one is not. */
  #boots = 0;
  #isStarting = false;

  constructor(options: MachineOptions) {
    const { scheduler, random } = options;
    this.options = options;
    this.wall = new WallClock(scheduler, startMs);
    this.engine = new SimEngine(random.fork(), {
      ...options,
      partsPerCommit,
      onWrong: (wrong) => this.fail(new Violation(wrong)),
      onDamageMet: (process) => this.#expectReport(process),
    });
    this.directories = new MachineDisks({
      ...options,
      count: options.disks,
      store: this.storeId,
      onMade: (path) => this.engine.fileIsMade(path),
    });
  }

  get disks(): readonly SimDisk[] {
    return this.directories.all;
  }

  /** The supervisor is opening the store: it may be writing to the disks what it has committed. */
  get isStarting(): boolean {
    return this.#isStarting;
  }

  get running(): readonly RunningProcess[] {
    return this.#running;
  }

  /** Makes the data directories, and starts all processes. */
  async install(): Promise<void> {
    const process = this.#newProcess("installer");
    const platform = this.#platformOf(process);
    await this.directories.initialise(process, platform);
    process.kill();
    await this.boot();
  }

  /** kill -9; the supervisor starts another. */
  kill(running: RunningProcess): void {
    if (!running.process.alive) return;
    for (const { point, happened } of running.process.kill()) {
      const name = `${running.role}: ${point}, ${happened ? "done" : "not done"}`;
      this.cuts.set(name, (this.cuts.get(name) ?? 0) + 1);
    }
    this.engine.died(running.process);
    this.#ended(running);
  }

  /** All processes die, and the disks forget what was not synced. */
  cutPower(): void {
    this.halt();
    for (const disk of this.disks) disk.crash();
    this.engine.recover();
    if (this.options.isLogged) this.#harmIndex();
    void this.boot();
  }

  /** All processes end, and none is started until `boot`. */
  halt(): void {
    this.#killSupervisor();
    this.killAll();
    this.#boots++;
  }

  #killSupervisor(): void {
    this.#supervisor?.kill();
    if (this.#supervisor !== undefined) this.engine.died(this.#supervisor);
  }

  /** An index with a log may be behind it, or gone. */
  #harmIndex(): void {
    const { random } = this.options;
    if (random.chance(0.3)) this.engine.harm("lose the index");
    else if (random.chance(0.7)) this.engine.harm("undo the last commit");
  }

  /** kill -9 of all but the supervisor. */
  killAll(): void {
    for (const running of this.#running) this.kill(running);
  }

  /**
   * In place of the index another one is found; no process may commit into it, nor change any disk.
   * No process is alive.
   */
  takeIndexBack(other: MemoryEngine): void {
    this.engine.replaceBy(other);
    for (const disk of this.disks) {
      disk.onChange = () => {
        this.fail(
          new Violation(`C9: ${disk.name} is changed while the index is not the right one`),
        );
      };
    }
  }

  putIndexBack(): void {
    this.engine.putBack();
    for (const disk of this.disks) disk.onChange = undefined;
  }

  /**
   * The supervisor takes a paused process for dead and starts another; the paused one may come
   * back.
   */
  presumeDead(running: RunningProcess): void {
    if (running.isReplaced) return;
    // The supervisor kills a process that hangs; others may be on another machine.
    if (this.engine.logged.lock.holder === running.process) {
      this.kill(running);
      return;
    }
    running.isReplaced = true;
    this.register.ended(running.process.number);
    this.#startLater(running.role);
  }

  /**
   * Ends what a run that is over holds. Code of killed processes waits for ever, and Node keeps
   * each composite signal that it listens to, and so the whole machine, until one of its sources
   * aborts.
   */
  letGo(): void {
    this.#killSupervisor();
    this.#boots++; // nothing is started any more
    this.killAll();
    for (const stop of this.#stops) stop.abort();
  }

  /** SIGTERM; the supervisor starts another once it has ended. */
  stop(running: RunningProcess): void {
    running.access = {};
    running.stop.abort();
  }

  /** The background worker, where one is there to stay. */
  get background(): RunningProcess | undefined {
    return this.#running.find(({ access, isReplaced }) => access.background && !isReplaced);
  }

  /** True if an error or a report follows from a file that was taken away. */
  isOfTakenFile(message: string): boolean {
    const [, extent, , offset] = /extent (\d+)(, record at (\d+))?/.exec(message) ?? [];
    const bytes = this.taken.get(Number(extent) as ExtentId); // compared with those there are
    return bytes !== undefined && Number(offset ?? 0) < bytes;
  }

  /** True of an extent that only the restore window keeps. */
  holds(row: ExtentRow): boolean {
    const { restoreWindowMs: windowMs } = this.options;
    const window = windowMs === 0 ? undefined : { windowMs, sinceMs: 0 };
    return isHeldExtent(row, (droppedMs) => isHeldAt(window, droppedMs, this.wall.now()));
  }

  /** A foreign file that somebody removed. */
  findForeignRemoved(): string | undefined {
    const files = this.disks.flatMap((disk) =>
      [...disk.files()].map(([path, inode]) => [`${disk.name}/${path}`, inode] as const),
    );
    const there = new Map<string, Inode>(files);
    return [...this.foreign].find(([path, inode]) => there.get(path) !== inode)?.[0];
  }

  log(process: string, line: string): void {
    this.logLines.push(`${this.options.scheduler.nowMs.toFixed(2)} ${process} ${line}`);
    if (this.logLines.length > logLinesMax) this.logLines.shift();
  }

  fail(error: unknown): void {
    this.fatal ??= error instanceof Error ? error : new Violation(messageOf(error));
  }

  /** A platform for code of the simulation itself, which must see the world as processes do. */
  newProcess(name: string): { process: SimProcess; platform: Platform } {
    const process = this.#newProcess(name);
    return { process, platform: this.#platformOf(process) };
  }

  /** The names of the data directories, by the ids they were given. */
  async diskNames(): Promise<ReadonlyMap<DiskId, string>> {
    const { process } = this.newProcess("judge");
    const { disks } = await this.directories.openAll(process);
    return new Map(disks.map(({ id, disk }) => [id, disk.name]));
  }

  /** The supervisor starts the store, as often as it takes, and then its workers. */
  async boot(): Promise<void> {
    const { scheduler } = this.options;
    const boot = this.#boots;
    this.#isStarting = true;
    for (let isStarted = false; !isStarted;) {
      const { process, platform } = this.newProcess("supervisor");
      this.#supervisor = process;
      try {
        const { disks } = await this.directories.open(process, platform);
        this.#generation = await this.#startStore(process, platform, disks);
        isStarted = true;
      } catch (error) {
        this.log(process.name, `ends: ${messageOf(error)}`);
        if (!isStoreError(error)) this.fail(error);
        process.kill();
        this.engine.died(process);
        await new Promise<void>((resolve) => void scheduler.after(restartMs, resolve));
      }
      if (boot !== this.#boots) return; // another start is under way
    }
    this.#isStarting = false;
    for (const role of roles) this.#start(role);
  }

  async #startStore(process: SimProcess, platform: Platform, disks: ExtentDisks): Promise<number> {
    const { isLogged, fleet } = this.options;
    const noted = fleet === undefined ? undefined : this.directories;
    if (!isLogged) return await startStore(platform, this.engine.open(process), disks, noted);
    const sparse = await recoverSimulated(platform, this.engine, disks);
    const withLog = this.#logOf(process, platform, disks);
    await appendSparse(platform, withLog.log, sparse);
    return await startStore(platform, this.engine.open(process, withLog), disks, noted);
  }

  #logFor(process: SimProcess, platform: Platform, { disks }: OpenedDisks): LoggedWith | undefined {
    return this.options.isLogged ? this.#logOf(process, platform, disks) : undefined;
  }

  #logOf(process: SimProcess, platform: Platform, disks: ExtentDisks): LoggedWith {
    const { scheduler, hash, fleet } = this.options;
    const logDisks = () =>
      localLogDisks(hash, disks, logAheadBytes).filter(({ id }) => !isRemoved(disks, id));
    const log = new LogWriter({
      platform,
      store: this.storeId,
      disks: logDisks,
      knownDisks: () => this.disks.length,
      writer: process.number.toString(16).padStart(16, "0"),
      generation: this.#generation,
      instantUs: () => Math.floor(scheduler.nowMs * 1000),
      segmentBytes: fleet === undefined ? logSegmentBytes : fleetLogSegmentBytes,
    });
    return { log, hash };
  }

  /** A worker that has met a damaged row tells, once it has had the time to. */
  #expectReport(process: SimProcess): void {
    this.options.scheduler.after(tellingMs, () => {
      const isWorker = this.#running.some((running) => running.process === process);
      if (!isWorker || process.paused || this.#reportedDamage.has(process.name)) return;
      this.fail(new Violation(`C8: ${process.name} met a damaged row and does not tell`));
    });
  }

  #startLater(role: Role): void {
    const boot = this.#boots;
    this.options.scheduler.after(restartMs, () => {
      if (boot === this.#boots) this.#start(role);
    });
  }

  #start(role: Role): void {
    const process = this.#newProcess(role);
    let end = () => {};
    const died = new Promise<void>((resolve) => {
      end = resolve;
    });
    const stop = new AbortController();
    this.#stops.push(stop);
    const life = { isReplaced: false, died, end, stop };
    const running: RunningProcess = { role, process, access: {}, ...life };
    const names = new Map<string, string>();
    process.onPoint = (point, happened) => {
      let name = names.get(point);
      if (name === undefined) names.set(point, (name = `${role}: ${point}`));
      if (happened) this.points.set(name, (this.points.get(name) ?? 0) + 1);
      this.onPoint?.(running, name, happened);
    };
    this.register.begins(process.number);
    this.#running.push(running);
    void this.#run(running);
  }

  /** A process lives until it is killed, asked to stop, or throws: then it is gone as if killed. */
  async #run(running: RunningProcess): Promise<void> {
    const { process, role } = running;
    try {
      const platform = this.#platformOf(process);
      const opened = await this.directories.open(process, platform);
      const withLog = this.#logFor(process, platform, opened);
      const place = {
        platform,
        engine: this.engine.open(process, withLog),
        disks: opened.disks,
        feed: opened.feed,
        takeIn: (path: string) => this.directories.takeIn(path, process, platform),
        generation: this.#generation,
        extentBytes: this.options.extentBytes,
        restoreWindowMs: this.options.restoreWindowMs,
        isAlive: (session: SessionId) => isAlive(this.register.roster(), session),
        opened: (session: SessionId) => this.register.opened(process.number, session),
        signal: running.stop.signal,
      };
      await runRole(role, place, (access) => {
        running.access = access;
      });
    } catch (error) {
      this.log(process.name, `ends: ${messageOf(error)}`);
      if (!isStoreError(error)) this.fail(error);
    }
    this.kill(running);
  }

  #ended(running: RunningProcess): void {
    running.access = {};
    running.end();
    this.#running = this.#running.filter((one) => one !== running);
    this.register.ended(running.process.number);
    if (!running.isReplaced) this.#startLater(running.role);
  }

  #newProcess(role: string): SimProcess {
    const name = `${role} #${++this.#count}`;
    return new SimProcess(name, this.options.scheduler, this.options.random.fork());
  }

  #platformOf(process: SimProcess): Platform {
    const { scheduler, random, hash } = this.options;
    const log: Log = (level, event, fields = {}) => {
      if (event === "index_damaged") this.#reportedDamage.add(process.name);
      // It has a stack where it is a bug and no failure: production goes on, a run must not.
      const { stack } = fields;
      if (event === "service_failed" && stack !== undefined)
        this.fail(new Violation(String(stack)));
      this.events.set(event, (this.events.get(event) ?? 0) + 1);
      this.log(process.name, `${level} ${event} ${JSON.stringify(fields)}`);
    };
    const { wall } = this;
    return createSimPlatform({ process, scheduler, wall, random: random.fork(), hash, log });
  }
}
