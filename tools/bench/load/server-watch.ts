import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { processTree } from "../../../test/acceptance/processes.ts";

/** The cost of a server's processes while they were watched. */
export interface ServerCost {
  readonly processes: number;
  readonly cpuSeconds: number;
  /**
   * Anonymous memory, which is the process's own: without the pages of files that the system could
   * drop at any time.
   */
  readonly privateBytes: { readonly first: number; readonly last: number; readonly most: number };
}

interface Usage {
  readonly cpuSeconds: number;
  readonly privateBytes: number;
}

const sampleMs = 200;
/** Linux counts CPU time in these, whatever the kernel was built with. */
const ticksPerSecond = 100;

/**
 * Samples the tree of a server's processes; the CPU counts from a while after the start, when the
 * warm-up is over.
 */
export class ServerWatch {
  readonly #root: number;
  readonly #timers: NodeJS.Timeout[];
  readonly #begun = new Map<number, number>();
  readonly #cpu = new Map<number, number>();
  #measures = false;
  #memory: { first: number; last: number; most: number } | undefined;

  constructor(root: number, afterMs: number) {
    this.#root = root;
    const begin = setTimeout(() => {
      this.#measures = true;
      this.#sample();
    }, afterMs);
    this.#timers = [begin, setInterval(() => this.#sample(), sampleMs)];
  }

  /** The cost so far; undefined where the process is not there, or not ours to see. */
  read(): ServerCost | undefined {
    this.#sample();
    if (this.#memory === undefined) return undefined;
    let cpuSeconds = 0;
    for (const [pid, seconds] of this.#cpu) cpuSeconds += seconds - (this.#begun.get(pid) ?? 0);
    return { processes: this.#cpu.size, cpuSeconds, privateBytes: this.#memory };
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #sample(): void {
    if (!this.#measures) return;
    const isFirst = this.#memory === undefined;
    let bytes = 0;
    for (const { pid } of processTree(this.#root)) {
      const usage = usageOf(pid);
      if (usage === undefined) continue;
      bytes += usage.privateBytes;
      if (isFirst) this.#begun.set(pid, usage.cpuSeconds);
      this.#cpu.set(pid, usage.cpuSeconds);
    }
    if (bytes === 0) return;
    const { first = bytes, most = 0 } = this.#memory ?? {};
    this.#memory = { first, last: bytes, most: Math.max(most, bytes) };
  }
}

/** Private memory of the tree of processes now; undefined where it is gone, or not ours to see. */
export function privateBytesOf(root: number): number | undefined {
  const bytes = processTree(root).reduce(
    (sum, { pid }) => sum + (usageOf(pid)?.privateBytes ?? 0),
    0,
  );
  return bytes === 0 ? undefined : bytes;
}

function usageOf(pid: number): Usage | undefined {
  return process.platform === "linux" ? usageFromProc(pid) : usageFromPs(pid);
}

function usageFromProc(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = Number(/^RssAnon:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    const ticks = Number(fields[11]) + Number(fields[12]); // user and system
    return { cpuSeconds: ticks / ticksPerSecond, privateBytes: kilobytes * 1024 };
  } catch {
    return undefined; // it ended while we looked
  }
}

/** Where there is no /proc, resident memory stands in for private memory. */
function usageFromPs(pid: number): Usage | undefined {
  try {
    const line = execFileSync("ps", ["-o", "rss=,time=", "-p", String(pid)], { encoding: "utf8" });
    const [kilobytes = "0", time = "0"] = line.trim().split(/\s+/);
    const cpuSeconds = time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return { cpuSeconds, privateBytes: Number(kilobytes) * 1024 };
  } catch {
    return undefined;
  }
}
