import { assert } from "../../base/assert.ts";
import { type Ready, whenReady } from "../../base/ready.ts";
import type { ExtentId, SessionId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import {
  blockChecksums,
  encodeRecordHeader,
  paddingBytesMin,
  paddingIdentity,
  paddingPayloadBytes,
} from "../../format/record.ts";
import { encodeShardTable, shardGeometry } from "../../format/shard.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import type { Platform } from "../../platform/platform.ts";
import type { StripeEncoder } from "../code/stripe-encoder.ts";
import type { Batch } from "./member-appender.ts";
import { hold, type StagedRecord } from "./staged-record.ts";

/** Records with their headers, as they follow each other in the extent. */
export interface Appended {
  readonly records: readonly StagedRecord[];
  readonly vectors: readonly Uint8Array[];
  readonly offset: number;
  readonly end: number;
}

/** How what is appended to an open extent is spread over its members. */
export interface Distribution {
  /** How many members have an append when it is answered. */
  readonly quorum: number;
  /** How many members it takes to read the extent. */
  readonly needed: number;
  /** Where the extent ends after bytes that begin at an offset were appended to it. */
  endOf(offset: number, bytes: number): number;
  /** What each member appends, in order. */
  batches(appended: Appended): Ready<readonly Batch[]>;
  /** Where a member ends that has all of the extent up to this length. */
  memberEnd(length: number): number;
  /** What each member appends at the end of an extent of this length, if anything. */
  last(length: number): LastBatches | undefined;
}

export interface LastBatches {
  readonly batches: readonly Batch[];
  readonly tableChecksums: readonly number[];
}

/** Each member is a copy. */
export class CopyDistribution implements Distribution {
  readonly quorum: number;
  readonly needed = 1;
  readonly #copies: number;

  constructor(copies: number, quorum: number) {
    this.#copies = copies;
    this.quorum = quorum;
  }

  endOf(offset: number, bytes: number): number {
    return offset + bytes;
  }

  batches(appended: Appended): readonly Batch[] {
    const { records } = appended;
    hold(records, this.#copies);
    const batch: Batch = { ...appended, held: records, quorumMs: undefined };
    return Array.from({ length: this.#copies }, () => batch);
  }

  memberEnd(length: number): number {
    return length;
  }

  last(): undefined {
    return undefined;
  }
}

export interface StripeDistributionOptions {
  readonly platform: Pick<Platform, "hash">;
  readonly encoder: StripeEncoder;
  readonly scheme: ShardScheme;
  readonly quorum: number;
  readonly extent: ExtentId;
  readonly session: SessionId;
}

const zeroBlock = new Uint8Array(blockBytes);

/**
 * Each member is a shard. What is appended at once is filled up with padding to whole stripes, so
 * that a stripe is written once, with its parities. The checksums of all blocks are kept until the
 * extent ends, when each shard gets its block table.
 */
export class StripeDistribution implements Distribution {
  readonly quorum: number;
  readonly #options: StripeDistributionOptions;
  /** Those of each shard: 4 bytes for 64 KiB, 24 KiB for an extent of RS(4,2). */
  readonly #checksums: readonly number[][];
  /** What the gaps of all data shards hold together. */
  readonly #gapBytes: number;

  constructor(options: StripeDistributionOptions) {
    this.#options = options;
    this.quorum = options.quorum;
    this.#checksums = Array.from({ length: options.encoder.code.shards }, () => []);
    this.#gapBytes = (options.scheme.gapBlocks ?? 0) * options.encoder.stripeBytes;
  }

  get needed(): number {
    return this.#options.encoder.code.data;
  }

  endOf(offset: number, bytes: number): number {
    const { stripeBytes } = this.#options.encoder;
    const unpadded = offset + bytes - extentHeaderBytes;
    const end = Math.ceil(unpadded / stripeBytes) * stripeBytes;
    const gap = end - unpadded;
    const isTooSmall = gap > 0 && gap < paddingBytesMin;
    return extentHeaderBytes + (isTooSmall ? end + stripeBytes : end);
  }

  batches({ vectors, offset, end }: Appended): Ready<readonly Batch[]> {
    const { encoder } = this.#options;
    const paddedEnd = this.endOf(offset, end - offset);
    const padding = paddedEnd > end ? this.#padding(end, paddedEnd - end) : [];
    const start = this.memberEnd(offset);
    // holds: C1 batch-ends-within-gap
    assert(paddedEnd - offset <= this.#gapBytes, "a batch is longer than the gap");
    return whenReady(encoder.encode([...vectors, ...padding]), (shards) =>
      shards.map(({ bytes, checksums, free }, shard): Batch => {
        // What was appended without success before counts as gone.
        const known = this.#checksums[shard]!;
        known.length = (start - extentHeaderBytes) / blockBytes;
        known.push(...checksums);
        const held = [{ holders: 1, released: free }];
        const memberEnd = start + bytes.length;
        return { held, vectors: [bytes], offset: start, end: memberEnd, quorumMs: undefined };
      }),
    );
  }

  memberEnd(length: number): number {
    return extentHeaderBytes + shardGeometry(this.#options.scheme, length).shardBytes;
  }

  last(length: number): LastBatches {
    const { platform, scheme } = this.#options;
    const { blocks, tableOffset, fileBytes } = shardGeometry(scheme, length);
    const tables = this.#checksums.map((known) =>
      encodeShardTable(platform.hash, known.slice(0, blocks)),
    );
    const batches = tables.map(({ bytes }): Batch => {
      const place = { offset: tableOffset, end: fileBytes };
      return { held: [], vectors: [bytes], ...place, quorumMs: undefined };
    });
    return { batches, tableChecksums: tables.map(({ checksum }) => checksum) };
  }

  #padding(offset: number, bytes: number): Uint8Array[] {
    const { platform, extent, session } = this.#options;
    const payloadBytes = paddingPayloadBytes(bytes);
    const payload: Uint8Array[] = [];
    for (let left = payloadBytes; left > 0; left -= blockBytes) {
      payload.push(zeroBlock.subarray(0, left));
    }
    const place = { extent, offset, session };
    const header = encodeRecordHeader(platform.hash, paddingIdentity, place, {
      bytes: payloadBytes,
      blockChecksums: payload.flatMap((block) => blockChecksums(platform.hash, block)),
    });
    const rest = bytes - header.bytes.length - payloadBytes;
    return [header.bytes, ...payload, zeroBlock.subarray(0, rest)];
  }
}
