import { toHex } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { Change, EngineReader, Row, Rows, ScanOptions } from "../../engine/engine.ts";
import type { Verification } from "../../engine/engine.ts";
import { scanRowsMax } from "../../engine/engine.ts";
import type { KeyRange } from "../../format/row-keys.ts";

/**
 * Rows of the index that are not as they were written: reading one fails, as its checksum would
 * say.
 */
export class DamagedRows {
  /** Keys in hexadecimal. */
  readonly #keys = new Set<string>();
  #skipped = 0;

  /** Rows left out of scans so far. */
  get skipped(): number {
    return this.#skipped;
  }

  damage(key: Uint8Array): void {
    this.#keys.add(toHex(key));
  }

  heal(): void {
    this.#keys.clear();
  }

  /** A row that is written again is intact. */
  replaced({ puts, deletes }: Change): void {
    if (this.#keys.size === 0) return;
    for (const key of [...puts.map((put) => put.key), ...deletes]) this.#keys.delete(toHex(key));
  }

  /** The rows as one process reads them; `onMet` is called for each damaged row that it meets. */
  seenBy(onMet: () => void): {
    read(reader: EngineReader, keys: readonly Uint8Array[]): Promise<Rows>;
    scan(reader: EngineReader, range: KeyRange, options: ScanOptions): Promise<Row[]>;
  } {
    return {
      read: (reader, keys) => this.#read(reader, keys, onMet),
      scan: (reader, range, options) => this.#scan(reader, range, options, onMet),
    };
  }

  async #read(reader: EngineReader, keys: readonly Uint8Array[], onMet: () => void): Promise<Rows> {
    const rows = await reader.read(keys);
    if (this.#keys.size === 0) return rows;
    for (const row of rows) {
      if (row === undefined || !this.#has(row)) continue;
      onMet();
      throw damaged(row.key);
    }
    return rows;
  }

  async #scan(
    reader: EngineReader,
    range: KeyRange,
    options: ScanOptions,
    onMet: () => void,
  ): Promise<Row[]> {
    if (this.#keys.size === 0) return await reader.scan(range, options);
    const { limit, onDamaged, skipTo } = options;
    // Read as many more rows as may have to be left out; a run has fewer rows than fit.
    const read = Math.min(limit + this.#keys.size, scanRowsMax);
    // The contents of a damaged row are not known, so nothing is skipped for it.
    const skipIntact = skipTo && ((row: Row) => (this.#has(row) ? undefined : skipTo(row)));
    const found = await reader.scan(range, { ...options, limit: read, skipTo: skipIntact });
    const rows: Row[] = [];
    for (const row of found) {
      if (rows.length === limit) break;
      if (!this.#has(row)) {
        rows.push(row);
        continue;
      }
      onMet();
      if (onDamaged === undefined) throw damaged(row.key);
      this.#skipped++;
      onDamaged(damaged(row.key));
    }
    return rows;
  }

  #has({ key }: Row): boolean {
    return this.#keys.has(toHex(key));
  }

  async *verify(pause: () => Promise<void>): Verification {
    await pause();
    yield { rows: 0, bytes: 0, problemCount: 0, problems: [] };
    const problems = [...this.#keys].map((key) => ({
      kind: "row" as const,
      message: `row ${key}`,
    }));
    return { rows: 0, bytes: 0, problemCount: problems.length, problems };
  }
}

function damaged(key: Uint8Array): StoreError {
  return new StoreError("corrupt", `row ${toHex(key)}: checksum mismatch`);
}
