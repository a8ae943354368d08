import assert from "node:assert/strict";
import type { Change, Row } from "../../engine/engine.ts";
import { composeId } from "../../format/ids.ts";
import type { ChangeId, SessionId } from "../../format/ids.ts";

/*
 * A sequence of changes that a test can make in one process and know in another. Each refers to the
 * one before, so they happen in order or not at all; the row `last` says how many did, and all rows
 * follow from that number.
 */

const lastKey = Uint8Array.of(0x6c);
const keyCount = 60;
/** Small rows share a page, middle ones fill it, large ones take pages of their own. */
const valueSizes = [20, 300, 20, 2000, 300, 20, 9000];

function idOf(n: number): ChangeId {
  return composeId(7 as SessionId, n); // a session and its counter make a change id
}

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(0x6b, (index * 37) % keyCount);
}

/** The change number `n`, from 1. */
export function knownChange(n: number): Change {
  const numbered = new Uint8Array(4);
  new DataView(numbered.buffer).setUint32(0, n);
  const puts: { key: Uint8Array; value: Uint8Array }[] = [{ key: lastKey, value: numbered }];
  for (let i = 0; i < 1 + (n % 3); i++) {
    const value = new Uint8Array(valueSizes[(n + i) % valueSizes.length]!).fill(n);
    puts.push({ key: keyOf(n * 5 + i), value });
  }
  const deletes = n % 4 === 0 ? [keyOf(n * 5 + 7), keyOf(n * 5 + 20)] : [];
  const checks = [{ key: lastKey, expect: n === 1 ? ("absent" as const) : idOf(n - 1) }];
  return { id: idOf(n), checks, puts, deletes };
}

/** All rows after the first `n` changes, in key order. */
export function knownRows(n: number): Row[] {
  const rows = new Map<number, Row>();
  for (let i = 1; i <= n; i++) {
    const change = knownChange(i);
    for (const key of change.deletes) rows.delete(orderOf(key));
    for (const put of change.puts) rows.set(orderOf(put.key), { ...put, stamp: change.id });
  }
  return [...rows.entries()].toSorted(([a], [b]) => a - b).map(([, row]) => row);
}

function orderOf(key: Uint8Array): number {
  return (key[0] ?? 0) * 256 + (key[1] ?? 0);
}

/**
 * Asserts that `rows` are those after some number of changes between the two, and returns that
 * number.
 */
export function assertKnownRows(rows: readonly Row[], least: number, most: number): number {
  const last = rows.find((row) => orderOf(row.key) === orderOf(lastKey))?.value;
  const n = last === undefined ? 0 : new DataView(last.buffer, last.byteOffset).getUint32(0);
  assert.ok(n >= least, `acknowledged ${least} changes, only ${n} are there`);
  assert.ok(n <= most, `${n} changes are there, only ${most} were made`);
  assert.deepEqual(rows, knownRows(n));
  return n;
}
