import { must } from "../../base/assert.ts";
import { isStoreError, type StoreError } from "../../base/errors.ts";
import type { Code } from "../../erasure/code.ts";
import type { ExtentId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import {
  decodeRecordHeader,
  recordBytes,
  type RecordHeader,
  recordHeaderBytesMax,
} from "../../format/record.ts";
import type { Platform } from "../../platform/platform.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import type { ReadableMember } from "../extent-member.ts";
import { stripedLength } from "../../format/shard.ts";
import { scanRecords } from "../extent-scan.ts";
import { RecordWindow } from "../read/record-window.ts";
import { ShardReader, Shards } from "../read/shard-reader.ts";
import { validRecordIn } from "../verified-content.ts";
import type { ReachedMember, ShardSealingOptions } from "./reach-member.ts";
import type { Stretch } from "./valid-records.ts";

/**
 * @limit Sets of shards that are left out in turn for a record: all for RS(10,4) and LRC(12,2,2),
 * up to three of the 24 of RS(20,4), of which an acknowledged record may lack two. What cannot be
 * decoded costs some seconds then, once.
 */
const choicesMax = 2600;

export interface RecordsOfShardsOptions extends ShardSealingOptions {
  readonly code: Code;
  /** The shards that can be read, and their lengths. */
  readonly sealed: ReadonlyMap<number, ReachedMember<number>>;
}

interface FoundRecords extends Stretch {
  readonly left: ReadonlySet<number>;
}

/**
 * The valid records of an open extent, of whose shards some end early or are torn at their ends.
 * Which ones, nobody knows: so a record that is not valid is read again, leaving out one shard
 * after the other, then two, up to as many as the code can spare: some may lack what was
 * acknowledged, and others be damaged. What was left out for one record is left out first for the
 * next ones: a shard that lacks something lacks all behind it.
 */
export class RecordsOfShards {
  /** The records, in order. */
  readonly stretches: FoundRecords[] = [];
  /** Shards that could not be read: what was found without them may not be all. */
  readonly unreadable = new Map<number, StoreError>();
  readonly #options: RecordsOfShardsOptions;
  readonly #shards: Shards;
  readonly #unreached: readonly number[];
  readonly #length: number;

  constructor(options: RecordsOfShardsOptions) {
    const { platform, entry, scheme, code, sealed } = options;
    this.#options = options;
    const sizes = [...sealed.values()].map(({ found }) => found);
    this.#length = stripedLength(scheme, sizes);
    this.#shards = new Shards({
      platform,
      code,
      entry: { ...entry, row: { ...entry.row, scheme, length: this.#length } },
      open: (member) => Promise.resolve(this.#fileOf(member)),
    });
    this.#unreached = Array.from({ length: code.shards }, (_, i) => i).filter(
      (member) => !sealed.has(member),
    );
  }

  async find(): Promise<void> {
    let left: ReadonlySet<number> = new Set();
    for (let at = extentHeaderBytes; at < this.#length;) {
      const found = await this.#recordAt(at, left);
      if (found === undefined) {
        const next = await this.#nextRecord(at, left);
        if (next === undefined) return;
        at = next;
        continue;
      }
      this.stretches.push(found);
      left = found.left;
      at = found.end;
    }
  }

  /**
   * Takes away the records of a batch that was torn: each batch is whole stripes, and so is the
   * rest. Where a quorum of shards may have held the record behind the last one, the batch may have
   * been acknowledged, and damaged since: then what is left of it stays.
   */
  async cutTornTail(quorum: number): Promise<void> {
    const { code, sealed } = this.#options;
    const stripeBytes = code.data * blockBytes;
    const stripesTo = (end: number): number => (end - extentHeaderBytes) / stripeBytes;
    const last = this.stretches.at(-1);
    if (last === undefined || Number.isInteger(stripesTo(last.end))) return;
    const end = (await this.#endOfRecordAt(last.end, last.left)) ?? last.end;
    const shardEnd = extentHeaderBytes + Math.ceil(stripesTo(end)) * blockBytes;
    const short = [...sealed.values()].filter(({ found }) => found < shardEnd).length;
    if (code.shards - short >= quorum) return;
    const kept = this.stretches.findLastIndex(({ end }) => Number.isInteger(stripesTo(end)));
    this.stretches.splice(kept + 1);
  }

  /** Fills the buffer, each record in it as it was found. StoreError. */
  async read(buffer: Uint8Array, offset: number): Promise<void> {
    const end = offset + buffer.length;
    const first = this.stretches.findIndex((record) => record.end > offset);
    let at = offset;
    for (let index = first; index >= 0 && at < end; index++) {
      const record = this.stretches[index];
      if (record === undefined) break;
      const start = Math.min(end, Math.max(at, record.start));
      // Between two records nothing says which shards are good.
      if (start > at) await this.#fill(buffer.subarray(at - offset, start - offset), at, nothing);
      at = Math.min(end, record.end);
      // holds: C1 record-as-it-was-found
      if (at > start) {
        await this.#fill(buffer.subarray(start - offset, at - offset), start, record.left);
      }
    }
  }

  async #fill(target: Uint8Array, offset: number, left: ReadonlySet<number>): Promise<void> {
    await this.#reader(left).read(target, offset);
  }

  async #recordAt(offset: number, before: ReadonlySet<number>): Promise<FoundRecords | undefined> {
    const { platform, entry } = this.#options;
    for (const left of this.#choices(before)) {
      const window = new RecordWindow(this.#reader(left), this.#length);
      const range = { platform, extent: entry.id, to: this.#length };
      try {
        const record = await validRecordIn(range, window, offset);
        if (record === undefined) continue;
        return { start: offset, end: offset + record.bytes.length, left };
      } catch (error) {
        if (!isStoreError(error)) throw error;
      }
    }
    return undefined;
  }

  /** Where the record ends whose header, if not more of it, can be made out here. */
  async #endOfRecordAt(offset: number, before: ReadonlySet<number>): Promise<number | undefined> {
    const { platform, entry } = this.#options;
    for (const left of this.#choices(before)) {
      const file = this.#reader(left);
      const header = await recordHeaderIn(platform, file, { extent: entry.id, offset });
      if (header !== undefined) {
        return offset + recordBytes(header.key.length, header.payloadBytes);
      }
    }
    return undefined;
  }

  /** Where the next valid record begins, behind one that cannot be made out. */
  async #nextRecord(offset: number, left: ReadonlySet<number>): Promise<number | undefined> {
    const { platform, entry } = this.#options;
    const file = this.#reader(left);
    const range = { extent: entry.id, from: offset, to: this.#length };
    try {
      for await (const seen of scanRecords({ platform, file, ...range })) {
        if (seen.offset === offset || seen.kind === "hole") continue;
        if (seen.payloadError === undefined) return seen.offset;
      }
    } catch (error) {
      if (!isStoreError(error)) throw error;
    }
    return undefined;
  }

  #fileOf(shard: number): ReadableMember {
    const { member } = must(this.#options.sealed.get(shard), "a shard that was reached");
    const read = async (buffer: Uint8Array, offset: number): Promise<number> => {
      try {
        return await onDisk(member.read(buffer, offset));
      } catch (error) {
        if (isStoreError(error)) this.unreadable.set(shard, error);
        throw error;
      }
    };
    return { read, size: () => member.size(), close: () => Promise.resolve() };
  }

  #reader(left: ReadonlySet<number>): ShardReader {
    const avoided = new Set([...this.#unreached, ...left]);
    return new ShardReader(this.#shards, { isVerifying: false, avoided });
  }

  /** Sets of shards to leave out: the one that served before, none, each, each two … */
  *#choices(before: ReadonlySet<number>): Generator<ReadonlySet<number>, void, undefined> {
    const { code, sealed } = this.#options;
    yield before;
    let left = choicesMax;
    for (let count = 0; count <= sealed.size - code.data; count++) {
      // holds: C1 shards-read-around-torn-ones
      for (const choice of choose([...sealed.keys()], count)) {
        if (left-- === 0) return;
        yield choice;
      }
    }
  }
}

const nothing: ReadonlySet<number> = new Set();

/** The valid header at an offset, if it can be read. */
async function recordHeaderIn(
  { hash }: Pick<Platform, "hash">,
  file: Pick<ReadableMember, "read">,
  { extent, offset }: { readonly extent: ExtentId; readonly offset: number },
): Promise<RecordHeader | undefined> {
  try {
    const bytes = new Uint8Array(recordHeaderBytesMax);
    const read = await file.read(bytes, offset);
    const header = decodeRecordHeader(hash, bytes.subarray(0, read));
    return header.extent === extent && header.offset === offset ? header : undefined;
  } catch (error) {
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

/** All sets of so many of these. */
function* choose(
  from: readonly number[],
  count: number,
): Generator<ReadonlySet<number>, void, undefined> {
  if (count === 0) {
    yield new Set();
    return;
  }
  for (const [index, first] of from.entries()) {
    for (const rest of choose(from.slice(index + 1), count - 1)) yield new Set([first, ...rest]);
  }
}
