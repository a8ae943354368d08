// Formats do not change by accident: each kind of stored value, encoded, must equal the bytes kept
// in testdata/format, and those bytes must still decode. After a deliberate change (a new version,
// with the old one still read) run `HOLDFAST_WRITE_GOLDEN=1 npm test golden` and review the
// difference.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeUtf8, fromHex, toHex } from "../base/bytes.ts";
import { must } from "../base/assert.ts";
import type { StoreError } from "../base/errors.ts";
import { createHash } from "../node/platform/hash.ts";
import * as accessKeyRow from "./system-rows.ts";
import {
  type ChecksumAlgorithm,
  readChecksumAlgorithm,
  writeChecksumAlgorithm,
} from "./checksum.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import * as bucketRow from "./bucket-row.ts";
import {
  decodeDiskGeneration,
  decodeStoreIdentity,
  diskGenerationFileBytes,
  diskGenerationOffsets,
  encodeDiskGeneration,
  encodeStoreIdentity,
  identityFileBytesMax,
} from "./data-directory.ts";
import * as diskRow from "./disk-row.ts";
import { decodeExtentHeader, encodeExtentHeader } from "./extent-header.ts";
import * as extentRow from "./extent-row.ts";
import * as garbageRow from "./garbage-row.ts";
import * as ids from "./ids.ts";
import { extentHeaderSlotBytes } from "./limits.ts";
import {
  commitRecordBytes,
  commitRecordHead,
  decodeCommitRecord,
  decodeLogPosition,
  encodeCommitRecord,
  encodeLogPosition,
} from "./commit-record.ts";
import type { SnapshotFrame } from "./index-snapshot.ts";
import {
  decodeSnapshotFrame,
  encodeSnapshotFrame,
  noSnapshotChecksum,
  snapshotFrameBytes,
} from "./index-snapshot.ts";
import {
  decodeLogSegmentHeader,
  encodeLogSegmentHeader,
  logHeaderBytes,
  logSlotBytes,
} from "./log-segment.ts";
import * as logQuorumRow from "./log-quorum-row.ts";
import { decodeManifest, encodeManifest } from "./manifest.ts";
import * as objectRow from "./object-row.ts";
import { decodeActivityRow, encodeActivityRow } from "./system-rows.ts";
import { partSetOf } from "./object-row.ts";
import {
  blockChecksums,
  decodeRecordHeader,
  encodeRecordHeader,
  isSameIdentity,
  paddingIdentity,
} from "./record.ts";
import * as schemeRow from "./scheme-row.ts";
import { decodeRestoreWindowRow, encodeRestoreWindowRow } from "./restore-window-row.ts";
import * as indexScrubRow from "./index-scrub-row.ts";
import * as scrubRow from "./scrub-row.ts";
import * as workOrder from "./work-order.ts";
import * as systemRows from "./system-rows.ts";

const hash = createHash();

