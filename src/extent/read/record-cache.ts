import type { ChunkRef } from "../../format/chunk-ref.ts";
import { blockBytes } from "../../format/limits.ts";
import type { RecordIdentity } from "../../format/record.ts";
import { isSameIdentity, recordBytes } from "../../format/record.ts";
import type { Hash } from "../../platform/hash.ts";

/*
 * Small records that are asked for again are kept in memory. The file system keeps them as well,
 * but a read is handed to another thread and back, which takes a third of a small GET's CPU: 45 of
 * 130 µs behind the socket (4 KiB, Node 26.10 on 2 virtual cores, November 2026).
 *
 * A reference names an extent that is never used twice and a place that is written once, so what it
 * stands for never changes and nothing has to be taken out. Which reference a key has is read from
 * the index each time, as without a cache. Bytes are verified when they come from the disk and once
 * more each time they leave (C4): memory is changed by mistakes, too.
 */

/** @limit A record of one block: sending a larger one takes longer than reading it. */
export const cachedRecordBytesMax = blockBytes;
/** The approximate size of an entry apart from its record's bytes. */
const entryBytes = 512;
/**
 * @limit References remembered that were asked for once, 4 bytes each: as many as 32 MiB have
 * records of 512 B.
 */
const askedPlacesMax = 65_536;
/**
 * Entries of a set that one reference may take. With one, two references of a set evict each other
 * for ever.
 */
const askedWays = 4;

interface Entry {
  readonly ref: ChunkRef;
  readonly identity: RecordIdentity;
  readonly payload: Uint8Array;
  readonly checksum: number;
  /** The bytes that it counts for. */
  readonly bytes: number;
}

/** Payloads of verified records, up to so many bytes of them. */
export class RecordCache {
  readonly #hash: Hash;
  readonly #bytesMax: number;
  /** Records by the reference's checksum, the least recently used first. */
  readonly #entries = new Map<number, Entry>();
  /**
   * The last references that were asked for among those that share places, by their checksums,
   * newest first.
   */
  readonly #asked = new Uint32Array(askedPlacesMax);
  #bytes = 0;

  constructor(hash: Hash, bytesMax: number) {
    this.#hash = hash;
    this.#bytesMax = bytesMax;
  }

  /** The payload, verified again; it must not be changed. */
  find(ref: ChunkRef, identity: RecordIdentity): Uint8Array | undefined {
    const entry = this.#entries.get(ref.checksum);
    if (entry === undefined || !isSame(entry, ref, identity)) return undefined;
    this.#entries.delete(ref.checksum);
    if (this.#hash.blockChecksum(entry.payload) !== entry.checksum) {
      this.#bytes -= entry.bytes;
      return undefined;
    }
    this.#entries.set(ref.checksum, entry);
    return entry.payload;
  }

  /**
   * True if a record that is about to be read should be kept: it was read before, not long ago. A
   * record read once must not drive out what is read often.
   */
  isWanted({ checksum, length }: ChunkRef): boolean {
    if (length > cachedRecordBytesMax) return false;
    const first = (checksum * askedWays) % askedPlacesMax;
    const places = this.#asked.subarray(first, first + askedWays);
    if (places.includes(checksum)) return true;
    places.copyWithin(1, 0);
    places[0] = checksum;
    return false;
  }

  /** Keeps the whole payload of a record that was found to be what reference and identity mean. */
  keep(ref: ChunkRef, identity: RecordIdentity, payload: Uint8Array): void {
    this.#forget(ref.checksum);
    const bytes = recordBytes(identity.key.length, ref.length) + entryBytes;
    const checksum = this.#hash.blockChecksum(payload);
    this.#entries.set(ref.checksum, { ref, identity, payload, checksum, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#forget(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #forget(checksum: number): void {
    const entry = this.#entries.get(checksum);
    if (entry === undefined) return;
    this.#entries.delete(checksum);
    this.#bytes -= entry.bytes;
  }
}

function isSame(entry: Entry, ref: ChunkRef, identity: RecordIdentity): boolean {
  const { ref: known } = entry;
  return (
    known.checksum === ref.checksum &&
    known.extent === ref.extent &&
    known.offset === ref.offset &&
    known.length === ref.length &&
    isSameIdentity(entry.identity, identity)
  );
}
