import { ByteReader, ByteWriter } from "./codec.ts";
import type { DataLocation } from "./chunk-ref.ts";
import { readDataLocation, writeDataLocation } from "./chunk-ref.ts";
import type { ExtentId } from "./ids.ts";

/**
 * The bytes that one commit freed: written by the same commit, in the garbage space of the key's
 * partition.
 */
export interface GarbageRow {
  readonly locations: readonly DataLocation[];
}

/**
 * Garbage on its way to the extent table: made by the commit that deletes the garbage rows it sums
 * up. The extent table adds it once, by (partition, sequence), and then the batch is deleted.
 */
export interface GarbageBatchRow {
  readonly extents: readonly { readonly extent: ExtentId; readonly deadBytes: number }[];
}

const version = 1;

export function encodeGarbageRow(row: GarbageRow): Uint8Array {
  const writer = new ByteWriter().u8(version);
  writer.list(row.locations, (location) => writeDataLocation(writer, location));
  return writer.finish();
}

export function decodeGarbageRow(bytes: Uint8Array): GarbageRow {
  const reader = new ByteReader(bytes, "garbage row");
  reader.version(version);
  const row = { locations: reader.list(() => readDataLocation(reader)) };
  reader.end();
  return row;
}

export function encodeGarbageBatchRow(row: GarbageBatchRow): Uint8Array {
  const writer = new ByteWriter().u8(version);
  writer.list(row.extents, (item) => writer.varint(item.extent).varint(item.deadBytes));
  return writer.finish();
}

export function decodeGarbageBatchRow(bytes: Uint8Array): GarbageBatchRow {
  const reader = new ByteReader(bytes, "garbage batch row");
  reader.version(version);
  const extents = reader.list(() => ({
    extent: reader.varint() as ExtentId, // the field's place says which id it is
    deadBytes: reader.varint(),
  }));
  reader.end();
  return { extents };
}
