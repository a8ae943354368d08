import { must } from "../base/assert.ts";
import { afterPrefix, decodeUtf8, encodeUtf8, toHex } from "../base/bytes.ts";
import { ByteReader, ByteWriter, setU64 } from "./codec.ts";
import {
  type BucketId,
  type ChangeId,
  type DiskId,
  type ExtentId,
  idBytes,
  noId,
  type PartitionId,
  type SessionId,
  type UploadId,
  writeId,
} from "./ids.ts";
import { orderedKeyBytes, readOrderedKey, writeOrderedKey } from "./key-order.ts";

/*
 * The first byte of a row key is its space. Spaces below 0x20 form the system partition; the others
 * exist once in every partition, and those from 0x30 on are routed by (bucket id, object key),
 * which stand right behind the space. An engine may hold several partitions: there the id of the
 * partition stands before the row key, behind a space of its own. The system partition's keys are
 * as they are.
 */
export const space = {
  store: 0x01,
  counters: 0x02,
  leases: 0x04,
  buckets: 0x05,
  extents: 0x07,
  partitions: 0x08,
  drains: 0x09,
  disks: 0x0a,
  accessKeys: 0x0b,
  owners: 0x0c,
  shortExtents: 0x0d,
  activity: 0x0e,
  bucketConfigurations: 0x0f,
  chosenSchemes: 0x11,
  scrubs: 0x12,
  logQuorum: 0x13,
  workOrders: 0x14,
  restoreWindow: 0x15,
  indexScrub: 0x16,

  partitionSelf: 0x20,
  sessions: 0x21,
  bucketFences: 0x22,
  garbageBatches: 0x23,

  heads: 0x30,
  versions: 0x31,
  uploads: 0x32,
  parts: 0x33,
  garbage: 0x34,
  changes: 0x35,

  partitionRows: 0x40,
} as const;

export type Space = (typeof space)[keyof typeof space];

export interface KeyRange {
  /** The first key in the range. */
  readonly start: Uint8Array;
  /** The first key behind it. */
  readonly end: Uint8Array;
}

/** All keys that begin with `prefix`. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  return { start: prefix, end: must(afterPrefix(prefix), "a prefix of 0xff bytes has no end") };
}

function plain(spaceByte: Space, id?: number): Uint8Array {
  if (id === undefined) return new ByteWriter(1).u8(spaceByte).finish();
  return new ByteWriter(9).u8(spaceByte).u64(id).finish();
}

export const restoreWindowKey = (): Uint8Array => plain(space.restoreWindow);
export const activityKey = (): Uint8Array => plain(space.activity);
export const storeKey = (): Uint8Array => plain(space.store);
export const logQuorumKey = (): Uint8Array => plain(space.logQuorum);
export const counterKey = (name: string): Uint8Array =>
  new ByteWriter(32).u8(space.counters).raw(new ByteWriter(32).text(name).finish()).finish();
export const leaseKey = (session: SessionId): Uint8Array => plain(space.leases, session);
export const extentKey = (extent: ExtentId): Uint8Array => plain(space.extents, extent);
export const shortExtentKey = (extent: ExtentId): Uint8Array => plain(space.shortExtents, extent);
export const partitionKey = (partition: PartitionId): Uint8Array =>
  plain(space.partitions, partition);
export const drainKey = (partition: PartitionId): Uint8Array => plain(space.drains, partition);
export const partitionSelfKey = (): Uint8Array => plain(space.partitionSelf);
export const sessionKey = (session: SessionId): Uint8Array => plain(space.sessions, session);
export const bucketFenceKey = (bucket: BucketId): Uint8Array => plain(space.bucketFences, bucket);
export const garbageBatchKey = (sequence: number): Uint8Array =>
  plain(space.garbageBatches, sequence);

const partitionPrefixBytes = 5;

/** The bytes before the row keys of a partition in an engine. Ids stay below 2^32. */
export function partitionPrefix(partition: PartitionId): Uint8Array {
  return new ByteWriter(partitionPrefixBytes).u8(space.partitionRows).u32(partition).finish();
}

