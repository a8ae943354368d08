import { StoreError } from "../../base/errors.ts";
import type { EngineReader } from "../../engine/engine.ts";
import type { ReplayTarget } from "../../engine/replay.ts";
import type { CommitRecord, LogPosition } from "../../format/commit-record.ts";
import { firstLogPosition, logPositionKey } from "../../format/commit-record.ts";
import type { SnapshotRow } from "../../format/index-snapshot.ts";
import { envelopeRow } from "../../format/row-envelope.ts";
import { logQuorumKey } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";
import { openEnvironment } from "./environment.ts";
import { FileReserve } from "./file-reserve.ts";
import { toStoreError } from "./lmdb-error-codes.ts";
import { applyRecord, readLogPosition, writeLogPosition } from "./log-position.ts";
import { readRows, RowScanner } from "./rows.ts";

/** An environment that nobody else has open, for who makes its rows again or moves them on. */
export interface LmdbReplay extends ReplayTarget {
  /** The log begins anew behind this position: no row says any more where its records must be. */
  beginLog(position: LogPosition): Promise<void>;
  close(): Promise<void>;
}

export function openLmdbReplay(path: string, hash: Hash): LmdbReplay {
  const database = openEnvironment(path);
  try {
    return new Replay(database, hash, path);
  } catch (thrown) {
    void database.close();
    throw toStoreError(thrown, `index in ${path}: opening`);
  }
}

/** What a row takes at the most, as in a group commit. */
const rowSpaceBytes = 4096;

class Replay implements LmdbReplay {
  readonly #database: Database;
  readonly #hash: Hash;
  readonly #path: string;
  readonly #reserve: FileReserve;
  #position: LogPosition;
  readonly reader: EngineReader;

  constructor(database: Database, hash: Hash, path: string) {
    this.#database = database;
    this.#hash = hash;
    this.#path = path;
    this.#position = readLogPosition(database, hash);
    this.#reserve = new FileReserve(database, path, 0);
    const scanner = new RowScanner(database, hash);
    this.reader = {
      read: (keys) => Promise.resolve(readRows(database, hash, keys, undefined)),
      scan: (range, options) => Promise.resolve(scanner.scan(range, options, undefined)),
    };
  }

  get position(): LogPosition {
    return this.#position;
  }

  async putRows(rows: readonly SnapshotRow[]): Promise<void> {
    let bytes = 0;
    for (const { key, value } of rows) bytes += key.length + value.length;
    await this.#transact(rows.length, bytes, () => {
      for (const { key, stamp, value } of rows) {
        this.#database.putSync(key, envelopeRow(this.#hash, key, stamp, value));
      }
    });
  }

  async setPosition(position: LogPosition): Promise<void> {
    await this.#transact(1, 0, () => {
      if (position.sequence === 0) this.#database.removeSync(logPositionKey);
      else writeLogPosition(this.#database, this.#hash, position);
    });
    this.#position = position.sequence === 0 ? firstLogPosition : position;
  }

  async beginLog(position: LogPosition): Promise<void> {
    await this.#transact(2, 0, () => {
      this.#database.removeSync(logQuorumKey());
      writeLogPosition(this.#database, this.#hash, position);
    });
    this.#position = position;
  }

  async apply(records: readonly (CommitRecord & LogPosition)[]): Promise<void> {
    let rows = records.length;
    let bytes = 0;
    for (const { changes } of records) {
      for (const { puts, deletes } of changes) {
        rows += puts.length + deletes.length;
        for (const { key, value } of puts) bytes += key.length + value.length;
      }
    }
    await this.#transact(rows, bytes, () => {
      for (const record of records) applyRecord(this.#database, this.#hash, record);
    });
    const last = records.at(-1);
    if (last !== undefined) this.#position = last;
  }

  async close(): Promise<void> {
    this.#reserve.close();
    await this.#database.close();
  }

  /** LMDB must not meet a full disk (see file-reserve.ts), so space is made before it writes. */
  async #transact(rows: number, bytes: number, write: () => void): Promise<void> {
    let failure: unknown;
    try {
      await this.#database.transaction(() => {
        try {
          const wanted = rows * rowSpaceBytes + 2 * bytes;
          if (this.#reserve.ahead(wanted) < wanted) {
            const message = `index in ${this.#path}: no space to make it again on this file system`;
            throw new StoreError("storage_full", message);
          }
          write();
        } catch (thrown) {
          failure = thrown;
        }
      });
    } catch (thrown) {
      failure ??= thrown;
    }
    if (failure !== undefined) throw toStoreError(failure, `index in ${this.#path}: replay`);
  }
}
