import { must } from "../../base/assert.ts";
import { equalBytes } from "../../base/bytes.ts";
import { isStoreError, StoreError } from "../../base/errors.ts";
import type { Code } from "../../erasure/code.ts";
import { codeOf } from "../../erasure/codes.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import { encodeShardTable, type ShardGeometry, shardGeometry } from "../../format/shard.ts";
import { batchBytesMax } from "../append/append-lane.ts";
import { quorumOfScheme } from "../append/open-new-extent.ts";
import { StripeEncoder } from "../code/stripe-encoder.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import type { ExtentMember } from "../extent-member.ts";
import { isRemoved } from "../mounted-disks.ts";
import {
  failureAmong,
  type Reached,
  type ReachedMember,
  reachMember,
  reportDamage,
  type ShardSealingOptions,
  stateOfReached,
} from "./reach-member.ts";
import { RecordsOfShards } from "./records-of-shards.ts";

/*
 * What was acknowledged is whole on a quorum of the shards; the others may end before it, or hold a
 * write that was torn. No block table exists yet, so nobody can say of a shard which it is: only
 * the records prove it, which are read around one shard after the other until they are valid
 * (records-of-shards.ts). Their bytes are then dealt to all shards again, and what a shard has
 * otherwise, or has not, is written to it.
 *
 * A writer that was only paused may write once more after that, as may a process that began to seal
 * the extent before: the member says afterwards that it is too late, but cannot prevent it, since
 * the write may be with the kernel already. It does no harm. Where the extent has records, it
 * writes what is there: a batch is whole stripes, all of whose records prove themselves, or it is
 * cut. What it writes behind the records ends within the gap before the tables.
 */

/** @limit Stripes in memory at a time: with 20 data shards 10 MiB, and 12 MiB of shards. */
const stripesAtOnceMax = 8;

/** What `sealMembers` does, for an extent that is coded while it is written. */
export async function sealShards(
  options: ShardSealingOptions,
): Promise<Pick<ExtentRow, "length" | "epoch" | "members">> {
  const { entry, epoch, scheme, disks } = options;
  const { members } = entry.row;
  const look = (member: ExtentMember) => onDisk(member.size());
  const reached = await Promise.all(members.map((_, index) => reachMember(options, index, look)));
  const sealed = new Map<number, ReachedMember<number>>();
  for (const [index, one] of reached.entries()) if ("member" in one) sealed.set(index, one);
  try {
    const code = codeOf(scheme);
    const records = await findRecords(options, code, reached, sealed);
    // holds: C1 shards-sealed-behind-last-record
    const last = records?.stretches.at(-1)?.end ?? extentHeaderBytes;
    const length = sealed.size === 0 ? 0 : last;
    reportDamage(options, length, records?.stretches ?? []);
    const isEmpty = length <= extentHeaderBytes;
    const making = new ShardsInSealing(options, code, sealed, length);
    if (records !== undefined && !isEmpty) await making.complete(records);
    // holds: C1 shards-sealed-on-a-quorum
    if (
      making.failure !== undefined &&
      making.whole.size < Math.min(quorumOfScheme(scheme), sealed.size)
    ) {
      throw making.failure;
    }
    const after = members.map((one, index) => {
      if (isEmpty && !isRemoved(disks, one.disk)) return one;
      const state = stateOfReached(must(reached[index], "each member was tried"), making.whole);
      return { ...one, state, tableChecksum: making.tableChecksums[index] ?? 0 };
    });
    return { length, epoch, members: after };
  } finally {
    await Promise.all([...sealed.values()].map(({ member }) => onDisk(member.close())));
  }
}

/**
 * True if there are records, and enough shards to find all of them that were acknowledged: each is
 * on a quorum, and must be on as many of those reached as it takes to read it.
 */
function assertDecidable(
  { data, parity }: Code,
  failure: StoreError | undefined,
  sealed: ReadonlyMap<number, ReachedMember<number>>,
): boolean {
  // holds: C1 seal-reads-every-quorum
  if (failure !== undefined && sealed.size < data + Math.floor(parity / 2)) throw failure;
  const hasContent = [...sealed.values()].some(({ found }) => found > extentHeaderBytes);
  if (hasContent && sealed.size < data) {
    const message = `${sealed.size} of its shards are left, and it takes ${data} to read it`;
    throw new StoreError("missing", `an open extent: ${message}`);
  }
  return hasContent;
}

