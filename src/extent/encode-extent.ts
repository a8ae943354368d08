import { assert, AssertionError, must } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import type { Code, ShardPlan } from "../erasure/code.ts";
import type { MemberFile, ShardScheme } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { type ShardGeometry, shardGeometry } from "../format/shard.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { ExtentMember } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";
import type { ExtentSource } from "./extent-view.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { expectedHeaderOfFile } from "./member/member-header.ts";
import { type ContentSpan, UnprovenBytes, verifiedContent } from "./verified-content.ts";
import { readShardBlocks, readShardTable, ShardWriter } from "./code/shard-file.ts";

/*
 * Writes the shards of an extent, from what the members give of it.
 *
 * First the shards of data, one after the other: each record is verified as it is read, and the
 * checksums of the blocks are made from what was verified, in memory. Then these shards are read
 * back, all at the same place, each block is compared with its checksum, and the parities are made
 * from what was read: so no byte gets into a parity that is not on a disk as it should be. Then the
 * parities are read back, and all block tables. Last, blocks of data are made from the parities, to
 * see that these are what a repair will need.
 *
 * What is written is large, and passes by the page cache, so what is read back comes from the disk.
 */

/**
 * @limit Bytes of each shard in memory at a time: 24 MiB in all for the widest scheme of ours,
 * RS(20,4). From 1 MiB on writes pass by the page cache.
 */
export const columnBytesMax = 1024 * 1024;

export interface EncodeOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  /** A sealed extent. */
  readonly entry: ExtentEntry;
  /** Ways to read it, the preferred one first (extent-view.ts). */
  readonly sources: readonly ExtentSource[];
  readonly code: Code;
  readonly scheme: ShardScheme;
  /** The files to make, in the order of the shards; the row states them as coming. */
  readonly files: readonly MemberFile[];
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that were read and written since the last look. */
export type BytesMoved = number;

/**
 * Makes the files of all shards, durable and read back; returns the checksums of their block
 * tables.
 * Between two yields it moves a bounded number of bytes. StoreError `corrupt` where no source has some
 * record whole, or a shard is not as it was written; DiskError and so on where a disk fails. Then
 * any of the files may be there, whole or not.
 */
export async function* encodeExtent(
  options: EncodeOptions,
): AsyncGenerator<BytesMoved, readonly number[], undefined> {
  const making = new ShardsInMaking(options);
  try {
    yield* making.writeData();
    yield* making.writeParities();
    yield* making.verify();
    return making.tableChecksums;
  } finally {
    await making.close();
  }
}

interface Shard {
  readonly member: ExtentMember;
  readonly writer: ShardWriter;
}

class ShardsInMaking {
  readonly tableChecksums: number[] = [];
  readonly #options: EncodeOptions;
  readonly #geometry: ShardGeometry;
  readonly #columnBytes: number;
  readonly #shards: Shard[] = [];
  readonly #buffers: Uint8Array[] = [];

  constructor(options: EncodeOptions) {
    const { scheme, files, entry } = options;
    assert(files.length === scheme.data + scheme.parity, "a file for each shard");
    this.#options = options;
    this.#geometry = shardGeometry(scheme, entry.row.length);
    this.#columnBytes = Math.min(columnBytesMax, this.#geometry.shardBytes);
  }

  async *writeData(): AsyncGenerator<BytesMoved, void, undefined> {
    const { platform, sources, entry, scheme, signal } = this.#options;
    const [from, to] = [extentHeaderBytes, entry.row.length];
    const spans = verifiedContent({ platform, sources, extent: entry.id, from, to, signal });
    const buffer = this.#buffer(0);
    const content = new ContentFiller(entry.id, spans);
    try {
      for (let shard = 0; shard < scheme.data; shard++) {
        const { writer } = await this.#create(shard);
        for (const bytes of this.#columns()) {
          const column = buffer.subarray(0, bytes);
          await content.fill(column);
          await writer.append(column);
          yield 2 * bytes;
        }
        this.tableChecksums.push(await writer.finish());
      }
    } finally {
      await content.close();
    }
  }

