import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import { examineExtent } from "../../extent/extent-examination.ts";
import { type ExtentSource, openExtentView } from "../../extent/extent-view.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import { lostStateOf } from "../../format/extent-row.ts";
import type { Manifest } from "../../format/manifest.ts";
import { decodeManifest } from "../../format/manifest.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { RecordHeader } from "../../format/record.ts";
import { decodeRecordHeader, recordHeaderBytesMax } from "../../format/record.ts";
import type { StoragePlane } from "./extent-walk.ts";

export interface StoredManifest {
  readonly header: RecordHeader;
  readonly manifest: Manifest;
}

/** A manifest is `missing` or `corrupt`. */
class UnreadableManifest extends StoreError {
  readonly extent: ExtentId;

  constructor(extent: ExtentId, cause: StoreError) {
    super(cause.code, cause.message, { cause });
    this.extent = extent;
  }
}

/**
 * @limit References held in memory, about 100 bytes each: 6 MiB. One larger manifest is held alone.
 */
const refsHeldMax = 65_536;

/**
 * Reads manifests by reference alone. What refers to them here (a garbage row, say) need not know
 * the blob they belong to: the reference repeats the checksum of the record's header, which names
 * it.
 */
export class Manifests {
  readonly #plane: StoragePlane;
  /** Least recently used first. Records never change, so what is held stays true. */
  readonly #held = new Map<string, { readonly stored: StoredManifest; readonly refs: number }>();
  #refsHeld = 0;

  constructor(plane: StoragePlane) {
    this.#plane = plane;
  }

  /** StoreError `missing`, `corrupt`, and the reader's. */
  async read(ref: ChunkRef): Promise<StoredManifest> {
    const place = `${ref.extent}/${ref.offset}/${ref.checksum}`;
    const held = this.#held.get(place);
    this.#held.delete(place);
    const now = held ?? (await this.#load(ref));
    if (held === undefined) this.#refsHeld += now.refs;
    this.#held.set(place, now);
    for (const [oldest, { refs }] of this.#held) {
      if (this.#refsHeld <= refsHeldMax || oldest === place) break;
      this.#held.delete(oldest);
      this.#refsHeld -= refs;
    }
    return now.stored;
  }

  /**
   * Returns if a read failed because the manifest is lost: nobody will ever know what it listed.
   * Throws where that is not so, or not known: a data directory that is not there may come back
   * with it.
   */
  async assertLost(thrown: unknown): Promise<void> {
    if (!(thrown instanceof UnreadableManifest)) throw thrown;
    if (thrown.code === "corrupt") return;
    const { platform, disks, table } = this.#plane;
    const entry = await table.get(thrown.extent);
    if (entry === undefined) return;
    const { states, failure } = await examineExtent(platform.hash, disks, entry);
    if (failure !== undefined) throw failure;
    const members = entry.row.members.map((one, i) => ({ ...one, state: states[i] ?? one.state }));
    if (lostStateOf({ ...entry.row, members }) === undefined) throw thrown;
  }

  /** Every record a location stands for: chunks, manifests and what they list. */
  async *chunksOf(location: DataLocation): AsyncGenerator<ChunkRef, void, undefined> {
    if (location.kind === "chunks") yield* location.chunks;
    if (location.kind !== "manifest") return;
    yield location.ref;
    const { manifest } = await this.read(location.ref);
    if (manifest.kind === "leaf") yield* manifest.chunks;
    else for (const part of manifest.parts) yield* this.chunksOf(part.data);
  }

  /** Reads a manifest and those below it; throws what the first that cannot be read throws. */
  async readAll(location: DataLocation & { readonly kind: "manifest" }): Promise<void> {
    const { manifest } = await this.read(location.ref);
    if (manifest.kind === "leaf") return;
    for (const { data } of manifest.parts) if (data.kind === "manifest") await this.readAll(data);
  }

  async #load(ref: ChunkRef): Promise<{ stored: StoredManifest; refs: number }> {
    try {
      return await this.#readRecord(ref);
    } catch (thrown) {
      const isUnreadable = isStoreError(thrown, "missing") || isStoreError(thrown, "corrupt");
      throw isUnreadable ? new UnreadableManifest(ref.extent, thrown) : thrown;
    }
  }

  async #readRecord(ref: ChunkRef): Promise<{ stored: StoredManifest; refs: number }> {
    const header = await this.#readHeader(ref);
    if (header.kind !== "manifest") throw new StoreError("corrupt", `${where(ref)}: no manifest`);
    // The reader verifies the record against the reference and against what its header says of it.
    const manifest = decodeManifest(await this.#plane.reader.read(ref, header, 0, ref.length));
    const refs = manifest.kind === "leaf" ? manifest.chunks.length : 4 * manifest.parts.length;
    return { stored: { header, manifest }, refs };
  }

  /** The header that the reference means, from the first way to read the extent that has it. */
  async #readHeader(ref: ChunkRef): Promise<RecordHeader> {
    const { platform, disks, table } = this.#plane;
    const entry = await table.get(ref.extent);
    if (entry === undefined) throw new StoreError("corrupt", `${where(ref)}: no such extent`);
    const view = await openExtentView({ platform, disks }, entry);
    try {
      const [first, ...others] = view.sources;
      let header = await this.#headerIn(first, ref).catch(asFailure);
      for (const source of others) {
        if (!isStoreError(header)) break;
        const other = await this.#headerIn(source, ref).catch(asFailure);
        if (!isStoreError(other)) header = other;
      }
      if (isStoreError(header)) throw header;
      return header;
    } finally {
      await view.close();
    }
  }

  async #headerIn(source: ExtentSource, ref: ChunkRef): Promise<RecordHeader> {
    const bytes = new Uint8Array(recordHeaderBytesMax);
    const length = await source.read(bytes, ref.offset);
    try {
      const header = decodeRecordHeader(this.#plane.platform.hash, bytes.subarray(0, length));
      if (header.checksum === ref.checksum) return header;
      throw new StoreError("corrupt", "not the record that the reference means");
    } catch (thrown) {
      if (!isStoreError(thrown, "corrupt")) throw thrown;
      throw new StoreError("corrupt", `${where(ref)}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
}

function asFailure(thrown: unknown): StoreError {
  if (isStoreError(thrown)) return thrown;
  throw thrown;
}

function where(ref: ChunkRef): string {
  return `extent ${ref.extent}, record at ${ref.offset}`;
}