const id = <T extends ids.Id>(digit: string): T => ids.idOfText(digit.repeat(32));
const chunk = (extent: number, offset: number, length: number) => ({
  extent: extent as ids.ExtentId,
  offset,
  length,
  checksum: 0xdeadbeef - offset,
});
const md5 = must(fromHex("00112233445566778899aabbccddeeff"), "md5");
const checksum = {
  algorithm: "crc64nvme",
  type: "full",
  value: must(fromHex("0123456789abcdef"), "value"),
} as const;
const attributes: objectRow.ObjectAttributes = {
  headers: [["content-type", "text/plain"]],
  metadata: [["colour", "blå"]],
  tags: [["team", "store"]],
  owner: "owner-id",
  account: "000000000001",
  storageClass: "STANDARD",
  encryption: undefined,
  lock: Uint8Array.of(1, 2),
};
const object: objectRow.ObjectRow = {
  kind: "object",
  order: 1_800_000_000_000 * 1024,
  nullVersion: true,
  nullOrder: undefined,
  modifiedMs: 1_800_000_000_123,
  size: 8_388_609,
  md5,
  partCount: 2,
  checksum,
  attributes,
  blob: id<ids.BlobId>("a"),
  upload: id<ids.UploadId>("b"),
  data: {
    kind: "chunks",
    chunks: [chunk(7, 8192, 4_194_304), chunk(7, 4_202_880, 99), chunk(9, 8192, 1)],
  },
};
const marker: objectRow.ObjectRow = {
  ...object,
  kind: "deleteMarker",
  size: 0,
  checksum: undefined,
  upload: undefined,
  data: { kind: "empty" },
};
const part: objectRow.PartRow = {
  modifiedMs: 5,
  size: 3,
  md5,
  checksum: { algorithm: "sha256", type: "full", value: new Uint8Array(32).fill(9) },
  blob: id<ids.BlobId>("c"),
  data: { kind: "manifest", ref: chunk(300, 8192, 4096) },
};
const striped = { kind: "coded", code: "rs", data: 4, parity: 2, isStriped: true } as const;
const extent: extentRow.ExtentRow = {
  state: "settled",
  scheme: { kind: "replicated", copies: 3, quorum: 2 },
  members: [
    { disk: id<ids.DiskId>("1"), state: "whole", tableChecksum: 0x1234_5678 },
    { disk: id<ids.DiskId>("2"), state: "damaged", tableChecksum: 0 },
  ],
  epoch: 2,
  session: 5 as ids.SessionId,
  storageClass: "STANDARD_IA",
  bucketScheme: "rs-8-4",
  createdMs: 1,
  sealedMs: 2,
  length: 3,
  deadBytes: 4,
  droppedMs: 0,
  layout: 2,
  coming: [
    {
      layout: 3,
      scheme: { kind: "coded", code: "rs", data: 4, parity: 2 },
      member: 5,
      disk: id<ids.DiskId>("3"),
    },
  ],
  comingBy: 6 as ids.SessionId,
  leaving: [
    {
      layout: 0,
      scheme: { kind: "replicated", copies: 3, quorum: 2 },
      member: 1,
      disk: id<ids.DiskId>("1"),
    },
  ],
  leavingMs: 7,
};

/** Versions before 5 had extents of one class only. */
const extentOfAll: extentRow.ExtentRow = {
  ...extent,
  storageClass: "STANDARD",
  bucketScheme: undefined,
};

const extentBefore: extentRow.ExtentRow = {
  ...extentOfAll,
  members: extent.members.map((member) => ({ ...member, tableChecksum: 0 })),
  ...extentRow.firstLayout,
};

