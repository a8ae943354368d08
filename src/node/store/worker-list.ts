import { readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, StoreError } from "../../base/errors.ts";
import {
  decodeProcessList,
  encodeProcessList,
  type ListedProcess,
  processListFile,
} from "../../format/data-directory.ts";
import type { Clock, Log, Platform } from "../../platform/platform.ts";
import { readProcess } from "../platform/process-table.ts";

/*
 * Workers end with their supervisor, by the channel between them. One that hangs or was stopped
 * does not see that the channel broke: it keeps the port, and perhaps the lock of the index's
 * writer. So the supervisor keeps a list of its workers in the first data directory, and the
 * process that holds the directory's lock next, and so knows that their supervisor is dead, ends
 * those that are left. A process is one of them when its id and the time it began are those in the
 * list, on the same start of the same machine. Where the system does not tell when a process began,
 * the list stays empty.
 */

/** @limit A killed process may take a while to go, as when it waits for a disk. */
const goneMsMax = 30_000;
/** @limit Time between looks whether it is gone. */
const goneLookMs = 20;

/** The workers of this supervisor, as the next one finds them. */
export class WorkerList {
  readonly #path: string;
  readonly #log: Log;
  readonly #processes = new Map<number, ListedProcess>();

  /** `directory` is the first data directory. */
  constructor(directory: string, log: Log) {
    this.#path = join(directory, processListFile);
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
    const list = { machine: machineName(), processes: [...this.#processes.values()] };
    try {
      if (list.processes.length === 0) {
        rmSync(this.#path, { force: true });
        return;
      }
      writeFileSync(`${this.#path}.new`, encodeProcessList(list));
      renameSync(`${this.#path}.new`, this.#path);
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

function listedIn(path: string): readonly ListedProcess[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return []; // the last supervisor ended cleanly, or there was none
  }
  const list = decodeProcessList(text);
  return list?.machine === machineName() ? list.processes : [];
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
