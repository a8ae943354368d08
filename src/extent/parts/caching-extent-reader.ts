import { equalBytes } from "../../base/bytes.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { blockBytes } from "../../format/limits.ts";
import type { RecordIdentity } from "../../format/record.ts";
import { recordBytes } from "../../format/record.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ExtentReader, ExtentReaderStatistics } from "../extent-reader.ts";

/*
 * Small records that are asked for again are kept in memory. The file system keeps them as well, but
 * a read is handed to another thread and back, which takes a third of a small GET's CPU: 45 of 130 µs
 * behind the socket (4 KiB, Node 26.10 on 2 virtual cores, November 2026).
 *
 * A reference names an extent that is never used twice and a place that is written once, so what it
 * stands for never changes and nothing has to be taken out. Which reference a key has is read from
 * the index each time, as without a cache. Bytes are verified when they come from the disk and once
 * more each time they leave (C4): memory is changed by mistakes, too.
 */

/** A record of one block: a larger one is sent for longer than its read takes. */
const cachedRecordBytesMax = blockBytes;
/** What an entry takes besides its record's bytes, about. */
const entryBytes = 512;
/** Places to remember what was asked for once, 4 bytes each: as many as 32 MiB have records of 512 B. */
const askedPlacesMax = 65_536;
/** Of them, those that a reference may take. With one, two references of a place drive each other out for ever. */
const askedWays = 4;

interface Entry {
  readonly ref: ChunkRef;
  readonly identity: RecordIdentity;
  readonly payload: Uint8Array;
  readonly crc32: number;
  /** What it counts for. */
  readonly bytes: number;
}

export class CachingExtentReader implements ExtentReader {
  readonly #source: ExtentReader;
  readonly #hash: Hash;
  readonly #bytesMax: number;
  /** By the reference's checksum, the least recently used first. */
  readonly #entries = new Map<number, Entry>();
  /** The last references that were asked for among those that share places, by their checksums, newest first. */
  readonly #asked = new Uint32Array(askedPlacesMax);
  #bytes = 0;
  #hits = 0;
  #bytesFromMemory = 0;

  constructor(source: ExtentReader, hash: Hash, bytesMax: number) {
    this.#source = source;
    this.#hash = hash;
    this.#bytesMax = bytesMax;
  }

  async read(
    ref: ChunkRef,
    identity: RecordIdentity,
    start: number,
    end: number,
    room?: Uint8Array,
  ): Promise<Uint8Array> {
    const found = this.#find(ref, identity);
    if (found !== undefined) {
      this.#hits++;
      this.#bytesFromMemory += end - start;
      return found.subarray(start, end);
    }
    const isKept = ref.length <= cachedRecordBytesMax && this.#wasAsked(ref);
    if (!isKept) return this.#source.read(ref, identity, start, end, room);
    const payload = await this.#source.read(ref, identity, 0, ref.length);
    this.#keep(ref, identity, payload);
    return payload.subarray(start, end);
  }

  statistics(): ExtentReaderStatistics {
    const { reads, bytes, corruptions } = this.#source.statistics();
    const hits = this.#hits;
    return { reads: reads + hits, bytes: bytes + this.#bytesFromMemory, corruptions, hits };
  }

  async close(): Promise<void> {
    this.#entries.clear();
    await this.#source.close();
  }

  #find(ref: ChunkRef, identity: RecordIdentity): Uint8Array | undefined {
    const entry = this.#entries.get(ref.checksum);
    if (entry === undefined || !isSame(entry, ref, identity)) return undefined;
    this.#entries.delete(ref.checksum);
    if (this.#hash.crc32(entry.payload) !== entry.crc32) {
      this.#bytes -= entry.bytes;
      return undefined;
    }
    this.#entries.set(ref.checksum, entry);
    return entry.payload;
  }

  /** Whether this was read before, not long ago: what is read once must not drive out what is read often. */
  #wasAsked({ checksum }: ChunkRef): boolean {
    const first = (checksum * askedWays) % askedPlacesMax;
    const places = this.#asked.subarray(first, first + askedWays);
    if (places.includes(checksum)) return true;
    places.copyWithin(1, 0);
    places[0] = checksum;
    return false;
  }

  #keep(ref: ChunkRef, identity: RecordIdentity, payload: Uint8Array): void {
    this.#forget(ref.checksum);
    const bytes = recordBytes(identity.key.length, ref.length) + entryBytes;
    const crc32 = this.#hash.crc32(payload);
    this.#entries.set(ref.checksum, { ref, identity, payload, crc32, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#forget(oldest);
    }
  }

  #forget(checksum: number): void {
    const entry = this.#entries.get(checksum);
    if (entry === undefined) return;
    this.#entries.delete(checksum);
    this.#bytes -= entry.bytes;
  }
}

/** The record was found to be what this reference and identity mean; it is so for the same again. */
function isSame(entry: Entry, ref: ChunkRef, identity: RecordIdentity): boolean {
  const { ref: known, identity: owner } = entry;
  return (
    known.checksum === ref.checksum &&
    known.extent === ref.extent &&
    known.offset === ref.offset &&
    known.length === ref.length &&
    owner.kind === identity.kind &&
    owner.bucket === identity.bucket &&
    owner.blob === identity.blob &&
    owner.upload === identity.upload &&
    owner.part === identity.part &&
    owner.chunk === identity.chunk &&
    equalBytes(owner.key, identity.key)
  );
}