interface Golden<T> {
  readonly value: T;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

function golden<T>(
  value: T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Golden<unknown> {
  return { value, encode, decode } as Golden<unknown>; // a table of different types
}

const scrubbed = {
  disk: id<ids.DiskId>("d"),
  startedMs: 1_800_000_000_000,
  upTo: 77 as ids.ExtentId,
  isDone: false,
  readSinceMs: 1_790_000_000_000,
  members: 12,
  bad: 1,
};

const disk = {
  disk: id<ids.DiskId>("e"),
  addedMs: 1,
  name: "/srv/data",
  labels: { zone: "a", rack: "r7" },
  capacityBytes: 4_000_000_000_000,
  state: "emptying",
  stateMs: 2,
  reason: "asked for",
  isPaused: true,
  isReplaced: true,
} as const;

const goldens: Readonly<Record<string, Golden<unknown>>> = {
  "object-row.v2": golden(object, objectRow.encodeObjectRow, objectRow.decodeObjectRow),
  "object-row.delete-marker.v2": golden(
    { ...marker, nullVersion: false, nullOrder: 1_800_000_000_000 * 1024 - 1 },
    objectRow.encodeObjectRow,
    objectRow.decodeObjectRow,
  ),
  "object-row.inline.v2": golden(
    { ...object, data: { kind: "inline", bytes: Uint8Array.of(1, 2, 3) } as const },
    objectRow.encodeObjectRow,
    objectRow.decodeObjectRow,
  ),
  "upload-row.v2": golden(
    {
      initiatedMs: 7,
      headBlob: object.blob,
      attributes,
      checksum: { algorithm: "crc32c", type: "composite" } as const,
      ended: partSetOf([1, 9, 10_000]),
    },
    objectRow.encodeUploadRow,
    objectRow.decodeUploadRow,
  ),
  "part-row.v1": golden(part, objectRow.encodePartRow, objectRow.decodePartRow),
  "manifest.leaf.v2": golden(
    { kind: "leaf", chunks: [chunk(1, 8192, 5), chunk(2, 8192, 6), chunk(2, 8400, 7)] } as const,
    encodeManifest,
    decodeManifest,
  ),
  "manifest.root.v2": golden(
    {
      kind: "root",
      parts: [{ number: 3, size: 3, md5, checksum: undefined, blob: part.blob, data: part.data }],
    } as const,
    encodeManifest,
    decodeManifest,
  ),
  "bucket-row.v3": golden(
    {
      id: 12 as ids.BucketId,
      createdMs: 99,
      owner: "owner-id",
      account: "000000000001",
      region: "us-east-1",
      versioning: "suspended",
      lastVersioningNumber: 4,
      versioningNumber: 3,
    } as const,
    bucketRow.encodeBucketRow,
    bucketRow.decodeBucketRow,
  ),
  "bucket-configuration-row.v1": golden(
    { document: encodeUtf8("<Tagging/>") },
    bucketRow.encodeBucketConfigurationRow,
    bucketRow.decodeBucketConfigurationRow,
  ),
  "bucket-fence-row.v2": golden(
    { state: "deleting", versioningNumber: 3, versioning: "enabled" } as const,
    bucketRow.encodeBucketFenceRow,
    bucketRow.decodeBucketFenceRow,
  ),
  "access-key-row.v1": golden(
    {
      secret: Uint8Array.of(1, 2, 3),
      owner: "0a".repeat(32),
      account: "000000000012",
      ownerName: "alice",
      createdMs: 1_800_000_000_000,
      state: "active",
    } as const,
    accessKeyRow.encodeAccessKeyRow,
    accessKeyRow.decodeAccessKeyRow,
  ),
  "owner-row.v1": golden(
    { owner: "0a".repeat(32), account: "000000000012", createdMs: 1_800_000_000_000 },
    accessKeyRow.encodeOwnerRow,
    accessKeyRow.decodeOwnerRow,
  ),
  "extent-row.v6": golden(extent, extentRow.encodeExtentRow, extentRow.decodeExtentRow),
  "work-order.v1": golden(
    { isPaused: true, changedMs: 1_800_000_000_000, beginMs: 1_790_000_000_000 },
    workOrder.encodeWorkOrder,
    workOrder.decodeWorkOrder,
  ),
  "restore-window-row.v1": golden(
    { windowMs: 7 * 86_400_000, sinceMs: 1_800_000_000_000 },
    encodeRestoreWindowRow,
    decodeRestoreWindowRow,
  ),
  "index-scrub-row.v1": golden(
    {
      startedMs: 1_800_000_000_000,
      position: { sequence: 4711, checksum: md5 },
      snapshot: 4000,
      isDone: false,
      readSinceMs: 1_790_000_000_000,
      bytes: 4096,
      bad: 3,
      mended: 2,
      lost: 1,
    },
    indexScrubRow.encodeIndexScrubRow,
    indexScrubRow.decodeIndexScrubRow,
  ),
  "scrub-row.v3": golden(
    { ...scrubbed, bytes: 4096, passedOver: 2 },
    scrubRow.encodeScrubRow,
    scrubRow.decodeScrubRow,
  ),
  "log-quorum-row.v1": golden(
    {
      domains: [[id<ids.DiskId>("d"), id<ids.DiskId>("e")], [id<ids.DiskId>("f")]],
      sole: undefined,
    },
    logQuorumRow.encodeLogQuorumRow,
    logQuorumRow.decodeLogQuorumRow,
  ),
  "log-quorum-row.sole.v1": golden(
    { domains: [[id<ids.DiskId>("d")], [id<ids.DiskId>("e")]], sole: id<ids.DiskId>("e") },
    logQuorumRow.encodeLogQuorumRow,
    logQuorumRow.decodeLogQuorumRow,
  ),
  "short-extent-row.v2": golden(
    { members: 2, lost: "missing" as const, bytes: 3 },
    extentRow.encodeShortExtentRow,
    extentRow.decodeShortExtentRow,
  ),
  "extent-row.coded.v6": golden(
    { ...extent, scheme: { kind: "coded", code: "rs", data: 10, parity: 4 } as const },
    extentRow.encodeExtentRow,
    extentRow.decodeExtentRow,
  ),
  "extent-row.striped.v6": golden(
    {
      ...extent,
      scheme: { ...striped, gapBlocks: 66 },
    },
    extentRow.encodeExtentRow,
    extentRow.decodeExtentRow,
  ),
  "garbage-row.v1": golden(
    { locations: [object.data, part.data] },
    garbageRow.encodeGarbageRow,
    garbageRow.decodeGarbageRow,
  ),
  "garbage-batch-row.v1": golden(
    { extents: [{ extent: 8 as ids.ExtentId, deadBytes: 4096 }] },
    garbageRow.encodeGarbageBatchRow,
    garbageRow.decodeGarbageBatchRow,
  ),
  "store-row.v3": golden(
    { store: id<ids.StoreId>("d"), generation: 12, createdMs: 1 },
    systemRows.encodeStoreRow,
    systemRows.decodeStoreRow,
  ),
  "counter-row.v1": golden(
    { value: 4711 },
    systemRows.encodeCounterRow,
    systemRows.decodeCounterRow,
  ),
  "partition-row.v1": golden(
    { start: Uint8Array.of(), end: Uint8Array.of(1), epoch: 4, engine: "local" },
    systemRows.encodePartitionRow,
    systemRows.decodePartitionRow,
  ),
  "session-row.v1": golden(
    { startedMs: 1, role: "background" } as const,
    systemRows.encodeSessionRow,
    systemRows.decodeSessionRow,
  ),
  "lease-row.v2": golden(
    { period: 10, oldestReadPeriod: 9 },
    systemRows.encodeLeaseRow,
    systemRows.decodeLeaseRow,
  ),
  "activity-row.v1": golden(
    {
      watchedMs: 3_600_000,
      marks: [{ watchedMs: 7, sessions: [{ session: 3 as ids.SessionId, changes: 4711 }] }],
    },
    encodeActivityRow,
    decodeActivityRow,
  ),
  "chosen-scheme-row.v2": golden(
    { scheme: "rs-8-4", isInline: true, chosenMs: 1_800_000_000_000 },
    schemeRow.encodeChosenSchemeRow,
    schemeRow.decodeChosenSchemeRow,
  ),
  "disk-row.v3": golden(disk, diskRow.encodeDiskRow, diskRow.decodeDiskRow),
};

/** What older versions wrote, and what it is read as. */
const olderGoldens: Readonly<Record<string, Omit<Golden<unknown>, "encode">>> = {
  "object-row.v1": { value: object, decode: objectRow.decodeObjectRow },
  "object-row.delete-marker.v1": { value: marker, decode: objectRow.decodeObjectRow },
  "object-row.inline.v1": {
    value: { ...object, data: { kind: "inline", bytes: Uint8Array.of(1, 2, 3) } },
    decode: objectRow.decodeObjectRow,
  },
  "scrub-row.v1": {
    value: { ...scrubbed, bytes: 0, passedOver: 0 },
    decode: scrubRow.decodeScrubRow,
  },
  "scrub-row.v2": {
    value: { ...scrubbed, bytes: 4096, passedOver: 0 },
    decode: scrubRow.decodeScrubRow,
  },
  "short-extent-row.v1": {
    value: { members: 1, lost: "missing", bytes: 3 },
    decode: extentRow.decodeShortExtentRow,
  },
  "disk-row.v1": {
    value: {
      ...disk,
      labels: {},
      capacityBytes: 0,
      state: "active",
      stateMs: 1,
      reason: "",
      isPaused: false,
      isReplaced: false,
    },
    decode: diskRow.decodeDiskRow,
  },
  "disk-row.v2": { value: { ...disk, isReplaced: false }, decode: diskRow.decodeDiskRow },
  "chosen-scheme-row.v1": {
    value: { scheme: "rs-8-4", isInline: false, chosenMs: 1_800_000_000_000 },
    decode: schemeRow.decodeChosenSchemeRow,
  },
  "extent-row.v5": { value: extent, decode: extentRow.decodeExtentRow },
  "extent-row.coded.v5": {
    value: { ...extent, scheme: { kind: "coded", code: "rs", data: 10, parity: 4 } },
    decode: extentRow.decodeExtentRow,
  },
  "extent-row.striped.v5": {
    value: { ...extent, scheme: striped },
    decode: extentRow.decodeExtentRow,
  },
  "extent-row.v4": { value: extentOfAll, decode: extentRow.decodeExtentRow },
  "extent-row.coded.v4": {
    value: { ...extentOfAll, scheme: { kind: "coded", code: "rs", data: 10, parity: 4 } },
    decode: extentRow.decodeExtentRow,
  },
  "extent-row.striped.v4": {
    value: { ...extentOfAll, scheme: striped },
    decode: extentRow.decodeExtentRow,
  },
  "extent-row.v3": { value: extentOfAll, decode: extentRow.decodeExtentRow },
  "extent-row.coded.v3": {
    value: { ...extentOfAll, scheme: { kind: "coded", code: "rs", data: 10, parity: 4 } },
    decode: extentRow.decodeExtentRow,
  },
  "extent-row.v2": { value: extentBefore, decode: extentRow.decodeExtentRow },
  "extent-row.coded.v2": {
    value: { ...extentBefore, scheme: { kind: "coded", code: "rs", data: 10, parity: 4 } },
    decode: extentRow.decodeExtentRow,
  },
  "lease-row.v1": {
    value: { period: 0, oldestReadPeriod: 0 },
    decode: systemRows.decodeLeaseRow,
  },
  "upload-row.v1": {
    value: {
      initiatedMs: 7,
      headBlob: undefined,
      attributes,
      checksum: { algorithm: "crc32c", type: "composite" },
      ended: undefined,
    },
    decode: objectRow.decodeUploadRow,
  },
  "bucket-row.v1": {
    value: {
      id: 12 as ids.BucketId,
      createdMs: 99,
      owner: "owner-id",
      account: "000000000001",
      region: "us-east-1",
      versioning: "suspended",
      lastVersioningNumber: 2 ** 32,
      versioningNumber: 2 ** 32,
    },
    decode: bucketRow.decodeBucketRow,
  },
  "bucket-row.v2": {
    value: {
      id: 12 as ids.BucketId,
      createdMs: 99,
      owner: "owner-id",
      account: "000000000001",
      region: "us-east-1",
      versioning: "suspended",
      lastVersioningNumber: 4,
      versioningNumber: 3,
    },
    decode: bucketRow.decodeBucketRow,
  },
  "bucket-fence-row.v1": {
    value: { state: "deleting", versioningNumber: 3, versioning: "off" },
    decode: bucketRow.decodeBucketFenceRow,
  },
};

const folder = join(import.meta.dirname, "../../testdata/format");

/** The bytes kept for a name; written first where the operator of the test asks for that. */
function kept(name: string, now: Uint8Array): Uint8Array {
  const path = join(folder, `${name}.hex`);
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") {
    writeFileSync(path, `${(toHex(now).match(/.{1,64}/g) ?? []).join("\n")}\n`);
  }
  return read(name);
}

function read(name: string): Uint8Array {
  const text = readFileSync(join(folder, `${name}.hex`), "utf8");
  return must(fromHex(text.replaceAll("\n", "")), `${name}: hex`);
}

for (const [name, { value, decode }] of Object.entries(olderGoldens)) {
  test(`format ${name}: what an older version wrote is read as it was meant`, () => {
    assert.deepEqual(decode(read(name)), value);
  });
}

for (const [name, { value, encode, decode }] of Object.entries(goldens)) {
  test(`format ${name}: encodes to the golden bytes, which decode to the value`, () => {
    const bytes = kept(name, encode(value));
    assert.equal(toHex(encode(value)), toHex(bytes));
    assert.deepEqual(decode(bytes), value);
  });

  test(`format ${name}: a newer version is refused with the fix named, a cut value is corrupt`, () => {
    const bytes = encode(value);
    const newer = bytes.slice();
    newer[0] = 200;
    assert.throws(
      () => decode(newer),
      (error: StoreError) => {
        return (
          error.code === "unsupported_format" && error.message.includes("newer version of Holdfast")
        );
      },
    );
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decode(bytes.subarray(0, length)), {
        name: "StoreError",
        code: "corrupt",
      });
    }
  });
}

