import { StoreError } from "../base/errors.ts";
import type { ChangeId } from "../format/ids.ts";
import type { KeyRange } from "../format/row-keys.ts";
import { assertChange, assertRowKey, assertScan } from "./contract.ts";
import type { Change, Check, CommitResult, Engine, EngineReader } from "./engine.ts";
import type { EngineSnapshot, EngineStatistics, Row, ScanOptions } from "./engine.ts";
import { SortedRows } from "./memory/sorted-rows.ts";

/*
 * The reference: what an engine means, in the fewest words. A commit happens at the moment of the call, so it
 * needs no queue; its answer comes in a later turn like any engine's. Nothing outlives the process.
 */

export interface MemoryEngine extends Engine {
  /** Another engine with the rows of this moment; neither sees what the other does from now on. */
  clone(): MemoryEngine;
}

export function createMemoryEngine(): MemoryEngine {
  return new RowsInMemory(new SortedRows());
}

class RowsInMemory implements MemoryEngine {
  readonly #rows: SortedRows;
  #open = true;
  #commits = 0;
  #conflicts = 0;

  constructor(rows: SortedRows) {
    this.#rows = rows;
  }

  async get(key: Uint8Array): Promise<Row | undefined> {
    return this.#reader().get(key);
  }

  async scan(range: KeyRange, options: ScanOptions): Promise<Row[]> {
    return this.#reader().scan(range, options);
  }

  async commit(change: Change): Promise<CommitResult> {
    this.#assertOpen();
    assertChange(change);
    const failed = change.checks.find((check) => !this.#holds(check));
    if (failed !== undefined) {
      this.#conflicts++;
      return { outcome: "conflict", key: failed.key };
    }
    for (const key of change.deletes) this.#rows.delete(key);
    for (const put of change.puts) {
      this.#rows.put(rowOf(put.key, put.value, change.id));
    }
    this.#commits++;
    return { outcome: "ok" };
  }

  snapshot(): EngineSnapshot {
    this.#assertOpen();
    const rows = this.#rows.fork();
    let open = true;
    return {
      ...readerOf(rows, () => {
        this.#assertOpen();
        if (!open) throw new StoreError("unavailable", "the snapshot is closed");
      }),
      close: () => {
        open = false;
      },
    };
  }

  clone(): MemoryEngine {
    return new RowsInMemory(this.#rows.fork());
  }

  statistics(): EngineStatistics {
    return {
      commits: this.#commits,
      transactions: this.#commits,
      conflicts: this.#conflicts,
      bytesOnDisk: 0,
    };
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #reader(): EngineReader {
    return readerOf(this.#rows, () => this.#assertOpen());
  }

  #assertOpen(): void {
    if (!this.#open) throw new StoreError("unavailable", "the engine is closed");
  }

  #holds(check: Check): boolean {
    return (this.#rows.get(check.key)?.stamp ?? "absent") === check.expect;
  }
}

function readerOf(rows: SortedRows, assertOpen: () => void): EngineReader {
  return {
    get: async (key) => {
      assertOpen();
      assertRowKey(key);
      const row = rows.get(key);
      return row === undefined ? undefined : rowOf(row.key, row.value, row.stamp);
    },
    scan: async (range, options) => {
      assertOpen();
      assertScan(range, options);
      const found = rows.scan(range, options.reverse === true, options.limit);
      return found.map((row) => rowOf(row.key, row.value, row.stamp));
    },
  };
}

/**
 * A row of its own bytes: callers keep what they pass and own what they get. (Not `slice`: a Buffer's
 * would be a view.)
 */
function rowOf(key: Uint8Array, value: Uint8Array, stamp: ChangeId): Row {
  return { key: new Uint8Array(key), value: new Uint8Array(value), stamp };
}
