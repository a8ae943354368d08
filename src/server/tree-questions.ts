import type { MetricFamily } from "../admin/metrics.ts";
import type { RequestFilter, RequestRecord } from "../admin/request-record.ts";

/** What one process of the tree asks all others. */
export type TreeQuestion =
  | { readonly kind: "metrics" }
  /** What ended since the last time; the first time begins the trace. */
  | { readonly kind: "trace"; readonly id: string; readonly filter: RequestFilter }
  | { readonly kind: "end_trace"; readonly id: string }
  | { readonly kind: "under_way"; readonly filter: RequestFilter };

/** What is asked for is there; nothing, where a process has nothing to say to it. */
export interface TreeAnswer {
  readonly families?: readonly MetricFamily[] | undefined;
  readonly records?: readonly RequestRecord[] | undefined;
  readonly lost?: number | undefined;
}

/** An answer, and the name that its process keeps across restarts. */
export interface NamedAnswer {
  readonly process: string;
  readonly answer: TreeAnswer;
}

/** Asks all others; those that take too long are left out. */
export type AskOthers = (question: TreeQuestion) => Promise<readonly NamedAnswer[]>;
