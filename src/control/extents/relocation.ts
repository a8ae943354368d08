import type { ExtentWriter } from "../../extent/extent-writer.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Manifest } from "../../format/manifest.ts";
import { encodeManifest } from "../../format/manifest.ts";
import type { Manifests } from "./manifests.ts";

export interface RelocationOptions {
  readonly manifests: Manifests;
  readonly writer: Pick<ExtentWriter, "append">;
  /** Where manifests are written. */
  readonly extentClass: ExtentClass;
  /** The extent that is being emptied. */
  readonly extent: ExtentId;
  /** Where the chunks that lay in it, by offset, lie now. */
  readonly moved: ReadonlyMap<number, ChunkRef>;
  /**
   * The numbers of the parts that these, and the manifests that lie in it, belong to; 0: no part.
   */
  readonly parts: ReadonlySet<number>;
}

/**
 * Makes a new data location for one row after chunks of it have moved. Records never change, so a
 * manifest that lists a moved chunk, or lies in the extent itself, is written again, and so is one
 * that lists that manifest. Used once per attempt.
 */
export class Relocation {
  readonly #options: RelocationOptions;
  /** Manifests written: to be released once the row's fate is known. */
  readonly appended: ChunkRef[] = [];
  /**
   * Records the new location does without: garbage once the row is committed. Manifests stand for
   * themselves alone.
   */
  readonly freed: ChunkRef[] = [];

  constructor(options: RelocationOptions) {
    this.#options = options;
  }

  /** The same location where nothing of it has moved. */
  async relocate(location: DataLocation): Promise<DataLocation> {
    if (location.kind === "chunks") {
      const chunks = this.#relocateChunks(location.chunks);
      return chunks === location.chunks ? location : { kind: "chunks", chunks };
    }
    if (location.kind !== "manifest") return location;
    const { header, manifest } = await this.#options.manifests.read(location.ref);
    const after = await this.#relocateManifest(manifest);
    if (after === manifest && location.ref.extent !== this.#options.extent) return location;
    const { writer, extentClass } = this.#options;
    const ref = await writer.append(extentClass, header, encodeManifest(after));
    this.appended.push(ref);
    this.freed.push(location.ref);
    return { kind: "manifest", ref };
  }

  #relocateChunks(chunks: readonly ChunkRef[]): readonly ChunkRef[] {
    const { extent, moved } = this.#options;
    const freed = chunks.filter((ref) => ref.extent === extent && moved.has(ref.offset));
    if (freed.length === 0) return chunks;
    this.freed.push(...freed);
    return chunks.map((ref) => (ref.extent === extent ? (moved.get(ref.offset) ?? ref) : ref));
  }

  async #relocateManifest(manifest: Manifest): Promise<Manifest> {
    if (manifest.kind === "leaf") {
      const chunks = this.#relocateChunks(manifest.chunks);
      return chunks === manifest.chunks ? manifest : { kind: "leaf", chunks };
    }
    let isMoved = false;
    const parts = [];
    for (const part of manifest.parts) {
      // A root may have 10,000 manifests below it: those of other parts need not be read.
      const isConcerned = this.#options.parts.has(part.number);
      const data = isConcerned ? await this.relocate(part.data) : part.data;
      isMoved ||= data !== part.data;
      parts.push(data === part.data ? part : { ...part, data });
    }
    return isMoved ? { kind: "root", parts } : manifest;
  }
}
