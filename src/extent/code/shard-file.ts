import { assert } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import type { ShardGeometry } from "../../format/shard.ts";
import { decodeShardTable, encodeShardTable, shardTableBytes } from "../../format/shard.ts";
import type { Hash } from "../../platform/hash.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import type { ExtentMember, ReadableMember } from "../extent-member.ts";

/** Writes the file of one shard behind its header, from front to back. */
export class ShardWriter {
  readonly #hash: Hash;
  readonly #member: Pick<ExtentMember, "append">;
  readonly #epoch: number;
  readonly #geometry: ShardGeometry;
  readonly #checksums: number[] = [];
  #bytes = 0;

  constructor(
    hash: Hash,
    member: Pick<ExtentMember, "append">,
    epoch: number,
    geometry: ShardGeometry,
  ) {
    this.#hash = hash;
    this.#member = member;
    this.#epoch = epoch;
    this.#geometry = geometry;
  }

  /** Checksums of the blocks written so far. */
  get checksums(): readonly number[] {
    return this.#checksums;
  }

  /** Durable once this resolves. Whole blocks, but for the last bytes of the shard. */
  async append(bytes: Uint8Array): Promise<void> {
    const { shardBytes } = this.#geometry;
    const end = this.#bytes + bytes.length;
    assert(bytes.length % blockBytes === 0 || end === shardBytes, "a part of a block of a shard");
    assert(end <= shardBytes, "more than a shard holds");
    for (let at = 0; at < bytes.length; at += blockBytes) {
      this.#checksums.push(this.#hash.blockChecksum(bytes.subarray(at, at + blockBytes)));
    }
    await this.#member.append(this.#epoch, extentHeaderBytes + this.#bytes, [bytes]);
    this.#bytes = end;
  }

  /** Writes the block table, durably; returns its checksum. */
  async finish(): Promise<number> {
    assert(this.#bytes === this.#geometry.shardBytes, "a shard ends before its last block");
    const { bytes, checksum } = encodeShardTable(this.#hash, this.#checksums);
    await this.#member.append(this.#epoch, this.#geometry.tableOffset, [bytes]);
    return checksum;
  }
}

/** Reads the block table of a shard; StoreError `corrupt` where it is not the one that is meant. */
export async function readShardTable(
  hash: Hash,
  member: Pick<ReadableMember, "read">,
  { blocks, tableOffset }: ShardGeometry,
  checksum: number,
): Promise<number[]> {
  const bytes = new Uint8Array(shardTableBytes(blocks));
  const read = await onDisk(member.read(bytes, tableOffset));
  return decodeShardTable(hash, bytes.subarray(0, read), { blocks, checksum });
}

/**
 * Fills the buffer with the content of a shard from `start`, where a block begins, and verifies each
 * block. StoreError `corrupt` names the first that is not as its checksum says.
 */
export async function readShardBlocks(
  hash: Hash,
  member: Pick<ReadableMember, "read">,
  checksums: readonly number[],
  buffer: Uint8Array,
  start: number,
): Promise<void> {
  assert(start % blockBytes === 0, "not the beginning of a block");
  const read = await onDisk(member.read(buffer, extentHeaderBytes + start));
  for (let at = 0; at < buffer.length; at += blockBytes) {
    const block = (start + at) / blockBytes;
    const end = Math.min(buffer.length, at + blockBytes);
    const isGood = end <= read && hash.blockChecksum(buffer.subarray(at, end)) === checksums[block];
    // holds: C5 shard-read-back
    if (!isGood) throw new StoreError("corrupt", `block ${block} of a shard: checksum mismatch`);
  }
}
