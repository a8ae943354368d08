import { assert, AssertionError } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import { rowKeyBytesMax } from "../format/limits.ts";
import type { KeyRange } from "../format/row-keys.ts";
import type { Change, ScanOptions } from "./engine.ts";
import { changeRowsMax, readKeysMax, scanRowsMax } from "./engine.ts";

// Assertions that every engine makes about its arguments before it acts, so that all refuse alike.

export function assertRowKey(key: Uint8Array): void {
  if (key.length > 0 && key.length <= rowKeyBytesMax) return;
  throw new AssertionError(`row key of ${key.length} bytes`);
}

export function assertRead(keys: readonly Uint8Array[]): void {
  if (keys.length > readKeysMax) throw new AssertionError(`a read of ${keys.length} keys`);
  for (const key of keys) assertRowKey(key);
}

export function assertScan({ start, end }: KeyRange, options: ScanOptions): void {
  const bytes = Math.max(start.length, end.length);
  if (bytes > rowKeyBytesMax) throw new AssertionError(`row key of ${bytes} bytes`);
  const { limit } = options;
  const isForward = options.skipTo === undefined || options.reverse !== true;
  assert(isForward, "a scan in reverse skips nothing");
  if (Number.isInteger(limit) && limit >= 1 && limit <= scanRowsMax) return;
  throw new AssertionError(`scan limit ${limit}`);
}

/** Asserts that keys are legal, no more than fit, and that none is written twice. */
export function assertChange(change: Change): void {
  const rows = change.checks.length + change.puts.length + change.deletes.length;
  if (rows > changeRowsMax) throw new AssertionError(`change of ${rows} rows`);
  for (const check of change.checks) assertRowKey(check.key);
  const written: Uint8Array[] = [];
  for (const { key } of change.puts) written.push(key);
  for (const key of change.deletes) written.push(key);
  for (const key of written) assertRowKey(key);
  // The few keys of most changes are in order already, or nearly: that costs a comparison for each.
  written.sort(compareBytes);
  for (let i = 1; i < written.length; i++) {
    assert(compareBytes(written[i - 1]!, written[i]!) !== 0, "a change writes a key twice");
  }
}
