import type { Transaction } from "lmdb";
import type { Ready } from "../../base/ready.ts";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import { LoopShare } from "../../base/loop-share.ts";
import type { CommitLog } from "../../engine/commit-log.ts";
import { assertChange, assertRead, assertScan } from "../../engine/contract.ts";
import type {
  Change,
  CommitResult,
  Engine,
  EngineReader,
  EngineSnapshot,
  EngineStatistics,
  Row,
  Rows,
  ScanOptions,
  Verification,
} from "../../engine/engine.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Log } from "../../platform/platform.ts";
import { type Database, dataFileOf, openEnvironment } from "./environment.ts";
import { DataFilePlace } from "./data-file.ts";
import { toStoreError } from "./lmdb-error-codes.ts";
import { commitWaitMs, GroupCommit } from "./group-commit.ts";
import { FileReserve, reserveBytesDefault } from "./file-reserve.ts";
import { readRows, RowScanner } from "./rows.ts";
import { verifyDatabase } from "./verify.ts";

export { hasEnvironment, makeEnvironment } from "./environment.ts";
export { repairLmdb } from "./repair.ts";
export type { RepairOptions, RepairResult } from "./repair.ts";
export { verifyDataFile, verifyLmdb } from "./verify.ts";
export type { VerifyOptions } from "./verify.ts";

/*
 * The engine of one machine: LMDB, a B-tree in one file, mapped by every process of the machine
 * that opens it. One writer at a time among all processes, readers that never wait. Rows are
 * enveloped (format/row-envelope.ts), since LMDB's pages have no checksums.
 *
 * Known weak spots: pages are read through the map, so a page that is not in memory stalls this
 * thread while it is fetched, and a sector the disk cannot read ends the process (SIGBUS). A
 * snapshot keeps every page written since from being used again; short ones only.
 */

export interface LmdbOptions {
  /** A directory that `makeEnvironment` made. */
  readonly path: string;
  readonly hash: Hash;
  readonly log: Log;
  /**
   * A write or sync failed and what the disk holds is not known; or the data file is no longer at
   * its path (StoreError `missing`). This engine answers `unavailable` from now on; the owner stops
   * every process that has the environment open, verifies it, and starts again.
   */
  readonly onFailed?: ((cause: unknown) => void) | undefined;
  /** The process's event loop, whose work the reads are counted as. */
  readonly loop?: LoopShare | undefined;
  /** A commit waits no longer than this: then it is refused, or its outcome is `unknown`. */
  readonly commitWaitMs?: number | undefined;
  /**
   * Every commit is appended to it first; the engine closes it. Then the last commit may be undone
   * by a power cut: whoever opens the index again rolls it forward.
   */
  readonly commitLog?: CommitLog | undefined;
  /** Space kept ahead in the data file for when the disk is full. */
  readonly reserveBytes?: number | undefined;
}

export interface LmdbEngine extends Engine {
  /**
   * Frees what processes that died while reading still hold; call it after the death of one.
   * Returns how many. Opening does it, too.
   */
  clearStaleReaders(): number;
}

export async function openLmdbEngine(options: LmdbOptions): Promise<LmdbEngine> {
  const { path, reserveBytes = reserveBytesDefault } = options;
  const place = new DataFilePlace(dataFileOf(path));
  const environment = { mayLoseLastCommit: options.commitLog !== undefined };
  const database = openEnvironment(path, environment);
  // The binding's reads see the transaction that the same handle has under way, also those of a
  // snapshot; one that waits for its log is under way for long.
  const isSplit = options.commitLog !== undefined;
  const reading = isSplit ? openEnvironment(path, environment) : database;
  process.on("exit", endAtOnce);
  try {
    // LMDB makes what it does not find: it must not have found another file than we did.
    if (!place.isKept()) throw new StoreError("missing", `index in ${path}: replaced while opened`);
    const reserve = new FileReserve(database, path, reserveBytes);
    await reserve.fill();
    return new LmdbRows(options, { database, reading, reserve, place });
  } catch (thrown) {
    if (isSplit) await reading.close();
    await database.close();
    place.close();
    process.off("exit", endAtOnce);
    throw thrown;
  }
}

/**
 * The binding's write thread waits for this one in the middle of a transaction, with the lock that
 * all processes share; Node, when it exits, waits for that thread. So an exit while the environment
 * is open (an uncaught error, a lost supervisor) might never end, and stop every other process's
 * writes: seen once in twenty kills of a supervisor. A kill frees the lock and loses nothing, since
 * all is made for crashes.
 */
function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}

interface OpenedFiles {
  /** Writes. */
  readonly database: Database;
  /** Reads; the same handle where there is no log. */
  readonly reading: Database;
  readonly reserve: FileReserve;
  readonly place: DataFilePlace;
}

/** Bytes that are as much work as a row: to check, to copy and to decode. */
const bytesPerRow = 1024;

