import type { MetricFamily } from "../admin/metrics.ts";
import type { RequestFilter, RequestEntry } from "../admin/request-entry.ts";

/** A question of one process of the tree to all others. */
export type TreeQuestion =
  | { readonly kind: "metrics" }
  /** The requests that ended since the last time; the first time begins the trace. */
  | { readonly kind: "trace"; readonly id: string; readonly filter: RequestFilter }
  | { readonly kind: "end_trace"; readonly id: string }
  | { readonly kind: "under_way"; readonly filter: RequestFilter };

/** The answer; a process that has nothing to say leaves all of it out. */
export interface TreeAnswer {
  readonly families?: readonly MetricFamily[] | undefined;
  readonly entries?: readonly RequestEntry[] | undefined;
  readonly lost?: number | undefined;
}

/** An answer, and the name that its process keeps across restarts. */
export interface NamedAnswer {
  readonly process: string;
  readonly answer: TreeAnswer;
}

/** Asks all others; those that take too long are left out. */
export type AskOthers = (question: TreeQuestion) => Promise<readonly NamedAnswer[]>;
