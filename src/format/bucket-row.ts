import { ByteReader, ByteWriter } from "./codec.ts";
import type { BucketId } from "./ids.ts";

export type VersioningState = "off" | "enabled" | "suspended";

/** A bucket, in the system partition under its name. */
export interface BucketRow {
  readonly id: BucketId;
  readonly createdMs: number;
  readonly owner: string;
  readonly account: string;
  readonly region: string;
  readonly versioning: VersioningState;
  /**
   * The versioning number given out last: each change of the versioning state has one
   * (keymap/bucket-versioning.ts).
   */
  readonly lastVersioningNumber: number;
  /** The number of the change that set `versioning`. */
  readonly versioningNumber: number;
}

/**
 * A configuration of a bucket, under the bucket's id and its own name: rows of the system
 * partition, as the bucket's is.
 */
export interface BucketConfigurationRow {
  /** The document that S3 shows: XML or JSON, which S3 reads for ever. */
  readonly document: Uint8Array;
}

/** The row that every commit into a bucket checks, one in each of the bucket's partitions. */
export interface BucketFenceRow {
  /** `deleting`: nothing may be written until the deletion is carried out or taken back. */
  readonly state: "active" | "deleting";
  /**
   * How commits that check this row treat the version they replace; the bucket's own row is set
   * after all fences.
   */
  readonly versioning: VersioningState;
  /** The number of the change that set `versioning`. */
  readonly versioningNumber: number;
}

/** 3: configurations have rows of their own; none was ever in a bucket's. 2: versioning numbers. */
const version = 3;
/** Higher than what fences counted while bucket rows had no versioning numbers. */
const numbersOfVersion1 = 2 ** 32;
/** 2: the versioning state; before, no bucket had versions. */
const fenceVersion = 2;
const configurationVersion = 1;
/** The place in this list is the stored number; only ever append. */
const versioningStates: readonly VersioningState[] = ["off", "enabled", "suspended"];

export function encodeBucketRow(row: BucketRow): Uint8Array {
  const writer = new ByteWriter().u8(version).u64(row.id).u64(row.createdMs);
  writer.text(row.owner).text(row.account).text(row.region);
  writeVersioning(writer, row.versioning);
  writer.u64(row.lastVersioningNumber).u64(row.versioningNumber);
  return writer.finish();
}

export function decodeBucketRow(bytes: Uint8Array): BucketRow {
  const reader = new ByteReader(bytes, "bucket row");
  const stored = reader.version(version);
  const readNumber = (): number => (stored < 2 ? numbersOfVersion1 : reader.u64());
  const row: BucketRow = {
    id: reader.u64() as BucketId, // the field's place says which id it is
    createdMs: reader.u64(),
    owner: reader.text(),
    account: reader.text(),
    region: reader.text(),
    versioning: readVersioning(reader),
    lastVersioningNumber: readNumber(),
    versioningNumber: readNumber(),
  };
  if (stored < 3) reader.list(() => [reader.text(), reader.bytes()]);
  reader.end();
  return row;
}

export function encodeBucketConfigurationRow({ document }: BucketConfigurationRow): Uint8Array {
  return new ByteWriter(8 + document.length).u8(configurationVersion).bytes(document).finish();
}

export function decodeBucketConfigurationRow(bytes: Uint8Array): BucketConfigurationRow {
  const reader = new ByteReader(bytes, "bucket configuration row");
  reader.version(configurationVersion);
  const row: BucketConfigurationRow = { document: reader.bytes() };
  reader.end();
  return row;
}

export function encodeBucketFenceRow(row: BucketFenceRow): Uint8Array {
  const writer = new ByteWriter(16).u8(fenceVersion).boolean(row.state === "deleting");
  writeVersioning(writer.u64(row.versioningNumber), row.versioning);
  return writer.finish();
}

export function decodeBucketFenceRow(bytes: Uint8Array): BucketFenceRow {
  const reader = new ByteReader(bytes, "bucket fence row");
  const stored = reader.version(fenceVersion);
  const row: BucketFenceRow = {
    state: reader.boolean() ? "deleting" : "active",
    versioningNumber: reader.u64(),
    versioning: stored < 2 ? "off" : readVersioning(reader),
  };
  reader.end();
  return row;
}

function writeVersioning(writer: ByteWriter, state: VersioningState): void {
  writer.u8(versioningStates.indexOf(state));
}

function readVersioning(reader: ByteReader): VersioningState {
  return versioningStates[reader.u8()] ?? reader.fail("unknown versioning state");
}
