import { assert } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import { rowKeyBytesMax } from "../format/limits.ts";
import type { KeyRange } from "../format/row-keys.ts";
import type { Change, ScanOptions } from "./engine.ts";
import { changeRowsMax, readKeysMax, scanRowsMax } from "./engine.ts";

// What every engine asserts of its arguments before it acts on them, so that all refuse the same.

export function assertRowKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= rowKeyBytesMax, `row key of ${key.length} bytes`);
}

export function assertRead(keys: readonly Uint8Array[]): void {
  assert(keys.length <= readKeysMax, `a read of ${keys.length} keys`);
  for (const key of keys) assertRowKey(key);
}

export function assertScan({ start, end }: KeyRange, options: ScanOptions): void {
  for (const { length } of [start, end]) {
    assert(length <= rowKeyBytesMax, `row key of ${length} bytes`);
  }
  const { limit } = options;
  assert(
    options.skipTo === undefined || options.reverse !== true,
    "a scan in reverse skips nothing",
  );
  assert(Number.isInteger(limit) && limit >= 1 && limit <= scanRowsMax, `scan limit ${limit}`);
}

/** Legal keys, no more than fit, and none written twice. */
export function assertChange(change: Change): void {
  const rows = change.checks.length + change.puts.length + change.deletes.length;
  assert(rows <= changeRowsMax, `change of ${rows} rows`);
  for (const check of change.checks) assertRowKey(check.key);
  const written = [...change.puts.map((put) => put.key), ...change.deletes];
  for (const key of written) assertRowKey(key);
  written.sort(compareBytes);
  for (let i = 1; i < written.length; i++) {
    assert(compareBytes(written[i - 1]!, written[i]!) !== 0, "a change writes a key twice");
  }
}
