import { must } from "../../base/assert.ts";
import { BufferPool } from "../../base/buffers.ts";
import { toHex } from "../../base/bytes.ts";
import { isStoreError } from "../../base/errors.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { isIn } from "../../extent/extent-reader.ts";
import type { ExtentWriter } from "../../extent/extent-writer.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { type RecordHeader, recordHeaderBytesMax } from "../../format/record.ts";
import { readExtentClass } from "../../keymap/chosen-schemes.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ScannedHole, ScannedRecord } from "../../extent/extent-scan.ts";
import { releasing } from "../../rows/commit.ts";
import type { Referent } from "../../rows/referents.ts";
import type { Liveness } from "./liveness.ts";
import type { Manifests } from "./manifests.ts";
import type { MovedRow } from "./row-flip.ts";
import { flipRow } from "./row-flip.ts";
import { type StoragePlane, walkRecords } from "./extent-walk.ts";

/*
 * Empties one reconciled extent: walks its records, copies those that are alive into extents of our
 * own, and makes the rows that refer to them refer to the copies. What is dead is left where it is.
 * When the walk is through, nothing refers to the extent any more, and it may be dropped.
 *
 * Why nothing is lost (C5): the extent is settled, so a record found dead stays dead; a live one is
 * verified as it is read, its copy synced and read back before the row changes; the row changes
 * only if it is still what we read. Records that cannot be verified, or not even be made out, stay
 * where they are, and whether the extent may be dropped is for the index to say
 * (reference-search.ts). Why nothing leaks: copies whose row went meanwhile are unreferenced, and
 * found when their extent is reconciled. A crash anywhere leaves both as if we had not begun, but
 * for rows already flipped.
 *
 * Each copy goes to an extent of the class that its object has now: so it is, too, that what was
 * chosen for a bucket reaches what was written before.
 *
 * A manifest is not copied: it is written again with the row that refers to it, once for all that
 * moved below it.
 */

/** @limit Copied at the same time, so that they share syncs. */
const recordsAtOnce = 64;
/** @limit Payload held in memory for that: four whole chunks. */
const bytesAtOnce = 4 * chunkBytesMax;
/**
 * @limit Payloads from here on are read into buffers that are used again, eight at the same time.
 */
const bufferedBytesMin = chunkBytesMax / 2;
/**
 * @limit Chunks copied whose rows are not changed yet, about 100 bytes each. Past it all rows
 * waiting are changed.
 */
const movesMax = 4096;
/** @limit Rows changed at the same time. */
const flipsAtOnce = 32;

export interface CompactionOptions extends StoragePlane {
  readonly keymap: Keymap;
  readonly writer: Pick<ExtentWriter, "append" | "release">;
  readonly manifests: Manifests;
  readonly liveness: Liveness;
  readonly counters: BackgroundCounters;
}

interface LiveRecord {
  readonly header: RecordHeader;
  readonly referent: Referent;
}

/**
 * `emptied`: nothing refers to the extent any more. `again`: something may, since rows changed
 * while we looked, or garbage that is not drained yet needs a manifest in it; another compaction
 * finds less to do. `suspect`: nothing refers to what could be read, but something may to what
 * could not. `busy`: call `step` again.
 */
export type CompactionOutcome = "busy" | "emptied" | "again" | "suspect";

