import { ByteReader, ByteWriter } from "./codec.ts";

/** An access key, in the system partition under its id. */
export interface AccessKeyRow {
  /** Encrypted with the store's key, under the access key's id: whoever has the index alone cannot read it. */
  readonly secret: Uint8Array;
  /** Canonical user id of the owner: 64 hexadecimal digits. */
  readonly owner: string;
  /** Account id of the owner: 12 digits. */
  readonly account: string;
  /** What people call the owner. */
  readonly ownerName: string;
  readonly createdMs: number;
  /** Only an active key opens anything. */
  readonly state: "active" | "inactive";
}

/** Whom access keys and buckets belong to, in the system partition under its name. */
export interface OwnerRow {
  readonly owner: string;
  readonly account: string;
  readonly createdMs: number;
}

const version = 1;

export function encodeAccessKeyRow(row: AccessKeyRow): Uint8Array {
  const writer = new ByteWriter().u8(version).bytes(row.secret);
  writer.text(row.owner).text(row.account).text(row.ownerName).u64(row.createdMs);
  return writer.boolean(row.state === "active").finish();
}

export function decodeAccessKeyRow(bytes: Uint8Array): AccessKeyRow {
  const reader = new ByteReader(bytes, "access key row");
  reader.version(version);
  const row: AccessKeyRow = {
    secret: reader.bytes(),
    owner: reader.text(),
    account: reader.text(),
    ownerName: reader.text(),
    createdMs: reader.u64(),
    state: reader.boolean() ? "active" : "inactive",
  };
  reader.end();
  return row;
}

export function encodeOwnerRow(row: OwnerRow): Uint8Array {
  return new ByteWriter().u8(version).text(row.owner).text(row.account).u64(row.createdMs).finish();
}

export function decodeOwnerRow(bytes: Uint8Array): OwnerRow {
  const reader = new ByteReader(bytes, "owner row");
  reader.version(version);
  const row = { owner: reader.text(), account: reader.text(), createdMs: reader.u64() };
  reader.end();
  return row;
}