  async *writeParities(): AsyncGenerator<BytesMoved, void, undefined> {
    const { platform, code, scheme } = this.#options;
    const shards = scheme.data + scheme.parity;
    for (let shard = scheme.data; shard < shards; shard++) await this.#create(shard);
    let start = 0;
    for (const bytes of this.#columns()) {
      await this.#readBack(0, scheme.data, start, bytes);
      const [inputs, outputs] = [
        this.#slices(0, scheme.data, bytes),
        this.#slices(scheme.data, shards, bytes),
      ];
      await platform.combiner.combineOffThread(outputs, inputs, code.encoding.coefficients);
      await Promise.all(
        outputs.map((output, i) => this.#shard(scheme.data + i).writer.append(output)),
      );
      start += bytes;
      yield bytes * shards;
    }
    for (let shard = scheme.data; shard < shards; shard++) {
      this.tableChecksums.push(await this.#shard(shard).writer.finish());
    }
  }

  async *verify(): AsyncGenerator<BytesMoved, void, undefined> {
    const { platform, scheme } = this.#options;
    const shards = scheme.data + scheme.parity;
    let start = 0;
    for (const bytes of this.#columns()) {
      await this.#readBack(scheme.data, shards, start, bytes);
      start += bytes;
      yield bytes * scheme.parity;
    }
    for (const [shard, checksum] of this.tableChecksums.entries()) {
      await readShardTable(platform.hash, this.#shard(shard).member, this.#geometry, checksum);
    }
    await this.#decodeSample();
  }

  async close(): Promise<void> {
    for (const buffer of this.#buffers) this.#options.platform.memory.free(buffer);
    await Promise.all(this.#shards.map(({ member }) => member.close()));
  }

  /** Makes as many blocks of data as can be lost from the others. */
  async #decodeSample(): Promise<void> {
    const { platform, code, scheme } = this.#options;
    const { shardBytes, blocks } = this.#geometry;
    const [drawn = 0, first = 0] = platform.random.bytes(2);
    const block = drawn % blocks;
    const start = block * blockBytes;
    const bytes = Math.min(blockBytes, shardBytes - start);
    const { wanted, reads, coefficients } = decodedFrom(code, first % scheme.data);
    for (const shard of reads) await this.#readBack(shard, shard + 1, start, bytes);
    const inputs = reads.map((shard) => this.#buffer(shard).subarray(0, bytes));
    const outputs = wanted.map((shard) => this.#buffer(shard).subarray(0, bytes));
    await platform.combiner.combineOffThread(outputs, inputs, coefficients);
    for (const [i, shard] of wanted.entries()) {
      const checksum = platform.hash.blockChecksum(must(outputs[i], "an output each"));
      if (checksum === this.#shard(shard).writer.checksums[block]) continue;
      const what = `extent ${this.#options.entry.id}, block ${block} of shard ${shard}`;
      throw new StoreError("corrupt", `${what}: the parities do not give it`);
    }
  }

  async #create(shard: number): Promise<Shard> {
    const { platform, disks, entry, files } = this.#options;
    const file = must(files[shard], "a file for each shard");
    const header = { ...expectedHeaderOfFile(disks.store, entry, file), sequence: 0 };
    const place = findDisk(disks, file.disk);
    await place.members.assertPresent();
    const member = await onDisk(place.members.create(header));
    const writer = new ShardWriter(platform.hash, member, header.epoch, this.#geometry);
    const made = { member, writer };
    this.#shards[shard] = made;
    return made;
  }

  /** Reads the same place of some shards into their buffers. */
  async #readBack(first: number, end: number, start: number, bytes: number): Promise<void> {
    const { hash } = this.#options.platform;
    const reads = [];
    for (let shard = first; shard < end; shard++) {
      const { member, writer } = this.#shard(shard);
      const buffer = this.#buffer(shard).subarray(0, bytes);
      reads.push(readShardBlocks(hash, member, writer.checksums, buffer, start));
    }
    const done = await Promise.allSettled(reads);
    for (const one of done) if (one.status === "rejected") throw one.reason;
  }

  *#columns(): Generator<number, void, undefined> {
    const { shardBytes } = this.#geometry;
    for (let at = 0; at < shardBytes; at += this.#columnBytes) {
      yield Math.min(this.#columnBytes, shardBytes - at);
    }
  }

  #slices(first: number, end: number, bytes: number): Uint8Array[] {
    const slices = [];
    for (let shard = first; shard < end; shard++) {
      slices.push(this.#buffer(shard).subarray(0, bytes));
    }
    return slices;
  }

  #shard(shard: number): Shard {
    return must(this.#shards[shard], `shard ${shard} was not made yet`);
  }

  #buffer(shard: number): Uint8Array {
    return (this.#buffers[shard] ??= this.#options.platform.memory.allocate(this.#columnBytes));
  }
}

/** How as many data shards as can be lost, this one and those behind it, are made from the others. */
function decodedFrom(code: Code, first: number): ShardPlan {
  const all = Array.from({ length: code.shards }, (_, shard) => shard);
  // Some codes have losses of so many shards that they cannot decode.
  for (let count = Math.min(code.data, code.shards - code.data); count > 0; count--) {
    const lost = Array.from({ length: count }, (_, i) => (first + i) % code.data);
    const left = all.filter((shard) => !lost.includes(shard));
    const plan = code.repairPlan(lost, left);
    if (plan !== undefined) return plan;
  }
  throw new AssertionError("one lost shard can be made again");
}

/** Fills buffers with the spans of an extent, and with zeros behind its end. */
class ContentFiller {
  readonly #extent: ExtentId;
  readonly #spans: AsyncGenerator<ContentSpan, void, undefined>;
  #span: Uint8Array = new Uint8Array(0);
  #isAtEnd = false;

  constructor(extent: ExtentId, spans: AsyncGenerator<ContentSpan, void, undefined>) {
    this.#extent = extent;
    this.#spans = spans;
  }

  async fill(buffer: Uint8Array): Promise<void> {
    for (let at = 0; at < buffer.length;) {
      if (this.#span.length === 0) await this.#next();
      if (this.#isAtEnd) {
        buffer.fill(0, at);
        return;
      }
      const bytes = this.#span.subarray(0, buffer.length - at);
      buffer.set(bytes, at);
      this.#span = this.#span.subarray(bytes.length);
      at += bytes.length;
    }
  }

  async close(): Promise<void> {
    await this.#spans.return();
  }

  async #next(): Promise<void> {
    const { value } = await this.#spans.next();
    this.#isAtEnd = value === undefined;
    if (value === undefined) return;
    // holds: C5 encoded-from-verified
    if (!value.isVerified) throw new UnprovenBytes(this.#extent, value.start);
    this.#span = value.bytes;
  }
}