test("format record.v3: encodes to the golden bytes, which decode to the identity and place", () => {
  const payload = new Uint8Array(70_000).fill(5);
  const identity = {
    kind: "data",
    bucket: 3 as ids.BucketId,
    key: encodeUtf8("photos/ä.jpg"),
    blob: id<ids.BlobId>("a"),
    upload: id<ids.UploadId>("b"),
    part: 4,
    chunk: 2,
  } as const;
  const place = { extent: 6 as ids.ExtentId, offset: 8192, session: 9 as ids.SessionId };
  const blocks = blockChecksums(hash, payload);
  const encoded = encodeRecordHeader(hash, identity, place, {
    bytes: payload.length,
    blockChecksums: blocks,
  });
  const bytes = kept("record.v3", encoded.bytes);
  assert.equal(toHex(encoded.bytes), toHex(bytes));
  const expected = {
    ...identity,
    ...place,
    headerBytes: bytes.length,
    payloadBytes: payload.length,
    checksum: encoded.checksum,
    blockChecksums: blocks,
  };
  assert.deepEqual(decodeRecordHeader(hash, bytes), expected);
  for (let i = 0; i < bytes.length; i++) {
    const flipped = bytes.slice();
    flipped[i] = flipped[i]! ^ 4;
    assert.throws(() => decodeRecordHeader(hash, flipped), { name: "StoreError", code: "corrupt" });
  }
});

