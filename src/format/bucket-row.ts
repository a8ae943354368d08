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
  /** Bucket configurations (policy, lifecycle, tags …) by name, each in a form of its own with a version. */
  readonly configurations: readonly (readonly [name: string, value: Uint8Array])[];
}

/** What every commit into a bucket checks, one row in each of the bucket's partitions. */
export interface BucketFenceRow {
  /** `deleting`: nothing may be written until the deletion is carried out or taken back. */
  readonly state: "active" | "deleting";
  /** Counts the bucket's configuration changes. */
  readonly epoch: number;
  /** How commits that check this row treat the version they replace; the bucket's own row is set after all fences. */
  readonly versioning: VersioningState;
}

const version = 1;
/** 2: the versioning state; before, no bucket had versions. */
const fenceVersion = 2;
/** The place in this list is the stored number; only ever append. */
const versioningStates: readonly VersioningState[] = ["off", "enabled", "suspended"];

export function encodeBucketRow(row: BucketRow): Uint8Array {
  const writer = new ByteWriter().u8(version).u64(row.id).u64(row.createdMs);
  writer.text(row.owner).text(row.account).text(row.region);
  writeVersioning(writer, row.versioning);
  writer.list(row.configurations, ([name, value]) => writer.text(name).bytes(value));
  return writer.finish();
}

export function decodeBucketRow(bytes: Uint8Array): BucketRow {
  const reader = new ByteReader(bytes, "bucket row");
  reader.version(version);
  const row: BucketRow = {
    id: reader.u64() as BucketId, // the field's place says which id it is
    createdMs: reader.u64(),
    owner: reader.text(),
    account: reader.text(),
    region: reader.text(),
    versioning: readVersioning(reader),
    configurations: reader.list(() => [reader.text(), reader.bytes()] as const),
  };
  reader.end();
  return row;
}

export function encodeBucketFenceRow(row: BucketFenceRow): Uint8Array {
  const writer = new ByteWriter(16).u8(fenceVersion).boolean(row.state === "deleting");
  writeVersioning(writer.u64(row.epoch), row.versioning);
  return writer.finish();
}

export function decodeBucketFenceRow(bytes: Uint8Array): BucketFenceRow {
  const reader = new ByteReader(bytes, "bucket fence row");
  const stored = reader.version(fenceVersion);
  const row: BucketFenceRow = {
    state: reader.boolean() ? "deleting" : "active",
    epoch: reader.u64(),
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
