/** A worker process that a supervisor started, so that the next one knows it where it outlives the first. */
export interface ListedProcess {
  readonly pid: number;
  /** When it began, in ticks since the machine did. With the process id, no other process has it. */
  readonly startTicks: number;
}

/** The file `holdfast.processes` in the first data directory: which processes may have the store open. */
export interface ProcessList {
  /** Where the numbers mean something: one start of one machine, and one namespace of process ids on it. */
  readonly machine: string;
  readonly processes: readonly ListedProcess[];
}

export const processListFile = "holdfast.processes";

const format = "holdfast-processes";
const version = 1;

export function encodeProcessList({ machine, processes }: ProcessList): string {
  return `${JSON.stringify({ format, version, machine, processes })}\n`;
}

/** Undefined for anything else: a list that cannot be read accuses nobody. */
export function decodeProcessList(text: string): ProcessList | undefined {
  let fields: Record<string, unknown> | null;
  try {
    fields = JSON.parse(text) as Record<string, unknown> | null; // every field is checked below
  } catch {
    return undefined;
  }
  if (fields?.["format"] !== format || fields["version"] !== version) return undefined;
  const { machine, processes } = fields;
  if (typeof machine !== "string" || !Array.isArray(processes)) return undefined;
  return processes.every(isListed) ? { machine, processes } : undefined;
}

function isListed(value: unknown): value is ListedProcess {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startTicks } = value as Record<string, unknown>; // an object's fields are its own to look at
  return isCount(pid) && pid > 1 && isCount(startTicks);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