export class Compaction {
  readonly entry: ExtentEntry;
  readonly #options: CompactionOptions;
  readonly #records: AsyncGenerator<ScannedRecord | ScannedHole, void, undefined>;
  readonly #rows = new Map<string, MovedRow>();
  readonly #buffers = new BufferPool({
    bufferBytes: chunkBytesMax + recordHeaderBytesMax,
    keptMax: bytesAtOnce / bufferedBytesMin,
    create: (bytes) => new Uint8Array(bytes),
  });
  #moves = 0;
  #isUnsure = false;
  #isWhole = true;

  constructor(options: CompactionOptions, entry: ExtentEntry, signal: AbortSignal) {
    this.#options = options;
    this.entry = entry;
    this.#records = walkRecords(options, entry, signal);
  }

  /** Deals with a bounded number of records. After a failure the compaction is over; `close` it. */
  async step(): Promise<CompactionOutcome> {
    const live: LiveRecord[] = [];
    let bytes = 0;
    for (let seen = 0; seen < recordsAtOnce && bytes < bytesAtOnce; seen++) {
      const { value: found } = await this.#records.next();
      if (found === undefined) {
        await this.#move(live);
        // holds: C5 copies-referred-to-before-drop
        await this.#flip();
        // holds: C5 damaged-extent-asks-index
        return this.#isUnsure ? "again" : this.#isWhole ? "emptied" : "suspect";
      }
      if (found.kind === "hole") {
        this.#isWhole = false;
        continue;
      }
      const { header } = found;
      const referent = await this.#options.liveness.referentOf(header);
      if (referent !== undefined) {
        live.push({ header, referent });
        bytes += header.payloadBytes;
      } else if (header.kind === "manifest") {
        this.#isUnsure ||= await this.#options.liveness.isAwaitingDrain(header);
      }
    }
    await this.#move(live);
    if (this.#moves >= movesMax) await this.#flip();
    return "busy";
  }

  /** Gives up copies whose rows were not changed. */
  async close(): Promise<void> {
    await this.#records.return();
    for (const row of this.#rows.values()) this.#options.writer.release([...row.moved.values()]);
    this.#rows.clear();
  }

  async #move(live: readonly LiveRecord[]): Promise<void> {
    const done = await Promise.allSettled(live.map((record) => this.#moveRecord(record)));
    const failed = done.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #moveRecord({ header, referent }: LiveRecord): Promise<void> {
    if (header.kind === "manifest") {
      this.#rowOf(referent, header);
      return;
    }
    const { reader, writer, counters } = this.#options;
    const { offset, payloadBytes: length } = header;
    const extentClass = await this.#extentClassOf(referent, header);
    const buffer = length >= bufferedBytesMin ? this.#buffers.take() : undefined;
    const payload = await this.#readRecord(header, buffer);
    if (payload === undefined) return;
    const isFree = buffer !== undefined && isIn(buffer, payload);
    const released = isFree ? () => this.#buffers.give(buffer) : undefined;
    const ref = await writer.append(extentClass, header, payload, released);
    this.#rowOf(referent, header).moved.set(offset, ref);
    this.#moves++;
    // A slower member may still be written from the first.
    const other = buffer === undefined ? undefined : this.#buffers.take();
    const copy = await reader.read(ref, header, 0, length, { buffer: other });
    // A late answer may still come into a buffer that another member's answer is not in.
    if (other !== undefined && isIn(other, copy)) this.#buffers.give(other);
    counters.recordsMoved++;
    counters.bytesMoved += length;
  }

  /** Its own class as it is now: what was chosen may have changed since it was written. */
  async #extentClassOf(
    { storageClass }: Referent,
    { bucket }: Pick<RecordHeader, "bucket">,
  ): Promise<ExtentClass> {
    return readExtentClass(this.#options.keymap, storageClass, bucket);
  }

  /** Undefined where it is damaged: then it stays. */
  async #readRecord(
    header: RecordHeader,
    buffer: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const { extent, offset, payloadBytes: length, checksum } = header;
    const ref = { extent, offset, length, checksum };
    try {
      return await this.#options.reader.read(ref, header, 0, length, { buffer });
    } catch (thrown) {
      if (!isStoreError(thrown, "corrupt")) throw thrown;
      this.#isWhole = false;
      return undefined;
    }
  }

  /** Notes which row has to be changed for a record. */
  #rowOf(referent: Referent, { bucket, key, upload, part, offset }: RecordHeader): MovedRow {
    const id = toHex(referent.rowKey);
    const row = this.#rows.get(id) ?? {
      referent,
      bucket,
      key,
      upload,
      moved: new Map<number, ChunkRef>(),
      parts: new Set<number>(),
      places: new Set<number>(),
    };
    this.#rows.set(id, row);
    row.parts.add(part);
    row.places.add(offset);
    return row;
  }

  /** Changes all rows waiting. Every one is tried, whatever becomes of the others. */
  async #flip(): Promise<void> {
    const waiting = [...this.#rows.keys()];
    const failures: unknown[] = [];
    const takeTurns = async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        const row = must(this.#rows.get(id), "a row waits that is not there");
        this.#rows.delete(id);
        await this.#flipOne(row).catch((thrown: unknown) => failures.push(thrown));
      }
    };
    await Promise.all(Array.from({ length: flipsAtOnce }, takeTurns));
    this.#moves = 0;
    if (failures.length > 0) throw failures[0];
  }

  async #flipOne(row: MovedRow): Promise<void> {
    const { manifests, writer, keymap } = this.#options;
    const { session } = keymap;
    const extent = this.entry.id;
    const appended: ChunkRef[] = [...row.moved.values()];
    const flip = async () => {
      const extentClass = await this.#extentClassOf(row.referent, row);
      return flipRow({ manifests, writer, extentClass, extent, session }, row, appended);
    };
    const isDone = await releasing({ writer }, appended, flip);
    this.#isUnsure ||= !isDone;
  }
}