test("format record.padding.v3: fills an extent up, and belongs to nothing", () => {
  const place = { extent: 6 as ids.ExtentId, offset: 8192, session: 9 as ids.SessionId };
  const blocks = { bytes: 3, blockChecksums: blockChecksums(hash, new Uint8Array(3)) };
  const encoded = encodeRecordHeader(hash, paddingIdentity, place, blocks);
  assert.equal(toHex(encoded.bytes), toHex(kept("record.padding.v3", encoded.bytes)));
  const decoded = decodeRecordHeader(hash, encoded.bytes);
  assert.ok(isSameIdentity(decoded, paddingIdentity));
});

test("format record.v2 is read as it was meant", () => {
  const header = decodeRecordHeader(hash, read("record.v2"));
  assert.equal(header.kind, "data");
  assert.equal(header.chunk, 2);
});

test("format extent-header.v4: the newer valid slot counts, a torn one does not", () => {
  const header = {
    sequence: 2,
    store: id<ids.StoreId>("d"),
    disk: id<ids.DiskId>("1"),
    extent: 6 as ids.ExtentId,
    scheme: extent.scheme,
    member: 0,
    epoch: 1,
    session: 9 as ids.SessionId,
    createdMs: 77,
    layout: 1,
  };
  const slot = encodeExtentHeader(hash, header);
  const fields = kept("extent-header.v4", slot.subarray(0, 128));
  assert.equal(toHex(slot.subarray(0, 128)), toHex(fields));
  const both = new Uint8Array(2 * extentHeaderSlotBytes);
  both.set(slot);
  const raised = { ...header, sequence: 3, epoch: 2 };
  both.set(encodeExtentHeader(hash, raised), extentHeaderSlotBytes);
  assert.deepEqual(decodeExtentHeader(hash, both), raised);
  both[extentHeaderSlotBytes + 3000] = 1;
  assert.deepEqual(decodeExtentHeader(hash, both), header);
});

