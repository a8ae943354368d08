import type { RangeOptions, Transaction } from "lmdb";
import type { Row } from "../../engine/engine.ts";
import { compareBytes } from "../../base/bytes.ts";
import { openRow } from "../../format/row-envelope.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";

/*
 * Reading rows. The binding keeps one read transaction for a whole turn of the event loop; a commit that another
 * process was answered in that turn would stay unseen. So each read begins anew (measured: 4.6 µs instead of
 * 3.3 µs a get), unless it reads from a snapshot's own transaction.
 */

export interface SealedRow {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

export function readRow(
  database: Database,
  hash: Hash,
  key: Uint8Array,
  transaction?: Transaction,
): Row | undefined {
  if (transaction === undefined) database.resetReadTxn();
  const sealed = database.get(key, transaction === undefined ? undefined : { transaction });
  if (sealed === undefined) return undefined;
  return { key: new Uint8Array(key), ...openRow(hash, key, plain(sealed)) };
}

export function readSealedRows(
  database: Database,
  range: KeyRange,
  options: { readonly reverse?: boolean | undefined; readonly limit: number },
  transaction?: Transaction,
): SealedRow[] {
  if (compareBytes(range.start, range.end) >= 0) return [];
  if (transaction === undefined) database.resetReadTxn();
  const bounds: RangeOptions =
    options.reverse === true
      ? { start: range.end, exclusiveStart: true, end: range.start, inclusiveEnd: true }
      : { start: range.start, end: range.end };
  const query: RangeOptions = {
    ...bounds,
    limit: options.limit,
    reverse: options.reverse === true,
  };
  if (transaction !== undefined) query.transaction = transaction;
  const rows: SealedRow[] = [];
  for (const { key, value } of database.getRange(query)) {
    rows.push({ key: plain(key), sealed: plain(value) });
  }
  return rows;
}

/** The binding copies the bytes out of the map, but as Buffers, whose `slice` is not that of a Uint8Array. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
