import { assert, must } from "../../base/assert.ts";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import type { Code } from "../../erasure/code.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import {
  decodeShardTable,
  type ShardGeometry,
  type ShardRange,
  shardGeometry,
  shardRanges,
  shardTableBytes,
} from "../../format/shard.ts";
import type { Platform } from "../../platform/platform.ts";
import { readFailure, UnreadableBytes } from "../disk/unreadable-bytes.ts";
import type { ReadableMember } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { membersToRead } from "./members-to-read.ts";
import { EndsTooEarly } from "./record-read.ts";

/*
 * Reads the content of a coded extent by the extent's own offsets. Bytes come from the data shards
 * that hold them, and only those bytes are read. Where a data shard gives a wrong answer or none,
 * the blocks around the bytes are decoded from the same blocks of other shards, each verified
 * against its shard's block table first: a wrong byte among those that are combined would spoil all
 * that comes of it, and nobody could say whose it was. The table is the one that the extent's row
 * means, so a shard of an older writing is not combined with newer ones.
 *
 * While an extent is open its shards have no tables, and some may be behind the others: only the
 * records prove what is read then.
 */

/**
 * @limit Blocks of each shard that are decoded at a time: 20 shards (the most that a scheme of ours
 * reads) then hold 10 MiB.
 */
const blocksAtOnceMax = 8;
/** @limit The same in bytes of one shard. */
export const stretchBytesMax = blocksAtOnceMax * blockBytes;

/**
 * @limit So many stretches of a shard may be wrong, or cannot be read, before the rest is not asked
 * for either: a bad sector can take its disk seconds.
 */
const faultsMax = 32;

/** @limit Bytes decoded at once, without another thread: with 20 shards some 0.5 ms. */
const bytesAtOnceMax = 2 * blockBytes;

/**
 * The length of an extent that is open, as long as nobody knows it: more than it can ever have.
 * Where its bytes lie does not depend on it (format/shard.ts).
 */
const openLength = 2 ** 40;

/** What was wrong with a member that was asked. */
export interface MemberFault {
  readonly member: number;
  readonly error: StoreError;
}

export interface ShardsOptions {
  readonly platform: Pick<Platform, "hash" | "combiner">;
  readonly code: Code;
  readonly entry: ExtentEntry & { readonly row: { readonly scheme: ShardScheme } };
  /** The member's file; fails as opening it does. */
  readonly open: (member: number) => Promise<ReadableMember>;
}

/** A block of a shard is not as the shard's table says; others may be. */
class WrongBlock extends StoreError {
  constructor(what: string) {
    super("corrupt", `${what}: not as it was written`);
  }
}

/** The shards of one layout of an extent, with their block tables. */
export class Shards {
  readonly extent: ExtentId;
  readonly length: number;
  readonly geometry: ShardGeometry;
  readonly code: Code;
  readonly platform: ShardsOptions["platform"];
  readonly #options: ShardsOptions;
  /** The tables that were read and verified: 4 bytes for each 64 KiB of a shard in use. */
  readonly #tables = new Map<number, Uint32Array>();

  constructor(options: ShardsOptions) {
    const { id, row } = options.entry;
    this.#options = options;
    this.extent = id;
    this.code = options.code;
    this.platform = options.platform;
    this.length = this.isOpen && row.length === 0 ? openLength : row.length;
    this.geometry = shardGeometry(row.scheme, this.length);
  }

  get isOpen(): boolean {
    return this.#options.entry.row.state === "open";
  }

