/**
 * - `corrupt`: bytes that do not match their checksum, or rows that do not decode.
 * - `missing`: stored bytes that the index refers to are not there.
 * - `dangling`: a row without the rows it belongs to (a part without its upload, an object without
 *   its bucket).
 * - `doubled`: a record that two rows refer to.
 * - `stray`: a file that no row knows.
 * - `unknown`: a row of no known kind.
 * - `inconsistent`: rows that contradict one another, or themselves.
 */
export type ProblemKind =
  | "corrupt"
  | "missing"
  | "dangling"
  | "doubled"
  | "stray"
  | "unknown"
  | "inconsistent";

export interface CheckProblem {
  readonly kind: ProblemKind;
  /** The row, extent or file. */
  readonly where: string;
  readonly message: string;
}

export interface CheckCounts {
  rows: number;
  buckets: number;
  objects: number;
  deleteMarkers: number;
  versions: number;
  uploads: number;
  parts: number;
  /** Bytes of objects, versions and parts, as their rows say. */
  objectBytes: number;
  garbageRows: number;
  extents: number;
  records: number;
  /** Record bytes that some row refers to, and that none does (yet, or any more). */
  aliveBytes: number;
  unreferencedBytes: number;
  /** Bytes of these in which no whole record was found, as a crash may leave them. */
  unreadableBytes: number;
  files: number;
}

/** The generation of the index, and the newest one that each data directory has seen. */
export interface CheckedGeneration {
  readonly index: number;
  readonly disks: readonly { readonly disk: string; readonly generation: number }[];
}

export interface CheckReport {
  readonly isClean: boolean;
  readonly generation: CheckedGeneration;
  readonly counts: Readonly<CheckCounts>;
  /** The first of them; `problemCounts` has all. */
  readonly problems: readonly CheckProblem[];
  readonly problemCounts: Readonly<Partial<Record<ProblemKind, number>>>;
}

export interface CheckProgress {
  readonly phase: "index" | "extents" | "files";
  readonly counts: Readonly<CheckCounts>;
  readonly problems: number;
}

/** @limit Problems listed; more are counted only. */
const problemsListedMax = 1000;

export class CheckNotes {
  generation: CheckedGeneration = { index: 0, disks: [] };
  readonly counts: CheckCounts = {
    rows: 0,
    buckets: 0,
    objects: 0,
    deleteMarkers: 0,
    versions: 0,
    uploads: 0,
    parts: 0,
    objectBytes: 0,
    garbageRows: 0,
    extents: 0,
    records: 0,
    aliveBytes: 0,
    unreferencedBytes: 0,
    unreadableBytes: 0,
    files: 0,
  };
  readonly #problems: CheckProblem[] = [];
  readonly #problemCounts: Partial<Record<ProblemKind, number>> = {};
  #found = 0;

  problem(kind: ProblemKind, where: string, message: string): void {
    this.#found++;
    this.#problemCounts[kind] = (this.#problemCounts[kind] ?? 0) + 1;
    if (this.#problems.length < problemsListedMax) this.#problems.push({ kind, where, message });
  }

  get problemsFound(): number {
    return this.#found;
  }

  report(): CheckReport {
    return {
      isClean: this.#found === 0,
      generation: this.generation,
      counts: { ...this.counts },
      problems: [...this.#problems],
      problemCounts: { ...this.#problemCounts },
    };
  }
}