/** The key under which an engine holds a row of a partition. */
export function storedKey(partition: PartitionId, rowKey: Uint8Array): Uint8Array {
  const writer = new ByteWriter(partitionPrefixBytes + rowKey.length);
  return writer.raw(partitionPrefix(partition)).raw(rowKey).finish();
}

/** The row key in a key of an engine: a view, without the id of its partition. */
export function rowKeyOf(storedKey: Uint8Array): Uint8Array {
  const isPrefixed = storedKey[0] === space.partitionRows;
  return isPrefixed ? storedKey.subarray(partitionPrefixBytes) : storedKey;
}

/** The rows of one space; for those routed by bucket, optionally of one bucket. */
export function spaceRange(spaceByte: Space, id?: number): KeyRange {
  return prefixRange(plain(spaceByte, id));
}

/** The id behind the space of a key made by the one-number functions above. */
export function idOfKey<T extends number>(rowKey: Uint8Array): T {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  const id = reader.u64();
  reader.end();
  return id as T; // the space says which id it is
}

export function diskKey(disk: DiskId): Uint8Array {
  return new ByteWriter(17).u8(space.disks).id(disk).finish();
}

export function scrubKey(disk: DiskId): Uint8Array {
  return new ByteWriter(17).u8(space.scrubs).id(disk).finish();
}

export function indexScrubKey(): Uint8Array {
  return Uint8Array.of(space.indexScrub);
}

/** Stands for all disks in the keys of work orders. */
const noDisk = noId as unknown as DiskId; // random ids are not all zeros

/** Background tasks that take orders of operators, and the numbers that stand in keys. */
const orderedTaskCodes = { repair: 1, scrub: 2 } as const;

export type OrderedTask = keyof typeof orderedTaskCodes;

export interface WorkOrderPlace {
  readonly task: OrderedTask;
  /** Undefined: all disks. */
  readonly disk: DiskId | undefined;
}

export function workOrderKey({ task, disk }: WorkOrderPlace): Uint8Array {
  const writer = new ByteWriter(18).u8(space.workOrders).u8(orderedTaskCodes[task]);
  return writer.id(disk ?? noDisk).finish();
}

export function parseWorkOrderKey(rowKey: Uint8Array): WorkOrderPlace {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  const code = reader.u8();
  const disk = reader.id<DiskId>();
  reader.end();
  const all = Object.keys(orderedTaskCodes) as OrderedTask[]; // the keys of the table
  const task = all.find((one) => orderedTaskCodes[one] === code);
  return { task: task ?? reader.fail(`no task ${code}`), disk: disk === noDisk ? undefined : disk };
}

export function accessKeyKey(accessKeyId: Uint8Array): Uint8Array {
  return new ByteWriter(64).u8(space.accessKeys).raw(accessKeyId).finish();
}

export function accessKeyIdOfKey(rowKey: Uint8Array): Uint8Array {
  return rowKey.subarray(1);
}

export function ownerKey(nameBytes: Uint8Array): Uint8Array {
  return new ByteWriter(64).u8(space.owners).raw(nameBytes).finish();
}

/** Bucket names are ASCII; the row key holds them as they are, so buckets list in name order. */
export function bucketKey(nameBytes: Uint8Array): Uint8Array {
  return new ByteWriter(1 + nameBytes.length).u8(space.buckets).raw(nameBytes).finish();
}

export function bucketNameOfKey(rowKey: Uint8Array): Uint8Array {
  return rowKey.subarray(1);
}

/** Names of configurations are ASCII, as `tagging`. */
export function bucketConfigurationKey(bucket: BucketId, name: string): Uint8Array {
  const writer = new ByteWriter(64).u8(space.bucketConfigurations).u64(bucket);
  return writer.raw(encodeUtf8(name)).finish();
}

export function parseBucketConfigurationKey(rowKey: Uint8Array): {
  readonly bucket: BucketId;
  readonly name: string;
} {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  const bucket = reader.u64() as BucketId; // the field behind the space
  return { bucket, name: decodeUtf8(rowKey.subarray(routedPrefixBytes)) };
}