test("format extent-header.v1 is read as layout 0", () => {
  const slot = new Uint8Array(extentHeaderSlotBytes);
  slot.set(read("extent-header.v1"));
  const header = decodeExtentHeader(hash, slot);
  assert.equal(header.createdMs, 77);
  assert.equal(header.layout, 0);
});

for (const before of ["extent-header.v2", "extent-header.v3"]) {
  test(`format ${before} is read as it was meant`, () => {
    const slot = new Uint8Array(extentHeaderSlotBytes);
    slot.set(read(before));
    const header = decodeExtentHeader(hash, slot);
    assert.equal(header.createdMs, 77);
    assert.equal(header.layout, 1);
  });
}

test("format disk-generation.v1: the newer valid slot counts, a torn one does not; two bad ones are corrupt", () => {
  const file = new Uint8Array(diskGenerationFileBytes);
  const [first, second] = diskGenerationOffsets;
  const write = (generation: number, offset: number) => {
    const row = { store: id<ids.StoreId>("d"), disk: id<ids.DiskId>("1"), generation };
    const slot = encodeDiskGeneration(hash, row);
    file.set(slot, offset);
    return { row, slot };
  };
  assert.equal(decodeDiskGeneration(hash, new Uint8Array(0)), undefined);
  const { row, slot } = write(7, first);
  assert.equal(toHex(slot), toHex(kept("disk-generation.v1", slot)));
  const inFirst = { ...row, offset: first, otherOffset: second };
  assert.deepEqual(decodeDiskGeneration(hash, file), inFirst);
  assert.deepEqual(decodeDiskGeneration(hash, file.subarray(0, slot.length)), inFirst);
  file[first + 20]! ^= 1; // the first write of all, torn
  assert.equal(decodeDiskGeneration(hash, file), undefined);
  const inSecond = { ...write(8, second).row, offset: second, otherOffset: first };
  assert.deepEqual(decodeDiskGeneration(hash, file), inSecond);
  file[second + 20]! ^= 1;
  assert.throws(() => decodeDiskGeneration(hash, file), { code: "corrupt" });
});

