import type { DiskHolding } from "../control/extents/disk-holdings.ts";
import type { ObjectCount } from "../control/extents/object-census.ts";
import type { Shortage } from "../control/extents/redundancy-tally.ts";
import type { RepairStatistics } from "../control/redundancy/repair.ts";
import type { IndexScrubStatistics } from "../control/redundancy/index-scrub.ts";
import type { ScrubStatistics } from "../control/redundancy/scrub.ts";
import type { DiskId } from "../format/ids.ts";
import type { ShownIndexMove } from "../admin/disk-pages.ts";
import type { MetricFamily } from "../admin/metrics.ts";
import type { RequestFilter, RequestEntry } from "../admin/request-entry.ts";

/** A question of one process of the tree to all others. */
export type TreeQuestion =
  | { readonly kind: "metrics" }
  | { readonly kind: "disks" }
  /** How long there were requests of clients under way. */
  | { readonly kind: "load" }
  /** How far repair and scrub are. */
  | { readonly kind: "work" }
  /** Which objects cannot be read. */
  | { readonly kind: "unreadable" }
  /** The requests that ended since the last time; the first time begins the trace. */
  | { readonly kind: "trace"; readonly id: string; readonly filter: RequestFilter }
  | { readonly kind: "end_trace"; readonly id: string }
  | { readonly kind: "under_way"; readonly filter: RequestFilter };

/** The answer; a process that has nothing to say leaves all of it out. */
export interface TreeAnswer {
  readonly families?: readonly MetricFamily[] | undefined;
  readonly entries?: readonly RequestEntry[] | undefined;
  readonly lost?: number | undefined;
  readonly disks?: readonly DiskFigures[] | undefined;
  /** How the index moves to another disk; undefined where it does not, or nobody here knows. */
  readonly indexMove?: ShownIndexMove | undefined;
  /** Time with requests of clients under way, since the process began. */
  readonly busyMs?: number | undefined;
  readonly work?: WorkFigures | undefined;
  /** Undefined until they were counted. */
  readonly objects?: ObjectCount | undefined;
}

/** What the background worker knows of repair and scrub. */
export interface WorkFigures {
  readonly repair: RepairStatistics;
  readonly scrub: ScrubStatistics;
  /** Undefined where it does not scrub copies of the index. */
  readonly indexScrub: Pick<IndexScrubStatistics, "row" | "isAsked"> | undefined;
  /** Undefined until the extents were counted. */
  readonly shortage: Shortage | undefined;
  /** Members made since the process began, and their bytes. */
  readonly membersMade: number;
  readonly bytesMade: number;
  /** Bytes of extents on each disk, as last counted. */
  readonly bytesOnDisks: readonly (readonly [DiskId, number])[];
}

/** What a process knows of one disk. */
export interface DiskFigures {
  readonly disk: DiskId;
  /** What extents have on it, as last counted. */
  readonly holding?: DiskHolding | undefined;
  readonly emptyInSeconds?: number | undefined;
  /** Faults that the process met, by kind. */
  readonly faults?: Readonly<Record<string, number>> | undefined;
}

/** An answer, and the name that its process keeps across restarts. */
export interface NamedAnswer {
  readonly process: string;
  readonly answer: TreeAnswer;
}

/** Asks all others; those that take too long are left out. */
export type AskOthers = (question: TreeQuestion) => Promise<readonly NamedAnswer[]>;
