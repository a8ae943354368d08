import {
  type DiskReport,
  disksIn,
  type Figure,
  increases,
  quantilesBy,
  sumOf,
  sumsBy,
} from "./figures.ts";

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
  /** Undefined until the background worker has counted. */
  readonly stored: StoredReport | undefined;
  /**
   * Files on the data directories that nothing in the index explains; undefined until they were
   * looked for.
   */
  readonly straysKept: number | undefined;
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
  const labelled = (name: string, label: string): string | undefined =>
    figures.find((figure) => figure.name === name)?.labels.get(label);
  const uptimes = sumsBy(figures, "holdfast_process_uptime_seconds", "process");
  return {
    version: labelled("holdfast_build_info", "version") ?? "?",
    uptimeSeconds: Math.round(uptimes.get("supervisor") ?? 0),
    restarts: sumOf(figures, "holdfast_worker_restarts_total") ?? 0,
    hangs: sumOf(figures, "holdfast_worker_hangs_total") ?? 0,
    processes: [...uptimes.keys()]
      .toSorted()
      .map((name) => processOf(name, figures, since, seconds)),
    disks: disksIn(figures),
    stored: storedIn(figures),
    straysKept: sumOf(figures, "holdfast_extent_strays_kept"),
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
