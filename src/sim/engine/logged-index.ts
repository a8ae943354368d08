import { toHex } from "../../base/bytes.ts";
import type { CommitLog } from "../../engine/commit-log.ts";
import { recordAfter } from "../../engine/commit-log.ts";
import type { Change, CommitResult } from "../../engine/engine.ts";
import {
  logPositionOf,
  logQuorumRowOf,
  putLogPosition,
  replayOf,
} from "../../engine/logged-engine.ts";
import type { MemoryEngine } from "../../engine/memory-engine.ts";
import type { ReplayTarget } from "../../engine/replay.ts";
import type { LogPosition } from "../../format/commit-record.ts";
import type { Hash } from "../../platform/hash.ts";
import type { SimProcess } from "../process.ts";
import { nameOfChanges } from "./name-of-change.ts";
import { IndexLock } from "./index-lock.ts";

export interface LoggedWith {
  readonly log: CommitLog;
  readonly hash: Hash;
}

/**
 * Commits of an index that has a log, as LMDB makes them (node/lmdb/group-commit.ts): judged under
 * the lock that all processes share, appended to the log, and then done. Where the process dies in
 * between, its record stands in the log and its commit does not happen.
 */
export class LoggedIndex {
  readonly lock = new IndexLock();
  /** The changes of each record that was appended, or may have been, until they are done. */
  readonly #asked = new Map<string, readonly Change[]>();
  readonly #onDone: (change: Change) => void;
  /** The rows before the last commit: a power cut may undo that one. */
  #before: MemoryEngine | undefined;

  constructor(onDone: (change: Change) => void) {
    this.#onDone = onDone;
  }

  async commit(
    process: SimProcess,
    { log, hash }: LoggedWith,
    rowsOf: () => MemoryEngine,
    changes: readonly Change[],
  ): Promise<CommitResult[]> {
    await this.lock.take(process);
    try {
      const rows = rowsOf();
      const trial = rows.clone();
      const results: CommitResult[] = [];
      const held: Change[] = [];
      for (const change of changes) {
        const result = await trial.commit(change);
        results.push(result);
        const writes = change.puts.length + change.deletes.length > 0;
        if (result.outcome === "ok" && writes) held.push(change);
      }
      if (held.length === 0) return results;
      const { bytes, position } = recordAfter({ log, hash }, await logPositionOf(rows), held);
      this.#asked.set(toHex(position.checksum), held);
      await log.append(position.sequence, bytes, await logQuorumRowOf(rows));
      await process.perform(nameOfChanges(held), 0.2, () => this.#commit(rows, held, position));
      return results;
    } finally {
      this.lock.release(process);
    }
  }

  #commit(rows: MemoryEngine, held: readonly Change[], position: LogPosition): void {
    this.#before = rows.clone();
    for (const change of held) void rows.commit({ ...change, checks: [] });
    void putLogPosition(rows, position);
    this.#note(position);
  }

  /** The rows as a power cut leaves them, where it undoes the last commit. */
  undone(rows: MemoryEngine): MemoryEngine {
    return this.#before?.clone() ?? rows;
  }

  /** The rows are those of an earlier time, and their log begins anew. */
  beginAnew(): void {
    this.#asked.clear();
    this.#before = undefined;
  }

  /** Moves rows on, or makes them again; what nobody has done before is done now. */
  async replay(rows: MemoryEngine): Promise<ReplayTarget> {
    const target = await replayOf(rows);
    return {
      reader: target.reader,
      get position() {
        return target.position;
      },
      putRows: (some) => target.putRows(some),
      setPosition: (position) => target.setPosition(position),
      apply: async (records) => {
        await target.apply(records);
        for (const record of records) this.#note(record);
      },
    };
  }

  #note({ checksum }: LogPosition): void {
    const name = toHex(checksum);
    const changes = this.#asked.get(name) ?? [];
    this.#asked.delete(name);
    for (const change of changes) this.#onDone(change);
  }
}
