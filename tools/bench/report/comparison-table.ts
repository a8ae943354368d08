import type { Row } from "../compare/rows.ts";
import { shortNumber } from "./table.ts";

const titles = [
  "load",
  "store",
  "rate",
  "ours to it",
  "p50 ms",
  "p99 ms",
  "processor",
  "to bare",
  "private MB",
  "",
];

/** Above this the figures say more about the load than about the server. */
const busyMax = 0.9;

/**
 * All rows as one table, in Markdown that can also be read as it is: a load is named in its first
 * line only.
 */
export function renderComparison(rows: readonly Row[]): string {
  const cells = rows.map((row, i) => {
    const name = row.part === "" ? row.load : `${row.load}: ${row.part}`;
    const before = rows[i - 1];
    const isFirst = before?.load !== row.load || before.part !== row.part;
    return [isFirst ? name : "", ...cellsOf(row)];
  });
  const widths = titles.map((title, column) =>
    Math.max(title.length, 3, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, i) =>
      i < 2 || i === titles.length - 1
        ? cell.padEnd(widths[i] ?? 0)
        : cell.padStart(widths[i] ?? 0),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, i) =>
    i < 2 || i === titles.length - 1 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(titles), `| ${rule.join(" | ")} |`, ...cells.map(line)].join("\n");
}

function cellsOf(row: Row): string[] {
  const { store, unit, rate, ours, p50Ms, p99Ms, cpu, cpuToBare, privateBytes } = row;
  const times = (value: number | undefined): string =>
    value === undefined ? "" : `${value.toFixed(value < 10 ? 2 : 1)}x`;
  const cpuUnit = unit === "/s" ? "µs" : "s/GB";
  return [
    store,
    rate === undefined ? "" : `${shortNumber(rate)}${unit === "/s" ? "/s" : " MB/s"}`,
    times(ours),
    p50Ms === undefined ? "" : shortNumber(p50Ms),
    p99Ms === undefined ? "" : shortNumber(p99Ms),
    cpu === undefined ? "" : `${shortNumber(cpu)} ${cpuUnit}`,
    times(cpuToBare),
    privateBytes === undefined ? "" : shortNumber(privateBytes / 1e6),
    notesOf(row).join("; "),
  ];
}

function notesOf({ failed, busy, part }: Row): string[] {
  return [
    ...(failed > 0 && (part === "" || part === "all") ? [`${failed} failed`] : []),
    ...(busy > busyMax ? [`load ${Math.round(100 * busy)} % busy`] : []),
  ];
}
