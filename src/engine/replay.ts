import type { CommitRecord, LogPosition } from "../format/commit-record.ts";
import type { SnapshotRow } from "../format/index-snapshot.ts";
import type { EngineReader } from "./engine.ts";

/**
 * An index as the one process that has it makes its rows again, or moves them on to where the
 * commit log ends. Each call is durable once it resolves.
 */
export interface ReplayTarget {
  /** The rows as they are by now. */
  readonly reader: EngineReader;
  /** The record of the log that it has last. */
  readonly position: LogPosition;
  /** Rows of a snapshot, in order of their keys. */
  putRows(rows: readonly SnapshotRow[]): Promise<void>;
  /** Sequence 0: it has no log. */
  setPosition(position: LogPosition): Promise<void>;
  /** Does what the records say, which follow its position one after the other. */
  apply(records: readonly (CommitRecord & LogPosition)[]): Promise<void>;
}
