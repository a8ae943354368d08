import { assert } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { blockBytes } from "../../format/limits.ts";
import type { RecordHeader, RecordIdentity } from "../../format/record.ts";
import {
  decodeRecordHeader,
  isSameIdentity,
  recordHeaderBytes,
  verifyBlocks,
} from "../../format/record.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ReadableMember } from "../extent-member.ts";

/**
 * @limit Header and blocks are fetched with one read where no more than this would be read in vain.
 */
const gapBytesMax = 128 * 1024;

/** The payload bytes that are wanted, and of which record. */
export interface WantedBytes {
  readonly ref: ChunkRef;
  readonly identity: RecordIdentity;
  readonly start: number;
  readonly end: number;
  /** Where to put them, and whatever is read around them. Undefined or too small: new memory. */
  readonly buffer?: Uint8Array | undefined;
  /** The record's header, where it was verified before. */
  readonly header?: RecordHeader | undefined;
}

/** The bytes to fetch for them, from the record's start. */
export interface ReadPlan {
  readonly headerBytes: number;
  readonly firstBlock: number;
  /** Whole blocks around the wanted bytes. */
  readonly blocksStart: number;
  readonly blocksEnd: number;
  /** Header and blocks are fetched together, with what lies between them. */
  readonly isOneRead: boolean;
  /** The memory that the read takes. */
  readonly bytes: number;
}

export function planRead({ ref, identity, start, end, buffer, header }: WantedBytes): ReadPlan {
  assert(0 <= start && start <= end && end <= ref.length, "range outside of the chunk");
  const headerBytes = recordHeaderBytes(identity.key.length, ref.length);
  const firstBlock = Math.floor(start / blockBytes);
  const blocksStart = headerBytes + firstBlock * blockBytes;
  const lastBlockEnd = Math.min(Math.ceil(end / blockBytes) * blockBytes, ref.length);
  const blocksEnd = start === end ? blocksStart : headerBytes + lastBlockEnd;
  const fits = buffer === undefined || blocksEnd <= buffer.length;
  const isOneRead = header === undefined && blocksStart - headerBytes <= gapBytesMax && fits;
  const blocks = blocksEnd - blocksStart;
  const bytes = isOneRead ? blocksEnd : blocks + (header === undefined ? headerBytes : 0);
  return { headerBytes, firstBlock, blocksStart, blocksEnd, isOneRead, bytes };
}

/** The wanted bytes, verified, and the header of their record. */
export interface VerifiedRecord {
  readonly header: RecordHeader;
  readonly bytes: Uint8Array;
}

/**
 * Reads and verifies (C4): the header against reference and identity, then each block that has
 * wanted bytes. StoreError `corrupt`, and what the file throws. Once it has ended, nothing more is
 * put into the buffer.
 */
export async function readRecord(
  hash: Hash,
  file: Pick<ReadableMember, "read">,
  wanted: WantedBytes,
  plan: ReadPlan,
): Promise<VerifiedRecord> {
  const { ref, identity, start, end, buffer } = wanted;
  const { headerBytes, blocksStart, blocksEnd } = plan;
  let { header } = wanted;
  let blocks: Uint8Array;
  if (plan.isOneRead) {
    const record = await readExactly(file, ref, 0, blocksEnd, buffer);
    header = decodeRecordHeader(hash, record.subarray(0, headerBytes));
    blocks = record.subarray(blocksStart);
  } else if (header === undefined) {
    const headerRead = readExactly(file, ref, 0, headerBytes);
    const blocksRead = readExactly(file, ref, blocksStart, blocksEnd, buffer);
    // Both, whatever becomes of the other: it may be reading into the buffer.
    await Promise.allSettled([headerRead, blocksRead]);
    const [headerPart, blocksPart] = await Promise.all([headerRead, blocksRead]);
    header = decodeRecordHeader(hash, headerPart);
    blocks = blocksPart;
  } else {
    blocks = await readExactly(file, ref, blocksStart, blocksEnd, buffer);
  }
  assertMeant(header, ref, identity);
  // holds: C4 blocks-verified
  verifyBlocks(hash, header, plan.firstBlock, blocks);
  const skipped = start - plan.firstBlock * blockBytes;
  return { header, bytes: blocks.subarray(skipped, skipped + end - start) };
}

/** Bytes start <= i < end of the record. */
async function readExactly(
  file: Pick<ReadableMember, "read">,
  ref: ChunkRef,
  start: number,
  end: number,
  buffer?: Uint8Array,
): Promise<Uint8Array> {
  const wanted = end - start;
  const fits = buffer !== undefined && wanted <= buffer.length;
  const bytes = fits ? buffer.subarray(0, wanted) : new Uint8Array(wanted);
  const length = await file.read(bytes, ref.offset + start);
  if (length < wanted) throw new EndsTooEarly(referenceText(ref));
  return bytes;
}

/** The file ends within the record. */
export class EndsTooEarly extends StoreError {
  /** @param what the record or shard that it ends within. */
  constructor(what: string) {
    super("corrupt", `${what}: the file ends within it`);
  }
}

/** A valid record may still be the wrong one: misplaced by the disk, or a stale reference. */
function assertMeant(header: RecordHeader, ref: ChunkRef, identity: RecordIdentity): void {
  const isMeant =
    header.checksum === ref.checksum &&
    header.extent === ref.extent &&
    header.offset === ref.offset &&
    header.payloadBytes === ref.length &&
    isSameIdentity(header, identity);
  if (isMeant) return;
  throw new StoreError("corrupt", `${referenceText(ref)}: not the record that the reference means`);
}

/** A record as messages name it. */
export function referenceText({ extent, offset }: ChunkRef): string {
  return `extent ${extent}, record at ${offset}`;
}
