import type { RequestFilter } from "./request-filter.ts";
import type { RequestRecord } from "./request-record.ts";

/** Requests that ended since a trace was last fetched from, and how many more there was no room for. */
export interface TraceBatch {
  readonly records: readonly RequestRecord[];
  readonly lost: number;
}

/** Where traces come from: all front-end processes of the tree that answer in time. */
export interface TraceSource {
  /** The first time begins the trace. A batch of each process; undefined where there are too many traces. */
  fetch(id: string, filter: RequestFilter): Promise<readonly TraceBatch[] | undefined>;
  end(id: string): Promise<void>;
  /** Requests that have not ended, those alone that the filter takes. */
  underWay(filter: RequestFilter): Promise<readonly RequestRecord[]>;
}