/**
 * The records of the shards that were reached; undefined where there are none. A shard that cannot
 * be read counts as one that was not reached.
 */
async function findRecords(
  options: ShardSealingOptions,
  code: Code,
  reached: Reached<number>[],
  sealed: Map<number, ReachedMember<number>>,
): Promise<RecordsOfShards | undefined> {
  while (assertDecidable(code, failureAmong(reached), sealed)) {
    const records = new RecordsOfShards({ ...options, code, sealed });
    await records.find();
    // holds: C1 unreadable-shard-is-not-short
    if (records.unreadable.size === 0) {
      // holds: C1 torn-tail-is-cut
      await records.cutTornTail(quorumOfScheme(options.scheme));
      return records;
    }
    for (const [shard, failure] of records.unreadable) {
      reached[shard] = { failure };
      await onDisk(must(sealed.get(shard), "a shard that was reached").member.close());
      sealed.delete(shard);
    }
  }
  return undefined;
}

/** Brings all shards that were reached to what the records say, and gives them their tables. */
class ShardsInSealing {
  readonly tableChecksums: number[] = [];
  readonly whole: Set<ReachedMember<number>>;
  /** Why a shard could not be written. */
  failure: StoreError | undefined;
  readonly #options: ShardSealingOptions;
  readonly #encoder: StripeEncoder;
  readonly #sealed: ReadonlyMap<number, ReachedMember<number>>;
  readonly #geometry: ShardGeometry;
  readonly #length: number;
  readonly #checksums: readonly number[][];

  constructor(
    options: ShardSealingOptions,
    code: Code,
    sealed: ReadonlyMap<number, ReachedMember<number>>,
    length: number,
  ) {
    this.#options = options;
    this.#encoder = new StripeEncoder(options.platform, code);
    this.#sealed = sealed;
    this.#length = length;
    this.#geometry = shardGeometry(options.scheme, length);
    this.#checksums = Array.from({ length: code.shards }, () => []);
    this.whole = new Set(sealed.values());
  }

  async complete(records: RecordsOfShards): Promise<void> {
    const { blocks, tableOffset } = this.#geometry;
    for (let stripe = 0; stripe < blocks; stripe += stripesAtOnceMax) {
      await this.#completeStripes(records, stripe, Math.min(stripesAtOnceMax, blocks - stripe));
    }
    const { platform } = this.#options;
    for (const [shard, checksums] of this.#checksums.entries()) {
      const { bytes, checksum } = encodeShardTable(platform.hash, checksums);
      this.tableChecksums.push(checksum);
      await this.#onShard(shard, (member) => this.#write(member, tableOffset, bytes));
    }
  }

  async #completeStripes(records: RecordsOfShards, stripe: number, count: number): Promise<void> {
    const { stripeBytes } = this.#encoder;
    const start = stripe * stripeBytes;
    const content = new Uint8Array(count * stripeBytes);
    // Zeros stand behind the last record, whatever a torn write left there.
    const bytes = Math.min(content.length, this.#length - extentHeaderBytes - start);
    await records.read(content.subarray(0, bytes), extentHeaderBytes + start);
    const shards = await this.#encoder.encode([content]);
    // What was synced without success looks as if it were durable, until a power cut; to be in such
    // a state is the last append at the most. Written again it is durable once synced.
    const isTail = start + content.length > this.#length - extentHeaderBytes - batchBytesMax;
    const writes = shards.map(async ({ bytes, checksums, free }, shard) => {
      this.#checksums[shard]!.push(...checksums);
      await this.#onShard(shard, async (member) => {
        const offset = extentHeaderBytes + stripe * blockBytes;
        const found = new Uint8Array(bytes.length);
        const isThere = (await member.read(found, offset)) === bytes.length;
        if (isTail || !isThere || !equalBytes(found, bytes)) {
          await this.#write(member, offset, bytes);
        }
      });
      free();
    });
    await Promise.all(writes);
  }

  #write(member: ExtentMember, offset: number, bytes: Uint8Array): Promise<void> {
    return member.append(this.#options.epoch, offset, [bytes]);
  }

  /** Does something with a shard that was reached; one that fails is left behind. */
  async #onShard(shard: number, work: (member: ExtentMember) => Promise<void>): Promise<void> {
    const one = this.#sealed.get(shard);
    if (one === undefined || !this.whole.has(one)) return;
    try {
      await onDisk(work(one.member));
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.failure ??= error;
      this.whole.delete(one);
    }
  }
}
