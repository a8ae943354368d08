import { readFileSync } from "node:fs";

/**
 * The system's entry for a process, from its first thread, which in Node is the one of the event
 * loop.
 */
export interface ProcessEntry {
  /**
   * The state as ps shows it: R running or waiting for a core, S asleep, D waiting for a disk, T
   * stopped, Z dead.
   */
  readonly state: string;
  /** Processor time of all its threads. */
  readonly cpuMs: number;
  /**
   * When it began, in ticks since the machine did: with the process id, the name of this one
   * process.
   */
  readonly startTicks: number;
  /** A dead process keeps its files until the last of its threads has ended. */
  readonly threads: number;
}

/** @limit USER_HZ, which the kernel promises to programs on every machine Node runs on. */
const tickMs = 10;

/** Undefined where there is no such process, or where the system has no /proc. */
export function readProcess(pid: number): ProcessEntry | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the name in parentheses, which may hold anything; proc_pid_stat(5) counts
  // from 1.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): string => fields[number - 3] ?? "";
  return {
    state: field(3),
    cpuMs: (Number(field(14)) + Number(field(15))) * tickMs,
    startTicks: Number(field(22)),
    threads: Number(field(20)),
  };
}

/** Memory that a process does not share, in bytes; undefined where the system does not tell. */
export function readPrivateBytes(pid: number | "self"): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
