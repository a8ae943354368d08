import type { RangeOptions, Transaction } from "lmdb";
import type { Row, Rows, ScanOptions } from "../../engine/engine.ts";
import { compareBytes } from "../../base/bytes.ts";
import { isStoreError } from "../../base/errors.ts";
import { openRow } from "../../format/row-envelope.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";

/*
 * Reading rows. The binding keeps one read transaction for a whole turn of the event loop; a commit that another
 * process was answered in that turn would stay unseen. So each read begins anew (measured: 4.6 µs instead of
 * 3.3 µs a get), unless it reads from a snapshot's own transaction.
 */

interface SealedRow {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

/** The rows of these keys, all of one moment: that of the transaction, or a new one. */
export function readRows(
  database: Database,
  hash: Hash,
  keys: readonly Uint8Array[],
  transaction: Transaction | undefined,
): Rows {
  if (transaction === undefined) database.resetReadTxn();
  const rows: (Row | undefined)[] = [];
  for (const key of keys) {
    // The former stands in a buffer that the next read fills anew.
    const sealed =
      transaction === undefined ? database.getBinaryFast(key) : database.get(key, { transaction });
    rows.push(sealed && rowOf(hash, key, plain(sealed)));
  }
  return rows;
}

function rowOf(hash: Hash, key: Uint8Array, sealed: Uint8Array): Row {
  const { stamp, value } = openRow(hash, key, sealed);
  return { key, stamp, value: copied(value) };
}

/** Out of the buffer that the next read fills anew, into one of Node's pool: memory of its own takes 0.7 µs more. */
function copied(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return plain(copy);
}

export interface RowsQuery {
  readonly hash: Hash;
  readonly range: KeyRange;
  readonly options: ScanOptions;
  readonly transaction: Transaction | undefined;
}

/** Rows that are as they were written: the first that is not ends the scan, or is left out, as the options say. */
export function scanRows(database: Database, { hash, ...query }: RowsQuery): Row[] {
  const { onDamaged, limit } = query.options;
  const rows: Row[] = [];
  for (const { key, sealed } of sealedRows(database, query)) {
    try {
      rows.push({ key, ...openRow(hash, key, sealed) });
    } catch (thrown) {
      if (onDamaged === undefined || !isStoreError(thrown, "corrupt")) throw thrown;
      onDamaged(thrown);
    }
    if (rows.length === limit) break;
  }
  return rows;
}

function* sealedRows(
  database: Database,
  { range, options, transaction }: Omit<RowsQuery, "hash">,
): Generator<SealedRow> {
  if (compareBytes(range.start, range.end) >= 0) return;
  if (transaction === undefined) database.resetReadTxn();
  const bounds: RangeOptions =
    options.reverse === true
      ? { start: range.end, exclusiveStart: true, end: range.start, inclusiveEnd: true }
      : { start: range.start, end: range.end };
  const query: RangeOptions = { ...bounds, reverse: options.reverse === true };
  // Rows that are left out do not count.
  if (options.onDamaged === undefined) query.limit = options.limit;
  if (transaction !== undefined) query.transaction = transaction;
  for (const { key, value } of database.getRange(query)) {
    yield { key: plain(key), sealed: plain(value) };
  }
}

/** The binding gives Buffers, whose `slice` is not that of a Uint8Array. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