/** The work of reading these rows, in rows. */
function workOf(rows: Rows): number {
  let bytes = 0;
  for (const row of rows) bytes += row?.value.length ?? 0;
  return rows.length + bytes / bytesPerRow;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

class LmdbRows implements LmdbEngine {
  readonly #options: LmdbOptions;
  readonly #what: string;
  readonly #database: Database;
  readonly #reading: Database;
  readonly #scanner: RowScanner;
  readonly #reserve: FileReserve;
  readonly #place: DataFilePlace;
  readonly #commits: GroupCommit;
  readonly #reader: EngineReader;
  readonly #loop: LoopShare;
  readonly #snapshots = new Set<EngineSnapshot>();
  #state: "open" | "failed" | "closed" = "open";

  constructor(options: LmdbOptions, { database, reading, reserve, place }: OpenedFiles) {
    this.#options = options;
    this.#loop = options.loop ?? new LoopShare(nextTurn);
    this.#what = `index in ${options.path}`;
    this.#database = database;
    this.#reading = reading;
    this.#scanner = new RowScanner(reading, options.hash);
    this.#reserve = reserve;
    this.#place = place;
    this.#reader = this.#readerOf(undefined, () => this.#assertOpen());
    this.#commits = new GroupCommit({
      database,
      hash: options.hash,
      commitLog: options.commitLog,
      what: this.#what,
      reserve,
      isInPlace: () => place.isKept(),
      waitMs: options.commitWaitMs ?? commitWaitMs,
      stalled: (waitedMs, waitFor) => this.#tellStalled(waitedMs, waitFor),
      wentOn: () => options.log("info", "commits_go_on", { path: options.path }),
      failed: (cause) => this.#fail(cause),
    });
  }

  read(keys: readonly Uint8Array[]): Ready<Rows> {
    return this.#reader.read(keys);
  }

  scan(range: KeyRange, options: ScanOptions): Ready<Row[]> {
    return this.#reader.scan(range, options);
  }

  commit(change: Change): Promise<CommitResult> {
    return new Promise((answer, refuse) => {
      this.#assertOpen();
      assertChange(change);
      this.#commits.add(change, { answer, refuse });
    });
  }

  snapshot(): EngineSnapshot {
    this.#assertOpen();
    const transaction = this.#attempt("snapshot", () => {
      this.#reading.resetReadTxn();
      return this.#reading.useReadTransaction();
    });
    const reader = this.#readerOf(transaction, () => {
      this.#assertOpen();
      if (!this.#snapshots.has(snapshot)) {
        throw new StoreError("unavailable", `${this.#what}: the snapshot is closed`);
      }
    });
    const snapshot: EngineSnapshot = {
      ...reader,
      close: () => {
        if (this.#snapshots.delete(snapshot)) transaction.done();
      },
    };
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  statistics(): EngineStatistics {
    return { ...this.#commits.counts, bytesOnDisk: this.#reserve.fileBytes };
  }

  verify(): Verification {
    this.#assertOpen();
    return verifyDatabase(this.#reading, this.#options.path, this.#options.hash);
  }

  clearStaleReaders(): number {
    this.#assertOpen();
    return this.#attempt("clearing stale readers", () => this.#database.readerCheck());
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#commits.close();
    await this.#options.commitLog?.close();
    for (const snapshot of this.#snapshots) snapshot.close();
    if (this.#reading !== this.#database) await this.#reading.close();
    await this.#database.close();
    this.#reserve.close();
    this.#place.close();
    process.off("exit", endAtOnce);
  }

  #readerOf(transaction: Transaction | undefined, assertReadable: () => void): EngineReader {
    const { hash } = this.#options;
    const loop = this.#loop;
    // Reads of one snapshot are few, and what is made of them is made at once: only the first of
    // them waits.
    let isUnderWay = false;
    const whenFree = <T>(work: () => T): Ready<T> => {
      if (loop.isSpent && !isUnderWay) return loop.turn().then(() => whenFree(work));
      isUnderWay = transaction !== undefined;
      assertReadable();
      return work();
    };
    return {
      read: (keys) => {
        assertRead(keys);
        return whenFree(() => {
          const rows = this.#attempt("read", () =>
            readRows(this.#reading, hash, keys, transaction),
          );
          loop.count(workOf(rows));
          return rows;
        });
      },
      scan: (range, options) => {
        assertScan(range, options);
        return whenFree(() => {
          const rows = this.#attempt("scan", () => this.#scanner.scan(range, options, transaction));
          loop.count(workOf(rows));
          return rows;
        });
      },
    };
  }

  #attempt<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (thrown) {
      throw toStoreError(thrown, `${this.#what}: ${doing}`);
    }
  }

  #assertOpen(): void {
    if (this.#state === "open") return;
    const why = this.#state === "closed" ? "closed" : "waits for its verification after a failure";
    throw new StoreError("unavailable", `${this.#what}: ${why}`);
  }

  #tellStalled(waitedMs: number, waitFor: "lock" | "sync"): void {
    const reasons = {
      lock: "another process has the lock of the index's writer",
      sync: "a disk of the index, or of its log, does not finish a sync",
    };
    const fields = { waitedMs, reason: reasons[waitFor] };
    this.#options.log("warn", "commits_stalled", { path: this.#options.path, ...fields });
  }

  #fail(cause: unknown): void {
    if (this.#state === "open") this.#state = "failed";
    const event = isStoreError(cause, "missing") ? "index_gone" : "index_sync_failed";
    this.#options.log("error", event, { path: this.#options.path, cause: messageOf(cause) });
    this.#options.onFailed?.(cause);
  }
}