const logged = {
  sequence: 9,
  previous: md5,
  generation: 4,
  instantUs: 1_700_000_000_000_123,
  wallMs: 1_700_000_000_000,
  changes: [
    {
      id: id<ids.ChangeId>("a"),
      puts: [{ key: encodeUtf8("key"), value: encodeUtf8("value") }],
      deletes: [encodeUtf8("other")],
    },
  ],
};

test("format commit record: bytes are as kept, fill whole sectors, and damage is noticed", () => {
  const { bytes, position } = encodeCommitRecord(hash, logged);
  assert.equal(bytes.length, 512);
  const before = kept("commit-record.v1", bytes);
  assert.equal(toHex(bytes), toHex(before));
  assert.deepEqual(decodeCommitRecord(hash, before), { ...logged, checksum: position.checksum });
  const { changes: _, ...head } = logged;
  const { checksum } = position;
  assert.equal(commitRecordBytes(before, 0), 512);
  assert.deepEqual(commitRecordHead(hash, before), { ...head, checksum, bytes: 512 });
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= 1;
    assert.throws(() => decodeCommitRecord(hash, damaged), { name: "StoreError" }, `byte ${at}`);
    assert.equal(commitRecordHead(hash, damaged), undefined, `byte ${at}`);
  }
  const row = encodeLogPosition(position);
  assert.equal(toHex(row), toHex(kept("log-position-row.v1", row)));
  assert.deepEqual(decodeLogPosition(row), position);
});

test("format log segment header: bytes are as kept; the slot of a seal counts", () => {
  const header = {
    store: id<ids.StoreId>("d"),
    disk: id<ids.DiskId>("1"),
    writer: "0123456789abcdef",
    ordinal: 3,
    generation: 4,
    firstSequence: 9,
    acknowledged: 2,
    members: [id<ids.DiskId>("1"), id<ids.DiskId>("2")],
    createdMs: 1_700_000_000_000,
    isSealed: false,
  };
  const slots = new Uint8Array(logHeaderBytes);
  const slot = encodeLogSegmentHeader(hash, header);
  const used = slot.subarray(0, 128);
  assert.equal(toHex(used), toHex(kept("log-segment-header.v1", used)));
  slots.set(slot);
  assert.deepEqual(decodeLogSegmentHeader(hash, slots), header);
  slots.set(encodeLogSegmentHeader(hash, { ...header, isSealed: true }), logSlotBytes);
  assert.deepEqual(decodeLogSegmentHeader(hash, slots), { ...header, isSealed: true });
  slots[logSlotBytes + 20]! ^= 1; // torn: it was never sealed
  assert.deepEqual(decodeLogSegmentHeader(hash, slots), header);
  slots[20]! ^= 1;
  assert.equal(decodeLogSegmentHeader(hash, slots), undefined);
});