  /** Whole ones first: the noted states may be out of date, and all that is read is verified. */
  get order(): number[] {
    return membersToRead(this.#options.entry.row);
  }

  isNotedWhole(member: number): boolean {
    return this.#options.entry.row.members[member]?.state === "whole";
  }

  /** Fills the buffer from the place in the shard's content. StoreError. */
  async read(member: number, buffer: Uint8Array, start: number): Promise<void> {
    const offset = extentHeaderBytes + start;
    try {
      const file = await this.#options.open(member);
      const length = await file.read(buffer, offset);
      if (length < buffer.length) throw new EndsTooEarly(this.#what(member));
    } catch (thrown) {
      throw readFailure(thrown, { offset, bytes: buffer.length });
    }
  }

  /** Bytes of whole blocks from `start`, verified where there is a table; in new memory. StoreError. */
  async readBlocks(member: number, start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    if (this.isOpen) {
      await this.read(member, bytes, start);
      return bytes;
    }
    const [table] = await Promise.all([this.#table(member), this.read(member, bytes, start)]);
    const { hash } = this.platform;
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = (start + at) / blockBytes;
      const checksum = hash.blockChecksum(bytes.subarray(at, at + blockBytes));
      // holds: C4 shard-blocks-verified
      if (checksum !== table[block]) throw new WrongBlock(`${this.#what(member)}, block ${block}`);
    }
    return bytes;
  }

  /** All of a shard's content in its order, verified, a stretch of blocks at a time. StoreError. */
  async *blocksOf(member: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { shardBytes } = this.geometry;
    for (let start = 0; start < shardBytes; start += stretchBytesMax) {
      const end = Math.min(shardBytes, start + stretchBytesMax);
      yield await this.readBlocks(member, start, end);
    }
  }

  async #table(member: number): Promise<Uint32Array> {
    const known = this.#tables.get(member);
    if (known !== undefined) return known;
    const { blocks, tableOffset } = this.geometry;
    const bytes = new Uint8Array(shardTableBytes(blocks));
    await this.read(member, bytes, tableOffset - extentHeaderBytes);
    const { tableChecksum } = must(this.#options.entry.row.members[member], "no such member");
    // holds: C4 shard-table-is-the-meant-one
    const expected = { blocks, checksum: tableChecksum };
    try {
      const table = Uint32Array.from(decodeShardTable(this.platform.hash, bytes, expected));
      this.#tables.set(member, table);
      return table;
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      throw this.#corrupt(member, messageOf(thrown));
    }
  }

  #corrupt(member: number, why: string): StoreError {
    return new StoreError("corrupt", `${this.#what(member)}: ${why}`);
  }

  #what(member: number): string {
    return `extent ${this.extent}, shard ${member}`;
  }
}

export interface ShardReaderOptions {
  /**
   * True: what data shards give is verified against their tables as well. Otherwise the bytes of a
   * data shard are as its disk gave them: records prove themselves, and need less read for it.
   */
  readonly isVerifying: boolean;
  /** Members that are not to be asked. */
  readonly avoided?: ReadonlySet<number> | undefined;
  /** Members that are asked only if there are too few others. */
  readonly isLast?: ((member: number) => boolean) | undefined;
  /** Does the work that asks a member, which may have to wait. Default: at once. */
  readonly ask?: (<T>(member: number, work: () => Promise<T>) => Promise<T>) | undefined;
  /** Called with each member that gave no answer, or a wrong one. */
  readonly onFault?: ((fault: MemberFault) => void) | undefined;
}

/** What a member gave no right answer for; undefined: for anything. */
interface ShardFault {
  readonly error: StoreError;
  readonly where: { readonly start: number; readonly end: number } | undefined;
}

/**
 * One way to read a coded extent. A member that failed is not asked again: where only some of its
 * bytes are wrong or cannot be read, not for those.
 */
export class ShardReader implements Pick<ReadableMember, "read" | "size"> {
  readonly #shards: Shards;
  readonly #options: ShardReaderOptions;
  readonly #faults = new Map<number, ShardFault[]>();
  readonly #asked = new Map<number, number>();
  #hasDecoded = false;

  constructor(shards: Shards, options: ShardReaderOptions) {
    this.#shards = shards;
    this.#options = options;
  }

  /** The members that were asked and have not answered. */
  get asked(): Iterable<number> {
    return this.#asked.keys();
  }

  get hasDecoded(): boolean {
    return this.#hasDecoded;
  }

