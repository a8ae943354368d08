import { fstatSync, write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Metrics } from "../../admin/metrics.ts";
import {
  millisecondsText,
  phasesText,
  type RequestEntry,
  resourceText,
} from "../../admin/request-entry.ts";

/** Standard error, where the rest of the log goes. */
const standardError = 2;

/** The log of requests: a line each, which no request waits for. */
export class RequestLines {
  readonly #lines: BoundedLines;
  readonly #format: (entry: RequestEntry) => string;

  constructor(isJson: boolean) {
    const asText = !isJson && process.stderr.isTTY;
    this.#format = asText ? requestTextLine : requestJsonLine;
    this.#lines = new BoundedLines(standardError, asText ? droppedText : droppedJson);
  }

  write(entry: RequestEntry): void {
    this.#lines.write(`${this.#format(entry)}\n`);
  }

  sample(metrics: Metrics): void {
    metrics.sampled(
      "counter",
      "holdfast_log_lines_dropped_total",
      "Lines of the request log dropped because the log was read too slowly.",
      () => this.#lines.dropped,
    );
  }
}

export function requestJsonLine(entry: RequestEntry): string {
  const level = (entry.status ?? 0) >= 500 ? "warn" : "info";
  const { time, ...rest } = entry;
  return JSON.stringify({ time, level, event: "request", ...rest });
}

/** Like the other lines of the log, with what is looked for first at its start. */
export function requestTextLine(entry: RequestEntry): string {
  const { time, status = 0, code, operation, method, totalMs, bytesIn, bytesOut } = entry;
  const level = status >= 500 ? "warn" : "info";
  const fields = [
    time.slice(11, 23),
    level.padEnd(5),
    `${status}`,
    `${millisecondsText(totalMs)} ms`.padStart(10),
    operation === "none" ? method : operation,
    resourceText(entry),
    ...(code === undefined ? [] : [code]),
    `in ${bytesIn} out ${bytesOut}`,
    `(${phasesText(entry)})`,
    entry.owner ?? entry.accessKey ?? "-",
    entry.address ?? "-",
    entry.requestId,
  ];
  return fields.join(" ");
}

function droppedJson(lines: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ time, level: "warn", event: "log_lines_dropped", lines })}\n`;
}

function droppedText(lines: number): string {
  return `${new Date().toISOString().slice(11, 23)} warn  log lines dropped lines=${lines}\n`;
}

/**
 * @limit Lines of the request log that wait while standard error is read slowly, 2,000 and more;
 * past it lines are dropped and counted.
 */
export const waitingBytesMax = 1024 * 1024;
/**
 * @limit One write to a pipe: those that several processes share keep so much together (POSIX's
 * PIPE_BUF on Linux).
 */
const pipeBytesMax = 4096;
/** @limit One write to anything else: a file takes it whole. */
const writeBytesMax = 64 * 1024;
/** @limit Pause before another try at a pipe that is full and does not block. */
const retryMs = 20;

const writeTo = promisify(write);

/**
 * Lines to a file or pipe, of which nobody waits: a reader that is slow makes holes, and neither
 * memory nor pauses. What is written by others to the same end, at once (as Node writes its own
 * log), may overtake them.
 */
export class BoundedLines {
  readonly #descriptor: number;
  readonly #writeBytesMax: number;
  readonly #lines: Buffer[] = [];
  readonly #droppedLine: (count: number) => string;
  #bytes = 0;
  #writing = false;
  #dropped = 0;
  #droppedUntold = 0;

  /** @param droppedLine tells how many were dropped before the next. */
  constructor(descriptor: number, droppedLine: (count: number) => string) {
    this.#descriptor = descriptor;
    this.#writeBytesMax = fstatSync(descriptor).isFIFO() ? pipeBytesMax : writeBytesMax;
    this.#droppedLine = droppedLine;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line with its end. */
  write(text: string): void {
    const line = Buffer.from(text);
    if (this.#bytes + line.length > waitingBytesMax) {
      this.#dropped++;
      this.#droppedUntold++;
      return;
    }
    if (this.#droppedUntold > 0) {
      this.#push(Buffer.from(this.#droppedLine(this.#droppedUntold)));
      this.#droppedUntold = 0;
    }
    this.#push(line);
    if (!this.#writing) void this.#writeAll(); // never rejects; ends when nothing waits
  }

  #push(line: Buffer): void {
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#lines.length > 0) {
      let bytes = 0;
      let count = 0;
      for (const line of this.#lines) {
        if (count > 0 && bytes + line.length > this.#writeBytesMax) break;
        bytes += line.length;
        count++;
      }
      if (!(await this.#writeOut(Buffer.concat(this.#lines.splice(0, count))))) {
        this.#dropped += count; // the reader is gone
      }
      this.#bytes -= bytes;
    }
    this.#writing = false;
  }

  async #writeOut(bytes: Buffer): Promise<boolean> {
    for (let rest = bytes; rest.length > 0;) {
      try {
        const { bytesWritten } = await writeTo(this.#descriptor, rest);
        rest = rest.subarray(bytesWritten);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false; // Node's own
        await sleep(retryMs);
      }
    }
    return true;
  }
}