test("format index snapshot: frames are as kept, and each covers the one before", () => {
  const frames: readonly SnapshotFrame[] = [
    {
      kind: "head",
      head: {
        store: id<ids.StoreId>("d"),
        position: { sequence: 9, checksum: md5 },
        generation: 4,
        createdMs: 1_700_000_000_000,
      },
    },
    {
      kind: "rows",
      rows: [{ key: encodeUtf8("k"), stamp: id<ids.ChangeId>("a"), value: encodeUtf8("v") }],
    },
    { kind: "end", rows: 1 },
  ];
  let previous = noSnapshotChecksum;
  for (const frame of frames) {
    const { bytes, checksum } = encodeSnapshotFrame(hash, frame, previous);
    const before = kept(`index-snapshot.${frame.kind}.v1`, bytes);
    assert.equal(toHex(bytes), toHex(before));
    assert.equal(snapshotFrameBytes(before), before.length);
    assert.deepEqual(decodeSnapshotFrame(hash, before, previous), { frame, checksum });
    assert.throws(() => decodeSnapshotFrame(hash, before, checksum), { code: "corrupt" });
    previous = checksum;
  }
});

test("format checksum algorithms: each keeps its number", () => {
  const numbers = {
    crc32: 1,
    crc32c: 2,
    crc64nvme: 3,
    sha1: 4,
    sha256: 5,
    sha512: 6,
    md5: 7,
    xxhash64: 8,
    xxhash3: 9,
    xxhash128: 10,
  } as const satisfies Record<ChecksumAlgorithm, number>;
  for (const [name, number] of Object.entries(numbers)) {
    const algorithm = name as ChecksumAlgorithm; // a key of the above
    const writer = new ByteWriter(1);
    writeChecksumAlgorithm(writer, algorithm);
    assert.deepEqual(writer.finish(), Uint8Array.of(number));
    assert.equal(readChecksumAlgorithm(new ByteReader(Uint8Array.of(number), "a row")), algorithm);
  }
  const unknown = new ByteReader(Uint8Array.of(11), "a row");
  assert.throws(() => readChecksumAlgorithm(unknown), { code: "corrupt" });
});

test("format store identity: reads what it wrote; foreign and newer files are refused with the fix", () => {
  const identity = {
    store: id<ids.StoreId>("d"),
    disk: id<ids.DiskId>("1"),
    holdsIndex: true,
    otherDirectories: ["/mnt/disk2", "/mnt/disk3"],
  };
  const text = encodeStoreIdentity(identity);
  const goldenText = readFileSync(join(folder, "holdfast.v2.json"), "utf8");
  assert.equal(text, goldenText);
  assert.deepEqual(decodeStoreIdentity(goldenText, "x"), identity);
  const older = readFileSync(join(folder, "holdfast.v1.json"), "utf8");
  assert.deepEqual(decodeStoreIdentity(older, "x"), { ...identity, otherDirectories: [] });
  const newer = goldenText.replace('"version": 2', '"version": 3');
  assert.throws(() => decodeStoreIdentity(newer, "x"), { code: "unsupported_format" });
  const many = Array.from({ length: 5000 }, (_, i) => `/mnt/${"\u0001".repeat(90)}${i}`);
  const longest = encodeStoreIdentity({ ...identity, otherDirectories: many });
  assert.ok(encodeUtf8(longest).length <= identityFileBytesMax);
  assert.equal(decodeStoreIdentity(longest, "x").otherDirectories[0], many[0]);
  for (const foreign of ["", "null", "[]", "{}", '{"format":"minio"}']) {
    assert.throws(() => decodeStoreIdentity(foreign, "x"), { code: "foreign" });
  }
});