  /**
   * As a member's: fewer bytes at the extent's end. StoreError as of the shards that are left out,
   * where too few are left; the buffer may then hold anything.
   */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const end = Math.min(offset + buffer.length, this.#shards.length);
    if (end <= offset) return 0;
    const spans = spansOf(shardRanges(this.#shards.geometry, offset, end));
    const reads = spans.map((span) => this.#readSpan(span, buffer));
    // All, whatever becomes of the others: a late answer would write into what was handed on.
    const failed = (await Promise.allSettled(reads)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    return end - offset;
  }

  size(): Promise<number> {
    return Promise.resolve(this.#shards.length);
  }

  /**
   * Whole blocks of any shard, verified: its own where it is noted as whole, and otherwise made of
   * those of the fewest others. StoreError as of `read`.
   */
  async readShard(member: number, start: number, end: number): Promise<Uint8Array> {
    if (this.#isUsable(member, start, end) && this.#shards.isNotedWhole(member)) {
      try {
        return await this.#readBlocks(member, start, end);
      } catch (thrown) {
        this.#note(member, thrown, start, end);
      }
    }
    return this.#decode(member, start, end);
  }

  /** A shard of a striped extent has bytes for several places of the buffer. */
  async #readSpan({ range, places }: ShardSpan, buffer: Uint8Array): Promise<void> {
    const [only, ...more] = places;
    if (only !== undefined && more.length === 0) {
      return this.#readRange(range, buffer.subarray(only.at, only.at + only.bytes));
    }
    const bytes = new Uint8Array(range.end - range.start);
    await this.#readRange(range, bytes);
    let from = 0;
    for (const { at, bytes: length } of places) {
      buffer.set(bytes.subarray(from, from + length), at);
      from += length;
    }
  }

  async #readRange(range: ShardRange, target: Uint8Array): Promise<void> {
    const { member, start, end } = range;
    const isUsable = this.#isUsable(member, start, end);
    // A shard that is noted as bad may be whole again; but asking it first costs each read a wait.
    if (isUsable && this.#shards.isNotedWhole(member) && !this.#isLast(member)) {
      try {
        if (this.#options.isVerifying) {
          await this.#inStretches(range, target, (from, to) => this.#readBlocks(member, from, to));
        } else await this.#ask(member, () => this.#shards.read(member, target, start));
        return;
      } catch (thrown) {
        this.#note(member, thrown, start, end);
      }
    }
    await this.#inStretches(range, target, (from, to) => this.#decode(member, from, to));
  }

  /** Fills the target with stretches of whole blocks, each of which is held in memory alone. */
  async #inStretches(
    { start, end }: ShardRange,
    target: Uint8Array,
    read: (from: number, to: number) => Promise<Uint8Array>,
  ): Promise<void> {
    const { shardBytes } = this.#shards.geometry;
    const first = start - (start % blockBytes);
    for (let from = first; from < end; from += stretchBytesMax) {
      const last = Math.min(end, from + stretchBytesMax);
      const to = Math.min(shardBytes, Math.ceil(last / blockBytes) * blockBytes);
      const bytes = await read(from, to);
      const skipped = Math.max(0, start - from);
      target.set(bytes.subarray(skipped, last - from), from + skipped - start);
    }
  }

  /** Whole blocks of a shard, made of those of others. */
  async #decode(wanted: number, start: number, end: number): Promise<Uint8Array> {
    const { code, order, platform } = this.#shards;
    const found = new Map<number, Uint8Array>();
    for (;;) {
      // Those that were read already come first; the wanted one, where it was not asked, last.
      const others = order.filter(
        (member) => member !== wanted && this.#isUsable(member, start, end),
      );
      const rest = others.filter((member) => !found.has(member));
      const first = rest.filter((member) => !this.#isLast(member));
      const last = rest.filter((member) => this.#isLast(member));
      const readable = [...found.keys(), ...first, ...last];
      const plan = code.repairPlan([wanted], readable);
      if (plan === undefined) return this.#lastResort(wanted, start, end);
      const missing = plan.reads.filter((member) => !found.has(member));
      await Promise.all(
        missing.map(async (member) => {
          try {
            found.set(member, await this.#readBlocks(member, start, end));
          } catch (thrown) {
            this.#note(member, thrown, start, end);
          }
        }),
      );
      if (missing.some((member) => !found.has(member))) continue;
      const inputs = plan.reads.map((member) => must(found.get(member), "a shard was not read"));
      const output = new Uint8Array(end - start);
      this.#hasDecoded = true;
      const { combiner } = platform;
      if (output.length <= bytesAtOnceMax) combiner.combine([output], inputs, plan.coefficients);
      else await combiner.combineOffThread([output], inputs, plan.coefficients);
      return output;
    }
  }

  /** Where the others do not suffice, the shard itself may be better than was noted. */
  async #lastResort(wanted: number, start: number, end: number): Promise<Uint8Array> {
    if (!this.#isUsable(wanted, start, end)) throw this.#failure(wanted);
    try {
      return await this.#readBlocks(wanted, start, end);
    } catch (thrown) {
      this.#note(wanted, thrown, start, end);
      throw this.#failure(wanted);
    }
  }

  #readBlocks(member: number, start: number, end: number): Promise<Uint8Array> {
    return this.#ask(member, () => this.#shards.readBlocks(member, start, end));
  }

  async #ask<T>(member: number, work: () => Promise<T>): Promise<T> {
    this.#asked.set(member, (this.#asked.get(member) ?? 0) + 1);
    try {
      const { ask } = this.#options;
      return await (ask === undefined ? work() : ask(member, work));
    } finally {
      const left = (this.#asked.get(member) ?? 0) - 1;
      if (left > 0) this.#asked.set(member, left);
      else this.#asked.delete(member);
    }
  }

  #isLast(member: number): boolean {
    return this.#options.isLast?.(member) === true;
  }

  #isUsable(member: number, start: number, end: number): boolean {
    if (this.#options.avoided?.has(member) === true) return false;
    const faults = this.#faults.get(member) ?? [];
    const isThere = ({ where }: ShardFault): boolean =>
      where === undefined || (where.start < end && where.end > start);
    return faults.length < faultsMax && !faults.some(isThere);
  }

  #note(member: number, thrown: unknown, start: number, end: number): void {
    if (!isStoreError(thrown)) throw thrown;
    const { shardBytes } = this.#shards.geometry;
    const isOfContent =
      thrown instanceof WrongBlock ||
      (thrown instanceof UnreadableBytes && thrown.where.offset < extentHeaderBytes + shardBytes);
    // holds: C5 bad-block-leaves-the-rest-of-its-shard
    const where = isOfContent ? { start, end } : undefined;
    const fault = { error: thrown, where };
    const faults = this.#faults.get(member);
    if (faults !== undefined) faults.push(fault);
    else {
      this.#faults.set(member, [fault]);
      this.#options.onFault?.({ member, error: thrown });
    }
  }

  /** The worst that was met: what is missing may be found elsewhere, or come back. */
  #failure(wanted: number): StoreError {
    const faults = [...this.#faults.values()].flat().map(({ error }) => error);
    const worst =
      faults.find(({ code }) => code === "corrupt") ??
      faults.find(({ code }) => code !== "missing") ??
      faults[0];
    const where = `extent ${this.#shards.extent}: shard ${wanted} does not follow from the others`;
    return new StoreError(worst?.code ?? "missing", `${where}: ${messageOf(worst)}`, {
      cause: worst,
    });
  }
}

/** A stretch of one shard, and where its bytes belong. */
interface ShardSpan {
  readonly range: ShardRange;
  readonly places: { readonly at: number; readonly bytes: number }[];
}

/** The ranges by shard: those of one follow each other in it. */
function spansOf(ranges: readonly ShardRange[]): ShardSpan[] {
  const spans = new Map<number, ShardSpan>();
  let at = 0;
  for (const { member, start, end } of ranges) {
    const before = spans.get(member);
    const place = { at, bytes: end - start };
    assert(before === undefined || before.range.end === start, "a shard's bytes are apart");
    const range = { member, start: before?.range.start ?? start, end };
    spans.set(member, { range, places: [...(before?.places ?? []), place] });
    at += end - start;
  }
  return [...spans.values()];
}
