import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function fromProc(): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (state !== "Z") found.push({ pid: Number(name), parent: Number(parent), command });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

function fromPs(): ProcessInfo[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,command="], { encoding: "utf8" }).split(
    "\n",
  );
  return lines.flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return match
      ? [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] ?? "" }]
      : [];
  });
}

/** All processes that descend from `root`, itself first. */
export function processTree(root: number): ProcessInfo[] {
  const all = process.platform === "linux" ? fromProc() : fromPs();
  const tree = all.filter(({ pid }) => pid === root);
  for (const item of tree) tree.push(...all.filter(({ parent }) => parent === item.pid));
  return tree;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    return status[status.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}

/** Far more than it takes on a machine that has nothing else to do. */
const goneMsMax = 60_000;

/** Waits until none of them is there any more. */
export async function untilGone(processes: readonly ProcessInfo[]): Promise<void> {
  const start = performance.now();
  while (processes.some(({ pid }) => isAlive(pid))) {
    if (performance.now() - start > goneMsMax) {
      throw new Error(`still there after ${goneMsMax / 1000} s: ${JSON.stringify(processes)}`);
    }
    await sleep(20);
  }
}
