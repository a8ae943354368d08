import { classRows } from "./class-report.ts";
import type { UnreadableReport } from "../admin/work-pages.ts";
import { columns } from "./command.ts";
import { type CapacityReport, type DiskReport, indexMoveText } from "./disk-report.ts";
import { redundancyRows, unreadableRows } from "./redundancy-report.ts";
import { bytesText, durationText } from "./units.ts";
import type {
  HeldReport,
  IndexCopiesReport,
  IndexReport,
  IndexShippedReport,
  OperationReport,
  ProcessReport,
  RestoreReport,
  StatusReport,
  StoredReport,
} from "./status-report.ts";

/** A report for people: what needs their attention at the top, what goes on at the bottom. */
export function statusLines(report: StatusReport, unreadable?: UnreadableReport): string[] {
  const { processes, restarts, hangs, background, disks, capacity, stored, seconds } = report;
  const resting = new Set(["idle", "stopped"]);
  const busy = background.filter(({ state }) => !resting.has(state));
  const doing = busy.map(({ name, state }) => `${name} ${state}`).join(", ");
  const hung = hangs === 0 ? "" : `, ${hangs} of them because it hung`;
  const rows = [
    ["version", `${report.version}, up ${durationText(report.uptimeSeconds)}`],
    ["processes", `${processes.length} (${restarts} restarted after a death${hung})`],
    ...disks.map((disk) => ["disk", diskText(disk)]),
    ...(disks.length > 1 && capacity.length > 0
      ? [["capacity", capacity.map(capacityText).join("; ")]]
      : []),
    ["stored", stored === undefined ? "not counted yet" : storedText(stored)],
    ...classRows(report.classes),
    ...(stored?.lost ?? []).map(({ state, extents, bytes }) => [
      state,
      `${extents} extents, ${bytesText(bytes)}: see extent_file_lost in the log, and holdfast check`,
    ]),
    ...redundancyRows(report.redundancy),
    ...unreadableRows(unreadable),
    ...straysKeptRows(report.straysKept),
    ...restoreRows(report.restore),
    ...(report.index === undefined
      ? []
      : [
          ["index", indexText(report.index)],
          ...homeRows(report.index),
          ["index log", indexLogText(report.index.log)],
          ...indexCopiesRows(report.index.copies),
          ...shippedRows(report.index.shipped),
        ]),
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

function diskText(disk: DiskReport): string {
  const { name, state, registryState = "active", isMounted, labels, emptyInSeconds } = disk;
  const { bytesFree, capacityBytes } = disk;
  const of = capacityBytes === undefined ? "" : ` of ${bytesText(capacityBytes)}`;
  const free = bytesFree === undefined ? "" : `, ${bytesText(bytesFree)}${of} free`;
  const where = labels === "" ? "" : `, ${labels}`;
  if (!isMounted) return `${name} is MISSING: mount it, or holdfast disk replace${where}`;
  if (registryState === "active") {
    const isHung = state === "no_answer";
    const why = isHung ? "it gives no answer, see holdfast disk list" : state;
    const writes = state === "ok" ? "takes writes" : `takes no writes: ${why}`;
    const verified = disk.verifiedSince ?? "not yet";
    return `${name} ${writes}${free}${where}; verified since: ${verified}`;
  }
  const left = emptyInSeconds === undefined ? "" : ` (${durationText(emptyInSeconds)} left)`;
  return `${name} is ${registryState}${left}: see holdfast disk list${free}${where}`;
}

function capacityText({ kind, disks, capacityBytes, bytesFree }: CapacityReport): string {
  const free = kind === "missing" ? "" : `, ${bytesText(bytesFree)} free`;
  return `${disks} ${kind}: ${bytesText(capacityBytes)}${free}`;
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

function homeRows({ home, move }: IndexReport): string[][] {
  if (home === undefined) return [];
  return [["index home", move === undefined ? home : `${home}: it ${indexMoveText(move)}`]];
}

function indexLogText(log: IndexReport["log"]): string {
  if (log === undefined) return "not known yet";
  if (log === "none") return "none: with one disk the index is lost with it";
  const { bytes, snapshotAt, snapshotCopies, snapshotRows } = log;
  const behind = `${bytesText(bytes)} behind`;
  const last =
    snapshotAt === undefined
      ? `no snapshot yet, ${behind} the first commit`
      : `${behind} the snapshot of ${snapshotAt} on ${snapshotCopies} disks`;
  return snapshotRows === 0 ? last : `${last}; another is being made, ${snapshotRows} rows so far`;
}

function indexCopiesRows(copies: IndexCopiesReport | undefined): string[][] {
  if (copies === undefined) return [];
  const { verifiedSince = "not yet", bad, mended, lost } = copies;
  const found = bad === 0 ? "" : `; ${bad} not whole, ${mended} of them made anew`;
  const gone = lost === 0 ? "" : `; ${lost} LOST: see log_record_lost and snapshot_lost in the log`;
  return [["index copies", `verified since: ${verifiedSince}${found}${gone}`]];
}

function restoreRows(restore: RestoreReport | undefined): string[][] {
  if (restore === undefined) return [];
  const { windowSeconds, from, held } = restore;
  const since =
    from === undefined ? "to no time yet: there is no snapshot" : `to any time since ${from}`;
  const rows = [["restore", `${since}, within ${durationText(windowSeconds)}`]];
  return held === undefined ? rows : [...rows, ["kept for it", heldText(held)]];
}

function heldText(held: HeldReport): string {
  const { bytes, extents, extentBytes, logBytes, snapshotBytes } = held;
  const index = `${bytesText(logBytes)} of log, ${bytesText(snapshotBytes)} of snapshots`;
  const all = `${bytesText(bytes)}: ${bytesText(extentBytes)} in ${extents} extents, ${index}`;
  const { reducedBytes, unreadableBytes } = held;
  const reduced = reducedBytes === 0 ? "" : `; ${bytesText(reducedBytes)} below full redundancy`;
  const lost = unreadableBytes === 0 ? "" : `; ${bytesText(unreadableBytes)} UNREADABLE`;
  return `${all}${reduced}${lost}`;
}

function shippedRows(shipped: IndexShippedReport | undefined): string[][] {
  if (shipped === undefined) return [];
  const { to, sequence, behind, lagSeconds, keptBytes, isGivenUp } = shipped;
  const done = sequence === 0 ? "nothing yet" : `commit ${sequence}`;
  const left = `${behind} commits and ${durationText(Math.round(lagSeconds))} behind`;
  const kept = keptBytes === 0 ? "" : `; ${bytesText(keptBytes)} freed are kept until it is there`;
  const state = isGivenUp ? "; TOO FAR BEHIND: files that are freed are not kept for it" : kept;
  return [["index shipped", `to ${to}, ${done}; ${left}${state}`]];
}

function storedText({ extents, aliveBytes, deadBytes, garbageRows }: StoredReport): string {
  const states = Object.entries(extents).filter(([, count]) => count > 0);
  const count = states.reduce((sum, [, of]) => sum + of, 0);
  const by = states.map(([state, of]) => `${of} ${state}`).join(", ");
  const among = by === "" ? "" : ` (${by})`;
  const bytes = `${bytesText(aliveBytes)} live and ${bytesText(deadBytes)} to reclaim`;
  return `${bytes}, ${count} extents${among}; ${garbageRows} deletions not counted yet`;
}

function rateText(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

function numberText(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(1);
}
