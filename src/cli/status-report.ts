import type { ShownIndexMove } from "../admin/disk-pages.ts";
import { capacityIn, type CapacityReport, type DiskReport, disksIn } from "./disk-report.ts";
import { classesIn, type StorageClassReport } from "./class-report.ts";
import { redundancyIn, type RedundancyReport } from "./redundancy-report.ts";
import { type Figure, increases, quantilesBy, sumOf, sumsBy } from "./figures.ts";

/** One look at the metrics page. */
export interface MetricsReading {
  readonly atMs: number;
  readonly figures: readonly Figure[];
}

/** The facts an operator wants; rates and quantiles are those of the time between two readings. */
export interface StatusReport {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly restarts: number;
  /** Restarts of processes that hung. */
  readonly hangs: number;
  readonly processes: readonly ProcessReport[];
  readonly disks: readonly DiskReport[];
  /** The capacity by what disks are to the store. */
  readonly capacity: readonly CapacityReport[];
  /** Undefined until the background worker has counted. */
  readonly stored: StoredReport | undefined;
  /** What there is of each storage class, and in which schemes. */
  readonly classes: readonly StorageClassReport[];
  /** Undefined until the background worker has counted. */
  readonly redundancy: RedundancyReport | undefined;
  /**
   * Files on the data directories that nothing in the index explains; undefined until they were
   * looked for.
   */
  readonly straysKept: number | undefined;
  /** Undefined where nothing is kept for a restore. */
  readonly restore: RestoreReport | undefined;
  /** Undefined until the background worker runs. */
  readonly index: IndexReport | undefined;
  readonly background: readonly { readonly name: string; readonly state: string }[];
  /** Time between the two looks. */
  readonly seconds: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly slowDowns: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly connections: number;
  readonly underWay: number;
  /** Operations asked for between the two looks, and those under way. */
  readonly operations: readonly OperationReport[];
}

export interface IndexReport {
  /** True if the index was seen damaged and not found good since: nothing is reclaimed. */
  readonly isDamaged: boolean;
  /** Problems that the last verification found; undefined before the first. */
  readonly problems: number | undefined;
  readonly verifiedAt: string | undefined;
  /** Rows left out of listings, by all processes since they began. */
  readonly rowsSkipped: number;
  /** Undefined until it is known. `none`: the index is lost with its disk. */
  readonly log: IndexLogReport | "none" | undefined;
  /** Undefined where it is shipped nowhere. */
  readonly shipped: IndexShippedReport | undefined;
  /** The data directory that holds it. */
  readonly home: string | undefined;
  /** Undefined where it stays there. */
  readonly move: ShownIndexMove | undefined;
  /** Undefined where there are no copies of a log and of snapshots, or before a look at them. */
  readonly copies: IndexCopiesReport | undefined;
}

export interface IndexCopiesReport {
  /** All were read and verified since; undefined: not all were yet. */
  readonly verifiedSince: string | undefined;
  /** Copies that were not whole in the round under way, or the last one, those made anew … */
  readonly bad: number;
  readonly mended: number;
  /** … and what no copy had any more. */
  readonly lost: number;
}

export interface RestoreReport {
  readonly windowSeconds: number;
  /** The index can be restored to any time since; undefined: to none yet. */
  readonly from: string | undefined;
  /** What only this keeps, on all disks; undefined until extents were counted. */
  readonly held: HeldReport | undefined;
}

export interface HeldReport {
  /** All of it. */
  readonly bytes: number;
  readonly extents: number;
  readonly extentBytes: number;
  readonly logBytes: number;
  readonly snapshotBytes: number;
  /** Bytes of extents that are below their redundancy and can be read, and of those that cannot. */
  readonly reducedBytes: number;
  readonly unreadableBytes: number;
}

export interface IndexShippedReport {
  readonly to: string;
  /** The last commit that is there; 0: none is. */
  readonly sequence: number;
  /** Commits that are not. */
  readonly behind: number;
  /** What was committed so long ago is there. */
  readonly lagSeconds: number;
  /** Bytes of freed files that are kept until it is there that they were freed. */
  readonly keptBytes: number;
  /** True if it is so far behind that none are kept any more. */
  readonly isGivenUp: boolean;
}

export interface IndexLogReport {
  /** What would be read behind the snapshot to make the index again. */
  readonly bytes: number;
  /** Undefined before the first. */
  readonly snapshotAt: string | undefined;
  readonly snapshotCopies: number;
  /** Rows written of a snapshot that is being made; 0: none is. */
  readonly snapshotRows: number;
}

export interface ProcessReport {
  readonly name: string;
  readonly cpuShare: number;
  readonly privateBytes: number | undefined;
  readonly loopDelayP99Ms: number | undefined;
}

export interface StoredReport {
  readonly extents: Readonly<Record<string, number>>;
  readonly aliveBytes: number;
  readonly deadBytes: number;
  readonly garbageRows: number;
  /** Extents whose file is missing, and those whose file is damaged. */
  readonly lost: readonly LostReport[];
}

