import { compareBytes } from "../../base/bytes.ts";
import { ByteReader, ByteWriter } from "../../format/codec.ts";
import type { BucketId } from "../../format/ids.ts";
import { orderedKeyBytesMax, writeOrderedKey } from "../../format/key-order.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import { parseRoutedKey, space } from "../../format/row-keys.ts";

/*
 * The form that keys are routed by: bucket id (8 bytes) and object key as it is. The map's
 * boundaries are in this form, so a boundary never falls inside a key and holds for every routed
 * space, whatever form the space gives the key.
 */

export interface RoutedRange {
  readonly start: Uint8Array;
  /** The end of the range, not included; empty: to the end of all keys. */
  readonly end: Uint8Array;
}

const bucketBytes = 8;

export function routedForm(bucket: BucketId, key: Uint8Array): Uint8Array {
  return new ByteWriter(bucketBytes + key.length).u64(bucket).raw(key).finish();
}

export function isInRange(range: RoutedRange, routed: Uint8Array): boolean {
  if (compareBytes(routed, range.start) < 0) return false;
  return range.end.length === 0 || compareBytes(routed, range.end) < 0;
}

export function overlapsBucket(range: RoutedRange, bucket: BucketId): boolean {
  const first = new ByteWriter(bucketBytes).u64(bucket).finish();
  const next = new ByteWriter(bucketBytes).u64(bucket + 1).finish();
  if (compareBytes(next, range.start) <= 0) return false;
  return range.end.length === 0 || compareBytes(first, range.end) < 0;
}

/** True if a row of a routed space lies in the range. */
export function isRowInRange(range: RoutedRange, rowKey: Uint8Array): boolean {
  if (range.start.length === 0 && range.end.length === 0) return true;
  return isInRange(range, routedFormOf(rowKey));
}

/** The form of a row's key by which its partition is found. */
export function routedFormOf(rowKey: Uint8Array): Uint8Array {
  if (rowKey[0] === space.heads) return rowKey.subarray(1);
  const { bucket, key } = parseRoutedKey(rowKey);
  return routedForm(bucket, key);
}

/** The part of a row range (within one routed space) that lies in the partition's range. */
export function clampRange(range: RoutedRange, rows: KeyRange): KeyRange {
  const spaceByte = rows.start[0]!; // a row range begins with its space
  let { start, end } = rows;
  if (range.start.length > 0) {
    const first = rowBoundary(spaceByte, range.start);
    if (compareBytes(first, start) > 0) start = first;
  }
  if (range.end.length > 0) {
    const behind = rowBoundary(spaceByte, range.end);
    if (compareBytes(behind, end) < 0) end = behind;
  }
  return { start, end };
}

function rowBoundary(spaceByte: number, boundary: Uint8Array): Uint8Array {
  if (spaceByte === space.heads) {
    return new ByteWriter(1 + boundary.length).u8(spaceByte).raw(boundary).finish();
  }
  const reader = new ByteReader(boundary, "partition boundary");
  const bucket = reader.raw(bucketBytes);
  const key = reader.raw(reader.rest);
  const ordered = new Uint8Array(orderedKeyBytesMax(key.length));
  const end = writeOrderedKey(key, ordered, 0);
  const writer = new ByteWriter(1 + bucketBytes + end).u8(spaceByte).raw(bucket);
  return writer.raw(ordered.subarray(0, end)).finish();
}
