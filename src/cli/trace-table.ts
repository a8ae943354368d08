import {
  millisecondsText,
  phasesText,
  type RequestRecord,
  resourceText,
} from "../admin/request-record.ts";

/** Of columns whose texts come one after the other, so that no width can be found out first. */
const widths = [12, 20, 6, 10, 9, 14, 16];
const heads = ["TIME", "OPERATION", "STATUS", "MS", "FIRST MS", "WHO", "ADDRESS", "WHAT"];

export function traceHead(): string {
  return row(heads);
}

/** Who, what, how long, and where the time went. */
export function traceRow(record: RequestRecord): string {
  const { status, totalMs, firstByteMs, owner, accessKey, address, code, phase } = record;
  const texts = [
    record.time.slice(11, 23),
    record.operation === "none" ? record.method : record.operation,
    status === undefined ? "…" : String(status),
    millisecondsText(totalMs),
    firstByteMs === undefined ? "-" : millisecondsText(firstByteMs),
    owner ?? accessKey ?? "-",
    address ?? "-",
    resourceText(record),
  ];
  const now = phase === undefined ? "" : ` in ${phase}`;
  const error = code === undefined ? "" : ` ${code}`;
  return `${row(texts)}${error}${now}  (${phasesText(record)})  ${record.requestId}`;
}

function row(texts: readonly string[]): string {
  return texts
    .map((text, i) => text.padEnd(widths[i] ?? 0))
    .join("  ")
    .trimEnd();
}