export interface LostReport {
  readonly state: string;
  readonly extents: number;
  readonly bytes: number;
}

export interface OperationReport {
  readonly name: string;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly underWay: number;
}

export function statusOf(before: MetricsReading, after: MetricsReading): StatusReport {
  const { figures } = after;
  const seconds = Math.max((after.atMs - before.atMs) / 1000, 0.001);
  const since = increases(before.figures, figures);
  const rate = (name: string): number => rounded((sumOf(since, name) ?? 0) / seconds);
  const bytes = sumsBy(since, "holdfast_request_bytes_total", "direction");
  const disks = disksIn(figures);
  const uptimes = sumsBy(figures, "holdfast_process_uptime_seconds", "process");
  return {
    version: labelIn(figures, "holdfast_build_info", "version") ?? "?",
    uptimeSeconds: Math.round(uptimes.get("supervisor") ?? 0),
    restarts: sumOf(figures, "holdfast_worker_restarts_total") ?? 0,
    hangs: sumOf(figures, "holdfast_worker_hangs_total") ?? 0,
    processes: [...uptimes.keys()]
      .toSorted()
      .map((name) => processOf(name, figures, since, seconds)),
    disks,
    capacity: capacityIn(disks),
    stored: storedIn(figures),
    classes: classesIn(figures),
    redundancy: redundancyIn(figures),
    straysKept: sumOf(figures, "holdfast_extent_strays_kept"),
    restore: restoreIn(figures),
    index: indexIn(figures),
    background: figures
      .filter(({ name }) => name === "holdfast_background_state")
      .map(({ labels }) => ({
        name: labels.get("task") ?? "",
        state: labels.get("state") ?? "",
      })),
    seconds: rounded(seconds),
    requests: sumOf(figures, "holdfast_requests_total") ?? 0,
    requestsPerSecond: rate("holdfast_requests_total"),
    errorsPerSecond: rate("holdfast_request_errors_total"),
    slowDowns:
      (sumOf(since, "holdfast_slow_downs_total") ?? 0) +
      (sumOf(since, "holdfast_http_refused_total") ?? 0),
    bytesInPerSecond: Math.round((bytes.get("in") ?? 0) / seconds),
    bytesOutPerSecond: Math.round((bytes.get("out") ?? 0) / seconds),
    connections: sumOf(figures, "holdfast_http_connections") ?? 0,
    underWay: sumOf(figures, "holdfast_requests_under_way") ?? 0,
    operations: operationsIn(figures, since, seconds),
  };
}

function processOf(
  name: string,
  figures: readonly Figure[],
  since: readonly Figure[],
  seconds: number,
): ProcessReport {
  const delay = "holdfast_process_event_loop_delay_seconds";
  const p99 = quantilesBy(since, delay, "process", [0.99]).get(name)?.[0];
  const cpuSeconds = sumsBy(since, "holdfast_process_cpu_seconds_total", "process").get(name);
  return {
    name,
    cpuShare: rounded((cpuSeconds ?? 0) / seconds),
    privateBytes: sumsBy(figures, "holdfast_process_private_bytes", "process").get(name),
    loopDelayP99Ms: milliseconds(p99),
  };
}

function indexIn(figures: readonly Figure[]): IndexReport | undefined {
  const damaged = sumOf(figures, "holdfast_index_damaged");
  if (damaged === undefined) return undefined;
  const verifiedAt = sumOf(figures, "holdfast_index_verified_timestamp_seconds");
  return {
    isDamaged: damaged > 0,
    problems: sumOf(figures, "holdfast_index_problems"),
    verifiedAt: verifiedAt === undefined ? undefined : new Date(verifiedAt * 1000).toISOString(),
    rowsSkipped: sumOf(figures, "holdfast_index_rows_skipped_total") ?? 0,
    log: indexLogIn(figures),
    shipped: shippedIn(figures),
    home: labelIn(figures, "holdfast_index_home", "disk"),
    move: moveIn(figures),
    copies: copiesIn(figures),
  };
}

function copiesIn(figures: readonly Figure[]): IndexCopiesReport | undefined {
  const since = sumOf(figures, "holdfast_index_scrub_read_since_seconds");
  if (since === undefined) return undefined;
  return {
    verifiedSince: since === 0 ? undefined : new Date(since * 1000).toISOString(),
    bad: sumOf(figures, "holdfast_index_scrub_bad") ?? 0,
    mended: sumOf(figures, "holdfast_index_scrub_mended") ?? 0,
    lost: sumOf(figures, "holdfast_index_scrub_lost") ?? 0,
  };
}

function moveIn(figures: readonly Figure[]): ShownIndexMove | undefined {
  const doing = labelIn(figures, "holdfast_index_move", "doing");
  if (doing === undefined) return undefined;
  const to = labelIn(figures, "holdfast_index_move", "to");
  if (to === "") return { to: undefined, doing: "holdfast disk list says why", done: 0 };
  return { to, doing, done: sumOf(figures, "holdfast_index_move") ?? 0 };
}

