import type { Metrics } from "../../admin/metrics.ts";
import {
  millisecondsText,
  phasesText,
  type RequestRecord,
  resourceText,
} from "../../admin/request-record.ts";
import { BoundedLines } from "./bounded-lines.ts";

/** Standard error, where the rest of the log goes. */
const standardError = 2;

/** The log of requests: a line each, which no request waits for. */
export class RequestLines {
  readonly #lines: BoundedLines;
  readonly #format: (record: RequestRecord) => string;

  constructor(isJson: boolean) {
    const asText = !isJson && process.stderr.isTTY;
    this.#format = asText ? requestTextLine : requestJsonLine;
    this.#lines = new BoundedLines(standardError, asText ? droppedText : droppedJson);
  }

  write(record: RequestRecord): void {
    this.#lines.write(`${this.#format(record)}\n`);
  }

  sample(metrics: Metrics): void {
    metrics.sampled(
      "counter",
      "holdfast_log_lines_dropped_total",
      "Lines of the request log that were dropped, as who reads the log was too slow.",
      () => this.#lines.dropped,
    );
  }
}

export function requestJsonLine(record: RequestRecord): string {
  const level = (record.status ?? 0) >= 500 ? "warn" : "info";
  const { time, ...rest } = record;
  return JSON.stringify({ time, level, event: "request", ...rest });
}

/** Like the other lines of the log, with what is looked for first at its start. */
export function requestTextLine(record: RequestRecord): string {
  const { time, status = 0, code, operation, method, totalMs, bytesIn, bytesOut } = record;
  const level = status >= 500 ? "warn" : "info";
  const fields = [
    time.slice(11, 23),
    level.padEnd(5),
    `${status}`,
    `${millisecondsText(totalMs)} ms`.padStart(10),
    operation === "none" ? method : operation,
    resourceText(record),
    ...(code === undefined ? [] : [code]),
    `in ${bytesIn} out ${bytesOut}`,
    `(${phasesText(record)})`,
    record.owner ?? record.accessKey ?? "-",
    record.address ?? "-",
    record.requestId,
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
