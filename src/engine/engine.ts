import { type Ready, whenReady } from "../base/ready.ts";
import type { StoreError } from "../base/errors.ts";
import type { ChangeId } from "../format/ids.ts";
import type { KeyRange } from "../format/row-keys.ts";

/*
 * An engine keeps rows in the order of their keys, as bytes, and knows nothing of buckets. One
 * engine instance holds one or more partitions' rows; every method below is all it must do.
 * Implementations: memory (reference), LMDB (node/lmdb/lmdb-engine.ts), the simulator's. All pass
 * engine.suite.ts.
 */

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The id of the change that last put this row; what a check expects. */
  readonly stamp: ChangeId;
}

export interface ScanOptions {
  /** Reads from the end of the range towards its start. */
  readonly reverse?: boolean | undefined;
  /** The most rows of the answer; 1 … scanRowsMax. */
  readonly limit: number;
  /**
   * Asked for each row that is answered: the key, above the row's, from which the scan goes on;
   * undefined: from the next row. What lies between is passed by seeking. Not in reverse.
   */
  readonly skipTo?: ((row: Row) => Uint8Array | undefined) | undefined;
  /**
   * Given, a row that is not as it was written is left out, and reported here; without it the scan
   * fails (`corrupt`).
   */
  readonly onDamaged?: ((thrown: StoreError) => void) | undefined;
}

/**
 * @limit A scan hands out whole arrays, and some engines read them in the thread that serves: a
 * page of a listing and a little more.
 */
export const scanRowsMax = 1024;

export interface Check {
  readonly key: Uint8Array;
  /** The row must have this stamp, or not exist. */
  readonly expect: ChangeId | "absent";
}

export interface Put {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * All or nothing, and durable once answered `ok`. Keys in `puts` and `deletes` are distinct;
 * deleting what is not there is no error. The id becomes the stamp of every row put, and is never
 * used for another change.
 */
export interface Change {
  readonly id: ChangeId;
  readonly checks: readonly Check[];
  readonly puts: readonly Put[];
  readonly deletes: readonly Uint8Array[];
  /**
   * It frees nothing: when the disk is full it may not use what an engine keeps for changes that
   * do.
   */
  readonly leavesReserve?: boolean | undefined;
}

/**
 * @limit Changes a commit may carry at most (checks, puts and deletes together): an upload of
 * 10,000 parts and then some.
 */
export const changeRowsMax = 32_768;

/**
 * - `ok`: durable, and seen by every later read of any process.
 * - `conflict`: the first check that failed; nothing changed, nor will it.
 * - `unknown`: may have happened or not, and is decided now: a later read shows which.
 */
export type CommitResult =
  | { readonly outcome: "ok" }
  | { readonly outcome: "conflict"; readonly key: Uint8Array }
  | { readonly outcome: "unknown"; readonly cause: unknown };

export interface EngineStatistics {
  /** Changes that were answered `ok` by this instance. */
  readonly commits: number;
  /** Durable engine transactions (each at least one sync) they shared. */
  readonly transactions: number;
  readonly conflicts: number;
  readonly bytesOnDisk: number;
  /** Counts by size as `SizeCounts` reads them; for engines whose commits share transactions. */
  readonly changesPerTransaction?: readonly number[] | undefined;
}

/**
 * - `row`: a row that is not as it was written; what it said is lost.
 * - `structure`: the engine's own bookkeeping is damaged, so that rows may not be found that are
 *   there.
 */
export interface IndexProblem {
  readonly kind: "row" | "structure";
  /** The key of the damaged row, if it is known. */
  readonly key?: Uint8Array | undefined;
  readonly message: string;
}

export interface VerifyReport {
  readonly rows: number;
  /** Keys and values together. */
  readonly bytes: number;
  readonly problemCount: number;
  /** The first `verifyProblemsMax` of them. */
  readonly problems: readonly IndexProblem[];
}

/** @limit Problems listed; more are counted only. */
export const verifyProblemsMax = 100;

/** Each step is short and says how far it came; in the end stands the whole. */
export type Verification = AsyncGenerator<VerifyReport, VerifyReport, undefined>;

/** The result of `read`: for each key, in the order asked, its row or undefined. */
export type Rows = readonly (Row | undefined)[];

/**
 * @limit Keys of one `read` at most: what one step of a request needs, and one round trip of a
 * distributed engine carries.
 */
export const readKeysMax = 64;

/**
 * Reads answer with the value itself where the engine has it at hand, and with a promise where it
 * must wait. So they fail either way, too: they throw or reject.
 */
export interface EngineReader {
  /**
   * The rows of these keys as of the last commit before the call, all of one moment. A row's `key`
   * is the array that was asked for; its value belongs to the caller.
   */
  read(keys: readonly Uint8Array[]): Ready<Rows>;
  /**
   * Rows with start <= key < end, in key order (or its reverse), all of one moment. They belong to
   * the caller.
   */
  scan(range: KeyRange, options: ScanOptions): Ready<Row[]>;
}

/** One row, for callers that need no other: `EngineReader.read` of one key. */
export function readRow(reader: EngineReader, key: Uint8Array): Ready<Row | undefined> {
  return whenReady(reader.read([key]), first);
}

function first(rows: Rows): Row | undefined {
  return rows[0];
}

/**
 * Reads and commits throw StoreError: `corrupt` (a row's checksum), `unavailable` (closed, or
 * awaiting verification after a failed sync), `overloaded` (the commit queue is full),
 * `storage_full`, `io`. A commit that throws has not happened; but for `unknown`: it may still
 * happen, and no read can show it yet. Every commit ends within a bounded time.
 */
export interface Engine extends EngineReader {
  commit(change: Change): Promise<CommitResult>;
  /** A reader of this moment; holds resources until closed. */
  snapshot(): EngineSnapshot;
  statistics(): EngineStatistics;
  /**
   * Looks at everything stored for damage, while any process reads and commits. Not there where
   * rows cannot be damaged, or the engine does it by itself.
   */
  verify?(): Verification;
  /** Waits for commits under way. */
  close(): Promise<void>;
}

export interface EngineSnapshot extends EngineReader {
  close(): void;
}
