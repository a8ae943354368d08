import type { Figures } from "./figures.ts";

/** Rows of equal columns: the first to the left, numbers to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** Three digits that matter, thousands apart. */
export function shortNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
}

const columns = [
  "",
  "ops/s",
  "MB/s",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "max ms",
  "first byte p50",
  "p99",
];

export function renderTable(figures: Figures): string {
  const rows = figures.operations.map((each) => {
    const { p50, p99, p999, max } = each.latencyMs;
    const first = each.firstByteMs;
    const { perSecond, megabytesPerSecond } = each;
    const numbers = [perSecond, megabytesPerSecond, p50, p99, p999, max, first.p50, first.p99];
    return [each.operation, ...numbers.map(shortNumber)];
  });
  const notes = [...countLines(figures), loadLine(figures), ...serverLines(figures)];
  return [alignColumns([columns, ...rows]), "", ...notes].join("\n");
}

function countLines(figures: Figures): string[] {
  return figures.operations.map(({ operation, succeeded, verified, errors }) => {
    const failed = Object.entries(errors).map(([code, count]) => `${count} ${code}`);
    const compared = verified === 0 ? "" : `, ${verified.toLocaleString("en-US")} compared`;
    const wrong = failed.length === 0 ? "no errors" : `errors: ${failed.join(", ")}`;
    return `${operation}: ${succeeded.toLocaleString("en-US")} done${compared}, ${wrong}`;
  });
}

/** Above this the figures say more about the load than about the server. */
const busyMax = 0.9;

function loadLine({ seconds, load }: Figures): string {
  const { processes, cpuSeconds, busy } = load;
  const warning = busy > busyMax ? ": THE LOAD IS THE LIMIT, give it more --processes" : "";
  return (
    `load: ${shortNumber(seconds)} s, ${shortNumber(cpuSeconds)} CPU seconds in ${processes} processes, ` +
    `each ${Math.round(busy * 100)} % busy${warning}`
  );
}

function serverLines({ server }: Figures): string[] {
  if (server === undefined) return [];
  const { processes, cpuSeconds, privateBytes } = server;
  const [first, last, most] = [privateBytes.first, privateBytes.last, privateBytes.most].map(
    (bytes) => `${Math.round(bytes / 1e6)} MB`,
  );
  return [
    `server: ${shortNumber(cpuSeconds)} CPU seconds in ${processes} processes, ` +
      `private memory ${first} at first, ${most} at most, ${last} at last`,
  ];
}
