import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { RecordHeader } from "../../format/record.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { undrainedOf } from "../../rows/garbage.ts";
import { findReferents, type Referent } from "../../rows/referents.ts";
import type { Manifests } from "./manifests.ts";

/*
 * A record is alive if a row refers to exactly its place. In a settled extent a record once found
 * dead stays dead (rows/referents.ts says why).
 */

export class Liveness {
  readonly #keymap: Keymap;
  readonly #manifests: Manifests;

  constructor(keymap: Keymap, manifests: Manifests) {
    this.#keymap = keymap;
    this.#manifests = manifests;
  }

  /** The row that refers to the record, or undefined: it is dead. */
  async referentOf(header: RecordHeader): Promise<Referent | undefined> {
    const [referent] = await this.#look(header, 1);
    return referent;
  }

  /** True if a row refers to just this record: not to another one at its place. */
  async isMeant(header: RecordHeader): Promise<boolean> {
    const isIt: Match = (ref) => isAt(ref, header) && ref.checksum === header.checksum;
    return (await this.#look(header, 1, isIt)).length > 0;
  }

  /** How many rows refer to the record; more than one is wrong. */
  async countReferents(header: RecordHeader): Promise<number> {
    const first = await this.#look(header, Infinity);
    if (first.length < 2) return first.length;
    // Between the looks at a part and at the head, the one may have become the other.
    return (await this.#look(header, Infinity)).length;
  }

  async #look(
    header: RecordHeader,
    limit: number,
    isIt: Match = (ref) => isAt(ref, header),
  ): Promise<Referent[]> {
    if (header.kind === "padding") return [];
    const partition = this.#keymap.partitionOf(header.bucket, header.key);
    return findReferents(partition, header, limit, (data) => this.#refers(data, header, isIt));
  }

  /** True if a garbage row that is not drained yet covers the record. */
  async isAwaitingDrain(header: RecordHeader): Promise<boolean> {
    if (header.kind === "padding") return false;
    const { bucket: id, key } = header;
    const partition = this.#keymap.partitionOf(id, key);
    for await (const location of undrainedOf({ bucket: { id }, key, partition })) {
      if (await this.#refers(location, header, (ref) => isAt(ref, header))) return true;
    }
    return false;
  }

  async #refers(location: DataLocation, header: RecordHeader, isIt: Match): Promise<boolean> {
    if (location.kind === "chunks") return location.chunks.some(isIt);
    if (location.kind !== "manifest") return false;
    if (isIt(location.ref)) return true;
    const { manifest } = await this.#manifests.read(location.ref);
    if (manifest.kind === "leaf") return manifest.chunks.some(isIt);
    for (const { number, data } of manifest.parts) {
      if (number === header.part && (await this.#refers(data, header, isIt))) return true;
    }
    return false;
  }
}

/** Says of a reference whether it is to the record in question. */
type Match = (ref: ChunkRef) => boolean;

function isAt(ref: ChunkRef, header: RecordHeader): boolean {
  return ref.extent === header.extent && ref.offset === header.offset;
}
