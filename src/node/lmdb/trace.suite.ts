import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { must } from "../../base/assert.ts";

/*
 * What a process really did to its data file, from a trace of its system calls: `strace -f -xx`,
 * where every byte written is spelled out. Calls count from when they returned, what the process
 * said from when it began to say it.
 */

export type TraceEvent =
  | {
      readonly kind: "write";
      readonly path: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
      /** Through a descriptor opened with O_DSYNC: durable when it returns. */
      readonly synced: boolean;
    }
  | { readonly kind: "sync" | "truncate"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "said"; readonly line: string };

const traced =
  "openat,close,lseek,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,msync,ftruncate,fallocate,rename";

/**
 * Runs the command under strace; returns what it did to files whose path begins with `folder`, in
 * order.
 */
export function traceProcess(
  command: readonly string[],
  folder: string,
  log: string,
): TraceEvent[] {
  const options = ["-f", "-xx", "-s", "16777216", "-e", `trace=${traced}`, "-o", log];
  const run = spawnSync("strace", [...options, ...command], { timeout: 60_000 });
  if (run.status !== 0) throw new Error(`the traced process failed: ${run.stderr.toString()}`);
  const reader = new TraceReader(folder);
  for (const line of readFileSync(log, "latin1").split("\n")) reader.line(line);
  return reader.events;
}

interface Descriptor {
  readonly path: string;
  readonly synced: boolean;
  position: number;
}

class TraceReader {
  readonly events: TraceEvent[] = [];
  readonly #folder: string;
  readonly #descriptors = new Map<string, Descriptor>();
  /** Calls begun and not returned, by thread. */
  readonly #begun = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  line(line: string): void {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const said = /^write\(1, "((?:\\x..)*)"/.exec(rest);
    if (said !== null) {
      const text = bytesOfHex(said[1]!).toString().trim();
      this.events.push(...text.split("\n").map((each) => ({ kind: "said" as const, line: each })));
    }
    const unfinished = / <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      this.#begun.set(thread, rest.slice(0, unfinished.index));
      return;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const whole =
      resumed === null ? rest : (this.#begun.get(thread) ?? "") + rest.slice(resumed[0].length);
    const call = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole);
    if (call !== null) this.#call(call[1]!, call[2]!, Number(call[3]));
  }

  #call(name: string, argumentsText: string, result: number): void {
    if (result < 0) return;
    if (name === "openat") return this.#open(argumentsText, result);
    if (name === "rename") return this.#rename(argumentsText);
    const [, number = ""] = /^(\d+)/.exec(argumentsText) ?? [];
    const descriptor = this.#descriptors.get(number);
    if (descriptor === undefined) return;
    const { path } = descriptor;
    if (name === "close") this.#descriptors.delete(number);
    else if (name === "lseek") descriptor.position = result;
    else if (name === "fsync" || name === "fdatasync") this.events.push({ kind: "sync", path });
    else if (name.includes("write")) this.#write(name, descriptor, argumentsText);
    else this.events.push({ kind: "truncate", path });
  }

  #open(argumentsText: string, result: number): void {
    const [, hex = "", flags = ""] = /^\w+, "((?:\\x..)*)", ([A-Z_|]+)/.exec(argumentsText) ?? [];
    const path = bytesOfHex(hex).toString();
    this.#descriptors.delete(`${result}`);
    if (!path.startsWith(this.#folder)) return;
    const synced = flags.includes("O_DSYNC") || flags.includes("O_SYNC");
    this.#descriptors.set(`${result}`, { path, synced, position: 0 });
  }

  #rename(argumentsText: string): void {
    const [from = "", to = ""] = stringsOf(argumentsText).map((bytes) => bytes.toString());
    if (to.startsWith(this.#folder)) this.events.push({ kind: "rename", from, to });
  }

  #write(name: string, descriptor: Descriptor, argumentsText: string): void {
    const { path, synced } = descriptor;
    const bytes = Buffer.concat(stringsOf(argumentsText));
    const end = name === "pwritev2" ? /, (\d+), \w+$/ : /, (\d+)$/;
    const [, given] = must(end.exec(argumentsText), `${name} without a last number`);
    const positioned = name.startsWith("p");
    const offset = positioned ? Number(given) : descriptor.position;
    if (!positioned) descriptor.position += bytes.length;
    this.events.push({ kind: "write", path, offset, bytes, synced });
  }
}

function stringsOf(argumentsText: string): Buffer[] {
  return Array.from(argumentsText.matchAll(/"((?:\\x..)*)"/g), ([, hex]) => bytesOfHex(hex!));
}

function bytesOfHex(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}
