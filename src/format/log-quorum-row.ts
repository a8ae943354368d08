import { ByteReader, ByteWriter } from "./codec.ts";
import type { DiskId } from "./ids.ts";

/**
 * Which disks must have synced a record of the commit log before it is answered for. It holds from
 * the record behind the one that puts it: so whoever has read the log up to some record knows where
 * the next one must stand.
 */
export interface LogQuorumRow {
  /** Disks by failure domain, none in two: a record counts once disks of two domains have it. */
  readonly domains: readonly (readonly DiskId[])[];
  /** A disk that every counted record is on, and that is enough alone; undefined: none is. */
  readonly sole: DiskId | undefined;
}

const version = 1;

export function encodeLogQuorumRow({ domains, sole }: LogQuorumRow): Uint8Array {
  const writer = new ByteWriter().u8(version);
  writer.list(domains, (disks) => void writer.list(disks, (disk) => void writer.id(disk)));
  writer.boolean(sole !== undefined);
  if (sole !== undefined) writer.id(sole);
  return writer.finish();
}

export function decodeLogQuorumRow(bytes: Uint8Array): LogQuorumRow {
  const reader = new ByteReader(bytes, "log quorum row");
  reader.version(version);
  const domains = reader.list(() => reader.list(() => reader.id<DiskId>()));
  const sole = reader.boolean() ? reader.id<DiskId>() : undefined;
  reader.end();
  return { domains, sole };
}
