import type { Ready } from "../../base/ready.ts";
import { assert, AssertionError, must } from "../../base/assert.ts";
import { Limiter } from "../../base/limiter.ts";
import { equalBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import {
  type Change,
  changeRowsMax,
  type Check,
  type Engine,
  type EngineReader,
  type EngineSnapshot,
  readRow,
  type Row,
  type Rows,
  type ScanOptions,
} from "../../engine/engine.ts";
import type { ChangeId, PartitionId } from "../../format/ids.ts";
import { type KeyRange, partitionSelfKey, sessionKey, space } from "../../format/row-keys.ts";
import { decodePartitionRow, type PartitionRow } from "../../format/system-rows.ts";
import type { Clock } from "../../platform/platform.ts";
import type { CommitOutcome, Partition, Session } from "../keymap.ts";
import { resolveCommit } from "./resolve-commit.ts";
import { clampRange, isRowInRange, routedFormOf, type RoutedRange } from "./routed-form.ts";

export interface PartitionPlace {
  readonly id: PartitionId;
  /** The rows of this partition alone. */
  readonly engine: Engine;
  /** Undefined: the system partition, whose rows are not routed. */
  readonly held: HeldRange | undefined;
}

/** The range that a partition holds, at an epoch: its own row, as it was read. */
export interface HeldRange {
  readonly row: PartitionRow;
  /** The stamp of that row: another stamp is another epoch. */
  readonly stamp: ChangeId;
}

/** A session as one partition knows it: the stamp of its row there, which every commit checks. */
export interface RegisteredSession {
  readonly session: Session;
  readonly stamp: ChangeId;
}

/** Where a partition looks up who holds what it does not hold any more. */
export interface PartitionFinder {
  /** Each partition says again what it holds. */
  renew(): Promise<void>;
  /** Finds the partition of a key in routed form. */
  partitionOf(routed: Uint8Array): EnginePartition;
}

/** Reads the range that the partition holds now. */
export async function readHeldRange(id: PartitionId, engine: EngineReader): Promise<HeldRange> {
  const self = await readRow(engine, selfKey);
  if (self === undefined) throw new StoreError("unavailable", `no engine holds partition ${id}`);
  return { row: decodePartitionRow(self.value), stamp: self.stamp };
}

const selfKey = partitionSelfKey();

/**
 * @limit Epochs that may begin while one commit is on its way: splits and merges of a partition lie
 * minutes apart.
 */
const epochsPerCommitMax = 4;

/**
 * @limit Snapshots of a partition at a time: half of what an engine has for a process
 * (node/lmdb/environment.ts).
 */
export const snapshotsMax = 8;
/** @limit Snapshots that are waited for: as many as requests may be under way. */
export const snapshotWaitersMax = 1024;

const partitionSpacesFrom = 0x20;
const routedSpacesFrom = 0x30;

/**
 * The key by which a change is routed: all its routed keys are of one object key. Undefined: none
 * is routed.
 */
function routedKeyIn({ puts, deletes, checks }: Change): Uint8Array | undefined {
  const keys = [...puts.map(({ key }) => key), ...deletes, ...checks.map(({ key }) => key)];
  const rowKey = keys.find(([first = 0]) => first >= routedSpacesFrom);
  return rowKey && routedFormOf(rowKey);
}

export class EnginePartition implements Partition {
  readonly id: PartitionId;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #map: PartitionFinder;
  readonly #sessionKey: Uint8Array;
  readonly #sessionStamp: ChangeId;
  /** Undefined: the system partition. */
  #held: HeldRange | undefined;
  readonly #snapshots = new Limiter({
    unitsMax: snapshotsMax,
    waitersMax: snapshotWaitersMax,
    what: "reads of one moment of the index",
  });

  constructor(
    place: PartitionPlace,
    { clock, map }: { readonly clock: Clock; readonly map: PartitionFinder },
    registered: RegisteredSession,
  ) {
    this.id = place.id;
    this.#engine = place.engine;
    this.#held = place.held;
    this.#clock = clock;
    this.#map = map;
    this.#sessionKey = sessionKey(registered.session.id);
    this.#sessionStamp = registered.stamp;
  }

  /** The keys it holds, as far as this process knows. */
  get range(): RoutedRange {
    return must(this.#held, "the system partition has no range").row;
  }

  read(keys: readonly Uint8Array[]): Ready<Rows> {
    return this.#read(this.#engine, keys);
  }

  scan(rows: KeyRange, options: ScanOptions): Ready<Row[]> {
    return this.#scan(this.#engine, rows, options);
  }

  inSnapshot<T>(read: (reader: EngineReader) => Ready<T>): Ready<T> {
    const turn = this.#snapshots.enter(1);
    return turn === undefined
      ? this.#withSnapshot(read)
      : turn.then(() => this.#withSnapshot(read));
  }

  #withSnapshot<T>(read: (reader: EngineReader) => Ready<T>): Ready<T> {
    let snapshot: EngineSnapshot | undefined;
    const end = (): void => {
      snapshot?.close();
      this.#snapshots.leave(1);
    };
    try {
      snapshot = this.#engine.snapshot();
      const answer = read({
        read: (keys) => this.#read(snapshot!, keys),
        scan: (rows, options) => this.#scan(snapshot!, rows, options),
      });
      if (answer instanceof Promise) return answer.finally(end);
      end();
      return answer;
    } catch (thrown) {
      end();
      throw thrown;
    }
  }

  #read(reader: EngineReader, keys: readonly Uint8Array[]): Ready<Rows> {
    for (const key of keys) this.#accept(key);
    return reader.read(keys);
  }

  #scan(reader: EngineReader, rows: KeyRange, options: ScanOptions): Ready<Row[]> {
    this.#acceptSpace(rows.start);
    const held = this.#held;
    const isRouted = held !== undefined && rows.start[0]! >= routedSpacesFrom;
    return reader.scan(isRouted ? clampRange(held.row, rows) : rows, options);
  }

  /** Looks up what it holds now. */
  async renew(): Promise<void> {
    this.#held = await readHeldRange(this.id, this.#engine);
  }

  commit(change: Change): Promise<CommitOutcome> {
    return this.#commitIn(change, epochsPerCommitMax);
  }

  async #commitIn(change: Change, epochsLeft: number): Promise<CommitOutcome> {
    const fenced = this.#withFences(change);
    const result = await this.#engine.commit(fenced);
    if (result.outcome === "ok") return result;
    if (result.outcome === "unknown") return this.#resolve(fenced, result.cause);
    if (equalBytes(result.key, this.#sessionKey)) {
      throw new StoreError("fenced", "this process's session was ended by another process");
    }
    if (!equalBytes(result.key, selfKey)) return result;
    if (epochsLeft === 1) {
      const message = `the range of partition ${this.id} kept changing: try again`;
      throw new StoreError("unavailable", message);
    }
    // Nothing of it happened. Its keys may be another partition's now; those that are not routed
    // stay with theirs.
    await this.#map.renew();
    const routed = routedKeyIn(change);
    const holder = routed === undefined ? this : this.#map.partitionOf(routed);
    return holder.#commitIn(change, epochsLeft - 1);
  }

  async #resolve(fenced: Change, cause: unknown): Promise<CommitOutcome> {
    const answer = await resolveCommit(this.#engine, this.#clock, fenced, cause);
    // holds: C1 unknown-outcome-is-looked-up
    if (answer === "happened") return { outcome: "ok" };
    throw new StoreError("unavailable", "the index did not take a commit: try again", { cause });
  }

  /**
   * The session's check stands first: a fenced process learns nothing else. Then that of the epoch.
   */
  #withFences(change: Change): Change {
    for (const check of change.checks) this.#accept(check.key);
    for (const put of change.puts) this.#accept(put.key);
    for (const key of change.deletes) this.#accept(key);
    // holds: C1 session-lives
    const checks: Check[] = [{ key: this.#sessionKey, expect: this.#sessionStamp }];
    // holds: C7 epoch-of-partition
    if (this.#held !== undefined) checks.push({ key: selfKey, expect: this.#held.stamp });
    checks.push(...change.checks);
    const { id, puts, deletes, leavesReserve } = change;
    assert(
      checks.length + puts.length + deletes.length <= changeRowsMax,
      "a change of too many rows",
    );
    return { id, checks, puts, deletes, leavesReserve };
  }

  #accept(rowKey: Uint8Array): void {
    this.#acceptSpace(rowKey);
    if (this.#held === undefined || rowKey[0]! < routedSpacesFrom) return;
    if (!isRowInRange(this.#held.row, rowKey)) {
      throw new StoreError("unavailable", `partition ${this.id} does not hold this key: try again`);
    }
  }

  /** Every partition has rows for sessions, the system's too: its commits are fenced as well. */
  #acceptSpace(rowKey: Uint8Array): void {
    const first = rowKey[0] ?? 0;
    const isSystem = this.#held === undefined;
    if (first >= partitionSpacesFrom !== isSystem || first === space.sessions) return;
    throw new AssertionError(`a row of space ${first} in partition ${this.id}`);
  }
}
