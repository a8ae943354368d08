import { ByteReader, ByteWriter } from "./codec.ts";

/** The scheme that an operator chose for a storage class, or for one bucket's objects of it. */
export interface ChosenSchemeRow {
  /** The scheme's name (placement/scheme-table.ts). Of a newer version it may be one unknown here. */
  readonly scheme: string;
  /** True if large objects are coded while they are written, where the scheme is a code. */
  readonly isInline: boolean;
  readonly chosenMs: number;
}

const version = 2;

export function encodeChosenSchemeRow(row: ChosenSchemeRow): Uint8Array {
  const writer = new ByteWriter(64).u8(version).text(row.scheme).u64(row.chosenMs);
  return writer.boolean(row.isInline).finish();
}

export function decodeChosenSchemeRow(bytes: Uint8Array): ChosenSchemeRow {
  const reader = new ByteReader(bytes, "chosen scheme row");
  const found = reader.version(version);
  const scheme = reader.text();
  const chosenMs = reader.u64();
  const row: ChosenSchemeRow = { scheme, isInline: found >= 2 && reader.boolean(), chosenMs };
  reader.end();
  return row;
}
