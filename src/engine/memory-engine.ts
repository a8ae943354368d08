import { afterKey } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { ChangeId } from "../format/ids.ts";
import type { KeyRange } from "../format/row-keys.ts";
import { assertChange, assertRead, assertScan } from "./contract.ts";
import type { Change, Check, CommitResult, Engine } from "./engine.ts";
import type { EngineSnapshot, EngineStatistics, Row, Rows, ScanOptions } from "./engine.ts";
import { SortedRows } from "./memory/sorted-rows.ts";

/*
 * The reference: what an engine means, in the fewest words. A commit happens at the moment of the
 * call, so it needs no queue; its answer comes in a later turn like any engine's. Nothing outlives
 * the process.
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

  read(keys: readonly Uint8Array[]): Rows {
    this.#assertOpen();
    return readFrom(this.#rows, keys);
  }

  scan(range: KeyRange, options: ScanOptions): Row[] {
    this.#assertOpen();
    return scanFrom(this.#rows, range, options);
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
    const assertReadable = (): void => {
      this.#assertOpen();
      if (!open) throw new StoreError("unavailable", "the snapshot is closed");
    };
    return {
      read(keys) {
        assertReadable();
        return readFrom(rows, keys);
      },
      scan(range, options) {
        assertReadable();
        return scanFrom(rows, range, options);
      },
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

  #assertOpen(): void {
    if (!this.#open) throw new StoreError("unavailable", "the engine is closed");
  }

  #holds(check: Check): boolean {
    return (this.#rows.get(check.key)?.stamp ?? "absent") === check.expect;
  }
}

function readFrom(rows: SortedRows, keys: readonly Uint8Array[]): Rows {
  assertRead(keys);
  return keys.map((key) => {
    const row = rows.get(key);
    return row && { key, value: new Uint8Array(row.value), stamp: row.stamp };
  });
}

function scanFrom(rows: SortedRows, range: KeyRange, options: ScanOptions): Row[] {
  assertScan(range, options);
  const { skipTo } = options;
  if (skipTo !== undefined) return scanSkipping(rows, range, { limit: options.limit, skipTo });
  const found = rows.scan(range, options.reverse === true, options.limit);
  return found.map((row) => rowOf(row.key, row.value, row.stamp));
}

function scanSkipping(
  rows: SortedRows,
  { start, end }: KeyRange,
  { limit, skipTo }: Required<Pick<ScanOptions, "limit" | "skipTo">>,
): Row[] {
  const found: Row[] = [];
  for (let from = start; found.length < limit;) {
    const [next] = rows.scan({ start: from, end }, false, 1);
    if (next === undefined) break;
    const row = rowOf(next.key, next.value, next.stamp);
    found.push(row);
    from = skipTo?.(row) ?? afterKey(row.key);
  }
  return found;
}

/**
 * A row of its own bytes: callers keep what they pass and own what they get. (Not `slice`: a
 * Buffer's would be a view.)
 */
function rowOf(key: Uint8Array, value: Uint8Array, stamp: ChangeId): Row {
  return { key: new Uint8Array(key), value: new Uint8Array(value), stamp };
}
