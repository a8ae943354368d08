import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, StoreError } from "../../base/errors.ts";
import {
  decodeProcessList,
  encodeProcessList,
  type ListedProcess,
  type ProcessList,
  processListFile,
} from "../../format/data-directory.ts";
import type { Clock, Log, Platform } from "../../platform/platform.ts";
import { syncPath, writePrivateFile } from "../disk/small-file.ts";
import { readProcess } from "../platform/process-table.ts";

/*
 * Workers end with their supervisor, by the channel between them. One that hangs or was stopped
 * does not see that the channel broke: it keeps the port, and perhaps the lock of the index's
 * writer. So the supervisor keeps a list of its workers in the first data directory, and the
 * process that holds the directory's lock next, and so knows that their supervisor is dead, ends
 * those that are left. A process is one of them when its id and the time it began are those in the
 * list, on the same start of the same machine. Where the system does not tell when a process began,
 * none is listed.
 *
 * After a stop in good order, with the index synced, a list without processes stands there. So the
 * next start knows whether a power cut can have undone the last commit of the index.
 */

/** @limit A killed process may take a while to go, as when it waits for a disk. */
const goneMsMax = 30_000;
/** @limit Time between looks whether it is gone. */
const goneLookMs = 20;

/** The workers of this supervisor, as the next one finds them. */
export class WorkerList {
  readonly #directory: () => string;
  readonly #log: Log;
  readonly #processes = new Map<number, ListedProcess>();

  /** `directory` is the first data directory, which may become another. */
  constructor(directory: () => string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Adds a process; called before it gets its role. */
  add(pid: number): void {
    const entry = readProcess(pid);
    if (entry === undefined) return;
    this.#processes.set(pid, { pid, startTicks: entry.startTicks });
    this.#write();
  }

  remove(pid: number): void {
    if (this.#processes.delete(pid)) this.#write();
  }

  /** It is not synced: a power cut ends the processes, too. A full disk stops no worker. */
  #write(): void {
    const path = join(this.#directory(), processListFile);
    const list = { machine: machineName(), processes: [...this.#processes.values()] };
    try {
      if (list.processes.length === 0) {
        rmSync(path, { force: true });
        return;
      }
      writeFileSync(`${path}.new`, encodeProcessList(list));
      renameSync(`${path}.new`, path);
    } catch (error) {
      this.#log("warn", "worker_list_not_written", { message: messageOf(error) });
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
  const left = listedIn(join(directory, processListFile)).filter(isRunning);
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

/** Before the store is served again; durable, so that no power cut brings the note back. */
export function forgetStopped(directory: string): void {
  const path = join(directory, processListFile);
  if (!existsSync(path)) return;
  rmSync(path);
  syncPath(directory);
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
  return entry !== undefined && entry.startTicks === startTicks && entry.state !== "Z";
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