/** What a scheme was chosen for. */
export interface ChosenSchemePlace {
  readonly storageClass: string;
  /** Undefined: all buckets without a choice of their own. */
  readonly bucket: BucketId | undefined;
}

/** Bucket ids are counted from 1; 0 stands for all buckets. Names of storage classes are ASCII. */
export function chosenSchemeKey({ storageClass, bucket }: ChosenSchemePlace): Uint8Array {
  const writer = new ByteWriter(64).u8(space.chosenSchemes).u64(bucket ?? 0);
  return writer.raw(encodeUtf8(storageClass)).finish();
}

export function parseChosenSchemeKey(rowKey: Uint8Array): ChosenSchemePlace {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  const bucket = reader.u64() as BucketId; // the field behind the space
  const storageClass = decodeUtf8(rowKey.subarray(routedPrefixBytes));
  return { storageClass, bucket: bucket === 0 ? undefined : bucket };
}

/** Where the object key begins in a head's row key, and its ordered form in other routed ones. */
export const routedPrefixBytes = 9;

/**
 * Heads hold the object key as it is, with nothing behind it, so a prefix of keys is a prefix of
 * row keys.
 */
export function headKey(bucket: BucketId, key: Uint8Array): Uint8Array {
  return new ByteWriter(routedPrefixBytes + key.length)
    .u8(space.heads)
    .u64(bucket)
    .raw(key)
    .finish();
}

/** Bucket and object key in a head's row key. */
export function parseHeadKey(rowKey: Uint8Array): Omit<RoutedKey, "rest"> {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  return { bucket: reader.u64() as BucketId, key: objectKeyOfHead(rowKey) }; // behind the space
}

/** The object key in a head's row key (a view, not a copy). */
export function objectKeyOfHead(rowKey: Uint8Array): Uint8Array {
  return rowKey.subarray(routedPrefixBytes);
}

/**
 * Which of two routed row keys is of the bucket with the lower id: negative for the first, 0 where
 * they are of one.
 */
