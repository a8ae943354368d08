export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured log lines. `event` is a stable name in snake_case; the fields say the rest. */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;
