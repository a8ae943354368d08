import { columns } from "./command.ts";
import type {
  IndexReport,
  OperationReport,
  ProcessReport,
  StatusReport,
  StoredReport,
} from "./status-report.ts";

/** A report for people: what needs their attention at the top, what goes on at the bottom. */
export function statusLines(report: StatusReport): string[] {
  const { processes, restarts, hangs, background, disks, stored, seconds } = report;
  const resting = new Set(["idle", "stopped"]);
  const busy = background.filter(({ state }) => !resting.has(state));
  const doing = busy.map(({ name, state }) => `${name} ${state}`).join(", ");
  const hung = hangs === 0 ? "" : `, ${hangs} of them because it hung`;
  const rows = [
    ["version", `${report.version}, up ${durationText(report.uptimeSeconds)}`],
    ["processes", `${processes.length} (${restarts} restarted after a death${hung})`],
    ...disks.map(({ name, state, bytesFree }) => [
      "disk",
      `${name} ${state === "ok" ? "takes writes" : `takes no writes: ${state}`}, ${bytesText(bytesFree)} free`,
    ]),
    ["stored", stored === undefined ? "not counted yet" : storedText(stored)],
    ...(stored?.lost ?? []).map(({ state, extents, bytes }) => [
      state,
      `${extents} extents, ${bytesText(bytes)}: see extent_file_lost in the log, and holdfast check`,
    ]),
    ...straysKeptRows(report.straysKept),
    ...(report.index === undefined ? [] : [["index", indexText(report.index)]]),
    ["background", doing === "" ? "idle" : doing],
    [
      "requests",
      `${rateText(report.requestsPerSecond)}/s, ${rateText(report.errorsPerSecond)}/s in error, ` +
        `${report.slowDowns} answered SlowDown, in the last ${Math.round(seconds)} s`,
    ],
    [
      "traffic",
      `${bytesText(report.bytesInPerSecond)}/s in, ${bytesText(report.bytesOutPerSecond)}/s out`,
    ],
    ["under way", `${report.underWay} requests on ${report.connections} connections`],
  ];
  return [
    ...columns(rows),
    "",
    ...columns([["PROCESS", "CPU", "PRIVATE", "LOOP P99 MS"], ...processes.map(processRow)]),
    ...(report.operations.length === 0 ? [] : ["", ...operationLines(report.operations)]),
  ].map((line) => (line === "" ? "" : `  ${line}`));
}

/** Shown only where there are any: nothing removes them, and they take space. */
function straysKeptRows(files: number | undefined): string[][] {
  if (files === undefined || files === 0) return [];
  const what = `${files} files under extents/ that the index does not know`;
  return [["kept", `${what}: stop the server and run holdfast check to see which`]];
}

function processRow(process: ProcessReport): string[] {
  const { name, cpuShare, privateBytes, loopDelayP99Ms } = process;
  const memory = privateBytes === undefined ? "-" : bytesText(privateBytes);
  return [name, `${Math.round(cpuShare * 100)} %`, memory, numberText(loopDelayP99Ms)];
}

function operationLines(operations: readonly OperationReport[]): string[] {
  const heads = ["OPERATION", "PER S", "ERRORS", "P50 MS", "P99 MS", "UNDER WAY"];
  const rows = operations.map((operation) => [
    operation.name,
    rateText(operation.perSecond),
    rateText(operation.errorsPerSecond),
    numberText(operation.p50Ms),
    numberText(operation.p99Ms),
    String(operation.underWay),
  ]);
  return columns([heads, ...rows]);
}

function indexText({ isDamaged, problems, verifiedAt, rowsSkipped }: IndexReport): string {
  const verified = verifiedAt === undefined ? "not verified yet" : `verified at ${verifiedAt}`;
  if (!isDamaged) return verified;
  const found = problems === undefined ? "" : `, ${problems} problems found`;
  const skipped = `${rowsSkipped} rows left out of listings`;
  const next = "see index_damaged in the log, stop the server, then holdfast check --repair";
  return `DAMAGED, nothing is reclaimed; ${verified}${found}; ${skipped}: ${next}`;
}

function storedText({ extents, aliveBytes, deadBytes, garbageRows }: StoredReport): string {
  const states = Object.entries(extents).filter(([, count]) => count > 0);
  const count = states.reduce((sum, [, of]) => sum + of, 0);
  const by = states.map(([state, of]) => `${of} ${state}`).join(", ");
  const among = by === "" ? "" : ` (${by})`;
  // Bytes in open extents are counted when they are sealed, after five minutes at the latest.
  const bytes = `${bytesText(aliveBytes)} live and ${bytesText(deadBytes)} to reclaim in sealed extents`;
  return `${bytes}, ${count} extents${among}; ${garbageRows} deletions not counted yet`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function durationText(seconds: number): string {
  const spans = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ] as const;
  const first = spans.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  const shown = spans.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count}${unit}`).join(" ");
}

function rateText(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

function numberText(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(1);
}