function labelIn(figures: readonly Figure[], name: string, label: string): string | undefined {
  return figures.find((figure) => figure.name === name)?.labels.get(label);
}

function restoreIn(figures: readonly Figure[]): RestoreReport | undefined {
  const windowSeconds = sumOf(figures, "holdfast_restore_window_seconds");
  if (windowSeconds === undefined) return undefined;
  const from = sumOf(figures, "holdfast_restore_from_timestamp_seconds");
  return {
    windowSeconds,
    from: from === undefined ? undefined : new Date(from * 1000).toISOString(),
    held: heldIn(figures),
  };
}

function heldIn(figures: readonly Figure[]): HeldReport | undefined {
  const of = sumsBy(figures, "holdfast_restore_held_bytes", "what");
  const levels = sumsBy(figures, "holdfast_restore_held_extent_bytes", "level");
  const extentBytes = of.get("extents");
  if (extentBytes === undefined) return undefined;
  const logBytes = of.get("log") ?? 0;
  const snapshotBytes = of.get("snapshots") ?? 0;
  return {
    bytes: extentBytes + logBytes + snapshotBytes,
    extents: sumOf(figures, "holdfast_restore_held_extents") ?? 0,
    extentBytes,
    logBytes,
    snapshotBytes,
    reducedBytes: (levels.get("reduced") ?? 0) + (levels.get("none") ?? 0),
    unreadableBytes: levels.get("unreadable") ?? 0,
  };
}

function shippedIn(figures: readonly Figure[]): IndexShippedReport | undefined {
  const behind = figures.find(({ name }) => name === "holdfast_index_shipping_behind");
  if (behind === undefined) return undefined;
  return {
    to: behind.labels.get("target") ?? "?",
    sequence: sumOf(figures, "holdfast_index_shipped_sequence") ?? 0,
    behind: behind.value,
    lagSeconds: rounded(sumOf(figures, "holdfast_index_shipping_lag_seconds") ?? 0),
    keptBytes: sumOf(figures, "holdfast_index_shipping_kept_bytes") ?? 0,
    isGivenUp: (sumOf(figures, "holdfast_index_shipping_given_up") ?? 0) > 0,
  };
}

function indexLogIn(figures: readonly Figure[]): IndexReport["log"] {
  const logged = sumOf(figures, "holdfast_index_logged");
  if (logged === undefined) return undefined;
  if (logged === 0) return "none";
  const snapshotAt = sumOf(figures, "holdfast_index_snapshot_timestamp_seconds") ?? 0;
  return {
    bytes: sumOf(figures, "holdfast_index_log_bytes") ?? 0,
    snapshotAt: snapshotAt === 0 ? undefined : new Date(snapshotAt * 1000).toISOString(),
    snapshotCopies: sumOf(figures, "holdfast_index_snapshot_copies") ?? 0,
    snapshotRows: sumOf(figures, "holdfast_index_snapshot_rows") ?? 0,
  };
}

function storedIn(figures: readonly Figure[]): StoredReport | undefined {
  const aliveBytes = sumOf(figures, "holdfast_extents_alive_bytes");
  if (aliveBytes === undefined) return undefined;
  return {
    extents: Object.fromEntries(sumsBy(figures, "holdfast_extents", "state")),
    aliveBytes,
    deadBytes: sumOf(figures, "holdfast_extents_dead_bytes") ?? 0,
    garbageRows: sumOf(figures, "holdfast_garbage_rows") ?? 0,
    lost: lostIn(figures),
  };
}

function lostIn(figures: readonly Figure[]): LostReport[] {
  const bytes = sumsBy(figures, "holdfast_extents_lost_bytes", "state");
  return [...sumsBy(figures, "holdfast_extents_lost", "state")]
    .filter(([, extents]) => extents > 0)
    .map(([state, extents]) => ({ state, extents, bytes: bytes.get(state) ?? 0 }));
}

/** The busiest first. */
function operationsIn(
  figures: readonly Figure[],
  since: readonly Figure[],
  seconds: number,
): OperationReport[] {
  const requests = sumsBy(since, "holdfast_requests_total", "operation");
  const errors = sumsBy(since, "holdfast_request_errors_total", "operation");
  const underWay = sumsBy(figures, "holdfast_requests_under_way", "operation");
  const times = quantilesBy(since, "holdfast_request_duration_seconds", "operation", [0.5, 0.99]);
  return [...new Set([...requests.keys(), ...underWay.keys()])]
    .map((name) => ({
      name,
      perSecond: rounded((requests.get(name) ?? 0) / seconds),
      errorsPerSecond: rounded((errors.get(name) ?? 0) / seconds),
      p50Ms: milliseconds(times.get(name)?.[0]),
      p99Ms: milliseconds(times.get(name)?.[1]),
      underWay: underWay.get(name) ?? 0,
    }))
    .filter((operation) => operation.perSecond > 0 || operation.underWay > 0)
    .toSorted((one, other) => other.perSecond - one.perSecond);
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : rounded(seconds * 1000);
}

/** Rounds to three digits behind the point. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
