import type { RangeOptions, Transaction } from "lmdb";
import type { Row, Rows, ScanOptions } from "../../engine/engine.ts";
import { ByteSlab } from "../../base/buffers.ts";
import { compareBytes } from "../../base/bytes.ts";
import { StoreError, isStoreError } from "../../base/errors.ts";
import { copyRow, openCopiedRow, openRow } from "../../format/row-envelope.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";

/*
 * Reading rows. The binding keeps one read transaction for a whole turn of the event loop; a commit
 * that another process was answered in that turn would stay unseen. So each read begins a new one
 * (measured: 4.6 µs instead of 3.3 µs a get), unless it reads from a snapshot's own transaction.
 */

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
    // The former stands in a buffer that the next read overwrites.
    const enveloped =
      transaction === undefined ? database.getBinaryFast(key) : database.get(key, { transaction });
    rows.push(enveloped && rowOf(hash, key, plain(enveloped)));
  }
  return rows;
}

function rowOf(hash: Hash, key: Uint8Array, enveloped: Uint8Array): Row {
  const { stamp, value } = openRow(hash, key, enveloped);
  return { key, stamp, value: copied(value) };
}

/**
 * Out of the buffer that the next read overwrites, into one of Node's pool: memory of its own takes
 * 0.7 µs more.
 */
function copied(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return plain(copy);
}

/** The binding gives Buffers, whose `slice` is not that of a Uint8Array. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A row that is kept keeps the whole slab of the rows scanned with it. */
const scanSlabBytes = 32 * 1024;
/**
 * @limit Rows that a scan which skips steps over, one by one, before it seeks: a step without a
 * copy takes 0.25 µs, a seek 2.3 (Node 26.10, November 2026), and a common prefix in a listing has
 * a few keys or very many.
 */
const stepsBeforeSeekMax = 4;
/** @limit Larger rows have memory of their own. */
const slabRowBytesMax = 4 * 1024;

/** Stands in place of a row that is not wanted. */
const steppedOver = Symbol("stepped over");

/**
 * Scans. A page of a listing has 1,000 rows, so what a row costs is most of the page: with the
 * binding's own copies of key and value 5 µs, as here 0.9 (Node 26.10, 2 virtual cores, November
 * 2026). Each row is copied once, out of the buffers that the binding overwrites for the next, key
 * and value side by side as their checksum covers them.
 */
export class RowScanner {
  readonly #hash: Hash;
  readonly #database: Database;
  readonly #slab = new ByteSlab(scanSlabBytes);
  /** Where the key stands whose value comes next. */
  #keyBuffer: Uint8Array = new Uint8Array(0);
  #keyStart = 0;
  #keyEnd = 0;
  /** Rows before this key are stepped over. */
  #skipTo: Uint8Array | undefined;

  constructor(database: Database, hash: Hash) {
    this.#hash = hash;
    const reading = {
      // Asked by the binding for the key of each row, and then for its value; neither may throw.
      readKey: (buffer: Uint8Array, start: number, end: number): void => {
        this.#keyBuffer = buffer;
        this.#keyStart = start;
        this.#keyEnd = end;
      },
      decoder: { decode: (buffer: Uint8Array, size: number) => this.#open(buffer, size) },
      decoderCopies: true,
    };
    // The same database but for how its rows are read: these are the properties the binding looks
    // at.
    this.#database = Object.assign(Object.create(database) as Database, reading);
  }

  /**
   * Rows that are as they were written: the first that is not ends the scan, or is left out, as the
   * options say.
   */
  scan(range: KeyRange, options: ScanOptions, transaction: Transaction | undefined): Row[] {
    const rows: Row[] = [];
    if (transaction === undefined) this.#database.resetReadTxn();
    this.#skipTo = undefined;
    for (let from: Uint8Array | undefined = range.start; from !== undefined;) {
      if (compareBytes(from, range.end) >= 0) break;
      from = this.#scanOn({ start: from, end: range.end }, options, transaction, rows);
    }
    return rows;
  }

  /**
   * Adds rows until there are enough; where some are to be passed over, returns from where it goes
   * on.
   */
  #scanOn(
    range: KeyRange,
    { reverse = false, limit, onDamaged, skipTo }: ScanOptions,
    transaction: Transaction | undefined,
    rows: Row[],
  ): Uint8Array | undefined {
    const query: RangeOptions = reverse
      ? { start: range.end, exclusiveStart: true, end: range.start, inclusiveEnd: true, reverse }
      : { start: range.start, end: range.end };
    if (transaction !== undefined) query.transaction = transaction;
    let steps = 0;
    for (const { value } of this.#database.getRange(query)) {
      const row = value as unknown as Row | StoreError | typeof steppedOver; // what `#open` made of it
      if (row === steppedOver) {
        if (++steps < stepsBeforeSeekMax) continue;
        const from = this.#skipTo;
        this.#skipTo = undefined;
        return from;
      }
      steps = 0;
      if (row instanceof StoreError) {
        if (onDamaged === undefined || !isStoreError(row, "corrupt")) throw row;
        onDamaged(row);
        continue;
      }
      rows.push(row);
      if (rows.length === limit) return undefined;
      this.#skipTo = skipTo?.(row);
    }
    return undefined;
  }

  #open(buffer: Uint8Array, rowBytes: number): Row | StoreError | typeof steppedOver {
    if (this.#skipTo !== undefined) {
      if (this.#isKeyBefore(this.#skipTo)) return steppedOver;
      this.#skipTo = undefined;
    }
    const keyBytes = this.#keyEnd - this.#keyStart;
    const isShared = keyBytes + rowBytes <= slabRowBytesMax;
    const at = isShared ? this.#slab.take(keyBytes + rowBytes) : 0;
    const bytes = isShared ? this.#slab.bytes : new Uint8Array(keyBytes + rowBytes);
    const copy = { bytes, at, keyBytes, rowBytes };
    copyRow({ bytes: this.#keyBuffer, at: this.#keyStart }, buffer, copy);
    try {
      return openCopiedRow(this.#hash, copy);
    } catch (thrown) {
      if (isStoreError(thrown)) return thrown;
      throw thrown;
    }
  }

  #isKeyBefore(other: Uint8Array): boolean {
    const [bytes, start] = [this.#keyBuffer, this.#keyStart];
    const keyBytes = this.#keyEnd - start;
    const length = Math.min(keyBytes, other.length);
    for (let i = 0; i < length; i++) {
      const difference = bytes[start + i]! - other[i]!;
      if (difference !== 0) return difference < 0;
    }
    return keyBytes < other.length;
  }
}
