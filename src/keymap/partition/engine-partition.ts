import { assert } from "../../base/assert.ts";
import { Limiter } from "../../base/limiter.ts";
import { equalBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { Change, Engine, EngineReader, Row, Rows, ScanOptions } from "../../engine/engine.ts";
import { changeRowsMax } from "../../engine/engine.ts";
import type { ChangeId, PartitionId } from "../../format/ids.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import { sessionKey, space } from "../../format/row-keys.ts";
import type { Clock } from "../../platform/clock.ts";
import type { CommitOutcome, Partition } from "../keymap.ts";
import type { Session } from "../session.ts";
import { resolveCommit } from "./resolve-commit.ts";
import type { RoutedRange } from "./routed-form.ts";
import { clampRange, isRowInRange } from "./routed-form.ts";

export interface PartitionPlace {
  readonly id: PartitionId;
  readonly engine: Engine;
  /** Undefined: the system partition, whose rows are not routed. */
  readonly range: RoutedRange | undefined;
}

/** A session as one engine knows it: the stamp of its row there, which every commit checks. */
export interface RegisteredSession {
  readonly session: Session;
  readonly stamp: ChangeId;
}

/** Snapshots of a partition at a time: half of what an engine has for a process (node/lmdb/environment.ts). */
export const snapshotsMax = 8;
/** As many as requests may be under way. */
export const snapshotWaitersMax = 1024;

const partitionSpacesFrom = 0x20;
const routedSpacesFrom = 0x30;

export class EnginePartition implements Partition {
  readonly id: PartitionId;
  readonly #place: PartitionPlace;
  readonly #clock: Clock;
  readonly #sessionKey: Uint8Array;
  readonly #sessionStamp: ChangeId;
  readonly #snapshots = new Limiter({
    unitsMax: snapshotsMax,
    waitersMax: snapshotWaitersMax,
    what: "reads of one moment of the index",
  });

  constructor(place: PartitionPlace, clock: Clock, registered: RegisteredSession) {
    this.id = place.id;
    this.#place = place;
    this.#clock = clock;
    this.#sessionKey = sessionKey(registered.session.id);
    this.#sessionStamp = registered.stamp;
  }

  read(keys: readonly Uint8Array[]): Rows | Promise<Rows> {
    return this.#read(this.#place.engine, keys);
  }

  scan(rows: KeyRange, options: ScanOptions): Row[] | Promise<Row[]> {
    return this.#scan(this.#place.engine, rows, options);
  }

  inSnapshot<T>(read: (reader: EngineReader) => T | Promise<T>): Promise<T> {
    return this.#snapshots.run(1, async () => {
      const snapshot = this.#place.engine.snapshot();
      try {
        return await read({
          read: (keys) => this.#read(snapshot, keys),
          scan: (rows, options) => this.#scan(snapshot, rows, options),
        });
      } finally {
        snapshot.close();
      }
    });
  }

  #read(reader: EngineReader, keys: readonly Uint8Array[]): Rows | Promise<Rows> {
    for (const key of keys) this.#accept(key);
    return reader.read(keys);
  }

  #scan(reader: EngineReader, rows: KeyRange, options: ScanOptions): Row[] | Promise<Row[]> {
    this.#acceptSpace(rows.start);
    const { range } = this.#place;
    const routed = range !== undefined && rows.start[0]! >= routedSpacesFrom;
    return reader.scan(routed ? clampRange(range, rows) : rows, options);
  }

  async commit(change: Change): Promise<CommitOutcome> {
    const fenced = this.#withFence(change);
    const result = await this.#place.engine.commit(fenced);
    if (result.outcome === "ok") return result;
    if (result.outcome === "conflict") {
      if (equalBytes(result.key, this.#sessionKey)) {
        throw new StoreError("fenced", "this process's session was ended by another process");
      }
      return result;
    }
    const { cause } = result;
    const answer = await resolveCommit(this.#place.engine, this.#clock, fenced, cause);
    if (answer === "happened") return { outcome: "ok" };
    throw new StoreError("unavailable", "the index did not take a commit: try again", { cause });
  }

  /** The session's check stands first: a fenced process learns nothing else. */
  #withFence(change: Change): Change {
    for (const check of change.checks) this.#accept(check.key);
    for (const put of change.puts) this.#accept(put.key);
    for (const key of change.deletes) this.#accept(key);
    const checks = [{ key: this.#sessionKey, expect: this.#sessionStamp }, ...change.checks];
    const rows = checks.length + change.puts.length + change.deletes.length;
    assert(rows <= changeRowsMax, `a change of ${rows} rows`);
    return { ...change, checks };
  }

  #accept(rowKey: Uint8Array): void {
    this.#acceptSpace(rowKey);
    const { range, id } = this.#place;
    if (range === undefined || rowKey[0]! < routedSpacesFrom) return;
    if (!isRowInRange(range, rowKey)) {
      throw new StoreError("unavailable", `partition ${id} does not hold this key: try again`);
    }
  }

  /** Every partition has rows for sessions, the system's too: its commits are fenced as well. */
  #acceptSpace(rowKey: Uint8Array): void {
    const first = rowKey[0] ?? 0;
    const isSystem = this.#place.range === undefined;
    const belongs = first >= partitionSpacesFrom !== isSystem || first === space.sessions;
    assert(belongs, `a row of space ${first} in partition ${this.id}`);
  }
}
