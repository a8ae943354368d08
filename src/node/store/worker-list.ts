import { existsSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../../base/errors.ts";
import {
  decodeProcessList,
  encodeProcessList,
  type ListedProcess,
  type ProcessList,
  processListCopyFile,
  processListFile,
} from "../../format/data-directory.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import type { Clock, Platform } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import { syncPath, writePrivateFile } from "../disk/small-file.ts";
import { openDisk } from "../disk/disk.ts";
import { readProcess } from "../platform/process-table.ts";
import type { StoreDirectory } from "./store-location.ts";

/*
 * Workers end with their supervisor, by the channel between them. One that hangs or was stopped
 * does not see that the channel broke: it keeps the port, and perhaps the lock of the index's
 * writer; and it could go on when another index has taken the place of its own. So the supervisor
 * keeps a list of its workers in the first data directory, and copies in the others, since any may
 * be lost. The process that holds a directory's lock next, and so knows that their supervisor is
 * dead, ends those that are left. A process is one of them when its id and the time it began are
 * those in the list, on the same start of the same machine. Where the system does not tell when a
 * process began, none is listed.
 *
 * After a stop in good order, with the index synced, a list without processes stands in the first
 * one, and copies say nothing of that. So the next start knows whether a power cut can have undone
 * the last commit of the index.
 */

/** @limit A killed process may take a while to go, as when it waits for a disk. */
const goneMsMax = 30_000;
/** @limit Time between looks whether it is gone. */
const goneLookMs = 20;

/** @limit A disk that takes longer to write the list is not waited for. */
const writtenMs = 2_000;

/** The workers of this supervisor, as the next one finds them. */
export class WorkerList {
  readonly #platform: Pick<Platform, "clock" | "log">;
  readonly #directories: () => readonly StoreDirectory[];
  readonly #processes = new Map<number, ListedProcess>();
  /** What was written last in each directory: one whose disk hangs has it done when it answers. */
  readonly #writes = new Map<string, Promise<void>>();

  /** `directories` are those that are locked, the one with the index first; they may change. */
  constructor(
    platform: Pick<Platform, "clock" | "log">,
    directories: () => readonly StoreDirectory[],
  ) {
    this.#platform = platform;
    this.#directories = directories;
  }

  /** Adds a process; it gets its role once this resolves. */
  async add(pid: number): Promise<void> {
    const entry = readProcess(pid);
    if (entry === undefined) return;
    this.#processes.set(pid, { pid, startTicks: entry.startTicks });
    await this.written();
  }

  remove(pid: number): void {
    if (this.#processes.delete(pid)) void this.written(); // never rejects
  }

  /** Resolves once the list stands everywhere as it is now, or a disk is late. */
  async written(): Promise<void> {
    const writes = this.#directories().map((directory, i) => {
      const before = this.#writes.get(directory.path) ?? Promise.resolve();
      const file = i === 0 ? processListFile : processListCopyFile;
      const write = before.then(() => this.#write(directory, file));
      this.#writes.set(directory.path, write);
      return write;
    });
    await within(this.#platform.clock, writtenMs, Promise.all(writes));
  }

  /** It is not synced: a power cut ends the processes, too. A full disk stops no worker. */
  async #write({ path: directory, disk }: StoreDirectory, file: string): Promise<void> {
    const list = { machine: machineName(), processes: [...this.#processes.values()] };
    const path = join(directory, file);
    try {
      // Nothing is written where the disk is not mounted.
      if ((await readIdentity(openDisk(directory)))?.disk !== disk) return;
      if (list.processes.length === 0) {
        await rm(path, { force: true });
        return;
      }
      await writeFile(`${path}.new`, encodeProcessList(list));
      await rename(`${path}.new`, path);
    } catch (error) {
      this.#platform.log("warn", "worker_list_not_written", { message: messageOf(error) });
    }
  }
}

/**
 * Ends the workers of a supervisor that died before them; the caller holds the lock of the data
 * directory. StoreError `unavailable` where one does not go.
 */
export async function endOrphanedWorkers(
  directory: string,
  { clock, log }: Pick<Platform, "clock" | "log">,
): Promise<void> {
  const listed = [processListFile, processListCopyFile].flatMap((file) => {
    return listedIn(join(directory, file));
  });
  const left = listed.filter(isRunning);
  for (const { pid } of left) {
    log("warn", "left_worker_killed", { pid, state: readProcess(pid)?.state });
    kill(pid);
  }
  for (const one of left) await untilGone(one, clock);
}

/** Notes durably that no process has the index open, and that all of it is synced. */
export function noteStopped(directory: string): void {
  const list = encodeProcessList({ machine: machineName(), processes: [] });
  writePrivateFile(join(directory, processListFile), list);
}

/**
 * Before the store is served again, or another index lies here than the one that the note is about;
 * durable, so that no power cut brings the note back.
 */
export function forgetStopped(directory: string): void {
  const path = join(directory, processListFile);
  if (!existsSync(path)) return;
  try {
    rmSync(path);
    syncPath(directory);
  } catch (cause) {
    throw new StoreError("io", `${path} cannot be removed: ${messageOf(cause)}`, { cause });
  }
}

/**
 * True where no power cut can have undone a commit of the index since the store was served last: it
 * was stopped in good order, or its processes were killed since this machine was started, and what
 * they had written is with the system.
 */
export function keptLastCommit(directory: string): boolean {
  const list = listIn(join(directory, processListFile));
  if (list === undefined) return false;
  const isSameStart = startOf(list.machine) === startOf(machineName());
  // holds: C1 sure-that-no-power-was-cut
  return list.processes.length === 0 || (isSameStart && list.machine !== "");
}

function listedIn(path: string): readonly ListedProcess[] {
  const list = listIn(path);
  return list?.machine === machineName() ? list.processes : [];
}

/** Undefined where there is none: it is not known how the last supervisor ended. */
function listIn(path: string): ProcessList | undefined {
  try {
    return decodeProcessList(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** The very process that is listed; a dead one that nobody has waited for yet holds nothing. */
function isRunning({ pid, startTicks }: ListedProcess): boolean {
  const entry = readProcess(pid);
  if (entry?.startTicks !== startTicks) return false;
  return entry.state !== "Z" || entry.threads > 1;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (cause) {
    // Gone by itself.
    if (cause instanceof Error && "code" in cause && cause.code === "ESRCH") return;
    const fix = "end it as its user, or as root";
    const message = `process ${pid}, which a server that was killed left, cannot be ended: ${fix}`;
    throw new StoreError("unavailable", message, { cause });
  }
}

async function untilGone(one: ListedProcess, clock: Clock): Promise<void> {
  const untilMs = clock.monotonicMs() + goneMsMax;
  while (isRunning(one)) {
    if (clock.monotonicMs() > untilMs) {
      const fix = "see what it waits for, or start the machine again";
      const message = `process ${one.pid}, which a server that was killed left, does not end: ${fix}`;
      throw new StoreError("unavailable", message);
    }
    await clock.sleep(goneLookMs);
  }
}

/**
 * One start of one machine, and the namespace of process ids in it: empty where the system does not
 * tell.
 */
function machineName(): string {
  try {
    const start = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${start} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}

/** The start of the machine alone. */
function startOf(machine: string): string {
  return machine.split(" ", 1)[0] ?? "";
}
