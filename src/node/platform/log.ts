import type { Log, LogFields, LogLevel } from "../../platform/platform.ts";

export interface LogOptions {
  /** Lines below this level are dropped; "info" by default. */
  readonly level?: LogLevel | undefined;
  /**
   * `json`: one object per line, for machines; `text`: for people. By default text on a terminal.
   */
  readonly style?: "json" | "text" | undefined;
  /** Takes each line with its end; standard error by default. */
  readonly write?: ((line: string) => void) | undefined;
  /** Milliseconds since 1970; the machine's time by default. */
  readonly now?: (() => number) | undefined;
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function createLog(options: LogOptions = {}): Log {
  const threshold = levels.indexOf(options.level ?? "info");
  const style = options.style ?? (process.stderr.isTTY ? "text" : "json");
  const format = style === "json" ? jsonLine : textLine;
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const now = options.now ?? (() => Date.now());
  return (level, event, fields = {}) => {
    if (levels.indexOf(level) < threshold) return;
    write(`${format(new Date(now()).toISOString(), level, event, fields)}\n`);
  };
}

function jsonLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  return JSON.stringify({ ...fields, time, level, event });
}

function textLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  const shown = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${quoted(String(value))}`],
  );
  const words = event.replaceAll("_", " ");
  return [time.slice(11, 23), level.padEnd(5), words, ...shown].join(" ");
}

/** Control characters never reach the terminal: a field may hold what a stranger sent. */
function quoted(value: string): string {
  return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
}