export function compareBuckets(a: Uint8Array, b: Uint8Array): number {
  for (let i = 1; i < routedPrefixBytes; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Space, bucket and ordered object key, the beginning of all rows that one space has for one key;
 * and where it ends.
 */
function routed(
  spaceByte: Space,
  bucket: BucketId,
  key: Uint8Array,
  extra: number,
): [Uint8Array, number] {
  const out = new Uint8Array(routedPrefixBytes + orderedKeyBytes(key) + extra);
  out[0] = spaceByte;
  setU64(out, 1, bucket);
  return [out, writeOrderedKey(key, out, routedPrefixBytes)];
}

export function routedRange(
  spaceByte:
    | typeof space.versions
    | typeof space.uploads
    | typeof space.parts
    | typeof space.garbage,
  bucket: BucketId,
  key: Uint8Array,
): KeyRange {
  const [out] = routed(spaceByte, bucket, key, 0);
  return prefixRange(out);
}

/**
 * @limit Version orders are 1,024 times milliseconds: the largest safe integer lasts until the year
 * 2248.
 */
const orderMax = Number.MAX_SAFE_INTEGER;

/** Newest first: the version order is stored as its complement. */
export function versionKey(bucket: BucketId, key: Uint8Array, order: number): Uint8Array {
  const [out, end] = routed(space.versions, bucket, key, 8);
  setU64(out, end, orderMax - order);
  return out;
}

export function uploadKey(bucket: BucketId, key: Uint8Array, upload: UploadId): Uint8Array {
  const [out, end] = routed(space.uploads, bucket, key, 16);
  writeId(upload, out, end);
  return out;
}

export function partKey(
  bucket: BucketId,
  key: Uint8Array,
  upload: UploadId,
  part: number,
): Uint8Array {
  const [out, end] = routed(space.parts, bucket, key, 18);
  writeId(upload, out, end);
  out[end + idBytes] = part >> 8;
  out[end + idBytes + 1] = part;
  return out;
}

/** The rows of an upload's parts, in order of their numbers. */
export function partsRange(bucket: BucketId, key: Uint8Array, upload: UploadId): KeyRange {
  return prefixRange(partKey(bucket, key, upload, 0).subarray(0, -2));
}

/** One row per commit that freed something. */
export function garbageKey(bucket: BucketId, key: Uint8Array, change: ChangeId): Uint8Array {
  const [out, end] = routed(space.garbage, bucket, key, 16);
  writeId(change, out, end);
  return out;
}

export interface RoutedKey {
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  /** The bytes after the object key: a version order's complement, an upload id, a part number … */
  readonly rest: Uint8Array;
}

/** The parts of a row key in the versions, uploads, parts or garbage space. */
export function parseRoutedKey(rowKey: Uint8Array): RoutedKey {
  const reader = new ByteReader(rowKey, "row key");
  reader.u8();
  const bucket = reader.u64() as BucketId; // the field behind the space
  const { key, end } = readOrderedKey(rowKey, routedPrefixBytes);
  return { bucket, key, rest: rowKey.subarray(end) };
}

/** The object key in a routed row key that has it in its ordered form. */
export function objectKeyOfRouted(rowKey: Uint8Array): Uint8Array {
  return readOrderedKey(rowKey, routedPrefixBytes).key;
}

/** The parts of a row key in the uploads space. */
export function parseUploadKey(
  rowKey: Uint8Array,
): Omit<RoutedKey, "rest"> & { readonly id: UploadId } {
  const { rest, ...place } = parseRoutedKey(rowKey);
  return { ...place, id: new ByteReader(rest, "upload row key").id() };
}

/** The parts of a row key in the parts space. */
export function parsePartKey(rowKey: Uint8Array): Omit<RoutedKey, "rest"> & {
  readonly upload: UploadId;
  readonly part: number;
} {
  const { rest, ...place } = parseRoutedKey(rowKey);
  const reader = new ByteReader(rest, "part row key");
  return { ...place, upload: reader.id(), part: reader.u16() };
}

/** The order in the row key of an older version, which ends with it. */
export function orderOfVersionKey(rowKey: Uint8Array): number {
  return versionOrderOf(rowKey.subarray(rowKey.length - 8));
}

export function versionOrderOf(rest: Uint8Array): number {
  return orderMax - new ByteReader(rest, "version order").u64();
}

const spaceNames: ReadonlyMap<number, string> = new Map(
  Object.entries(space).map(([name, byte]) => [byte, name]),
);

/** The rows of one object key, as people call them. */
const objectRows: ReadonlyMap<number, string> = new Map<number, string>([
  [space.heads, "object"],
  [space.versions, "older version of"],
  [space.uploads, "multipart upload of"],
  [space.parts, "part of a multipart upload of"],
  [space.garbage, "record of freed data of"],
]);

/** Names the row that a key belongs to, for people; the key may be damaged. */
export function nameOfRow(
  storedKey: Uint8Array,
  bucketNames: ReadonlyMap<BucketId, string> = new Map(),
): string {
  const rowKey = rowKeyOf(storedKey);
  const [first = 0] = rowKey;
  const what = objectRows.get(first);
  try {
    if (first === space.buckets) return `bucket ${decodeUtf8(bucketNameOfKey(rowKey))}`;
    if (first === space.bucketConfigurations) {
      const { bucket, name } = parseBucketConfigurationKey(rowKey);
      return `${name} configuration of ${bucketNames.get(bucket) ?? `bucket ${bucket}`}`;
    }
    if (first === space.chosenSchemes) {
      const { bucket, storageClass } = parseChosenSchemeKey(rowKey);
      if (bucket === undefined) return `scheme chosen for ${storageClass}`;
      return `scheme chosen for ${storageClass} of ${bucketNames.get(bucket) ?? `bucket ${bucket}`}`;
    }
    if (what !== undefined) {
      const { bucket, key } = first === space.heads ? parseHeadKey(rowKey) : parseRoutedKey(rowKey);
      return `${what} ${bucketNames.get(bucket) ?? `bucket ${bucket}`}/${decodeUtf8(key)}`;
    }
  } catch {
    // The key itself is damaged.
  }
  return `row ${toHex(storedKey)} (${spaceNames.get(first) ?? "of no known kind"})`;
}
