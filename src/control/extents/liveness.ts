import { readRow, type Row } from "../../engine/engine.ts";
import { scanPages } from "../../engine/scan-pages.ts";
import type { DataLocation } from "../../format/chunk-ref.ts";
import { decodeGarbageRow } from "../../format/garbage-row.ts";
import {
  decodeObjectRow,
  decodePartRow,
  decodeUploadRow,
  hasPart,
} from "../../format/object-row.ts";
import type { RecordHeader } from "../../format/record.ts";
import { partKey, routedRange, space, uploadKey } from "../../format/row-keys.ts";
import type { Keymap, Partition } from "../../keymap/keymap.ts";
import { scanVersionPages, versionsOfKey } from "../../rows/version-scan.ts";
import type { Manifests } from "./manifests.ts";

/*
 * Whether a record is alive: does a row refer to exactly its place? A record names its key, so there are few rows to ask:
 * its part, the key's head, the key's older versions.
 *
 * A reference may move while we look: from a part to the head (Complete), from the head to a version and back. So the part
 * is read first, and the versions by position, which a move does not change (rows/version-scan.ts). In a settled extent a
 * record once found dead stays dead.
 */

/** The row that refers to a record, and so has to be changed when the record moves. */
export interface Referent {
  readonly kind: "object" | "part";
  readonly partition: Partition;
  readonly rowKey: Uint8Array;
}

/** @limit Rows read at once; most keys have few versions and uploads. */
const rowsAtOnce = 64;

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

  /** How many rows refer to the record; more than one is wrong. */
  async countReferents(header: RecordHeader): Promise<number> {
    const first = await this.#look(header, Infinity);
    if (first.length < 2) return first.length;
    // Between the looks at a part and at the head, the one may have become the other.
    return (await this.#look(header, Infinity)).length;
  }

  async #look(header: RecordHeader, limit: number): Promise<Referent[]> {
    const { bucket, key } = header;
    const partition = this.#keymap.partitionOf(bucket, key);
    const found = await this.#partReferring(partition, header);
    if (found.length >= limit) return found;
    for await (const page of scanVersionPages(partition, versionsOfKey(bucket, key), rowsAtOnce)) {
      // holds: C1 older-versions-refer-too
      for (const { row } of page) {
        if (!(await this.#objectRefers(row, header))) continue;
        found.push({ kind: "object", partition, rowKey: row.key });
        if (found.length >= limit) return found;
      }
    }
    return found;
  }

  /** Whether a garbage row not yet drained stands for the record. */
  async isAwaitingDrain(header: RecordHeader): Promise<boolean> {
    const range = routedRange(space.garbage, header.bucket, header.key);
    const partition = this.#keymap.partitionOf(header.bucket, header.key);
    for await (const rows of scanPages(partition, range, rowsAtOnce)) {
      for (const row of rows) {
        if (await this.#anyRefers(decodeGarbageRow(row.value).locations, header)) return true;
      }
    }
    return false;
  }

  async #partReferring(partition: Partition, header: RecordHeader): Promise<Referent[]> {
    const { bucket, key, upload, part } = header;
    if (upload === undefined) return [];
    const row = await readRow(partition, partKey(bucket, key, upload, part));
    if (row === undefined) return [];
    // Read after the part: if a Complete comes in between, the versions, which are read later still, show the object.
    const whole = await readRow(partition, uploadKey(bucket, key, upload));
    if (whole === undefined || isLeftOver(whole.value, part)) return [];
    const refers = await this.#refers(decodePartRow(row.value).data, header);
    return refers ? [{ kind: "part", partition, rowKey: row.key }] : [];
  }

  async #objectRefers(row: Row, header: RecordHeader): Promise<boolean> {
    const { data, blob, upload } = decodeObjectRow(row.value);
    // Readers ask for a record by its blob or upload too, so one of another cannot be what the row means.
    const related = blob === header.blob || (upload !== undefined && upload === header.upload);
    return related && (await this.#refers(data, header));
  }

  async #anyRefers(locations: readonly DataLocation[], header: RecordHeader): Promise<boolean> {
    for (const location of locations) if (await this.#refers(location, header)) return true;
    return false;
  }

  async #refers(location: DataLocation, header: RecordHeader): Promise<boolean> {
    if (location.kind === "chunks") return location.chunks.some((ref) => isAt(ref, header));
    if (location.kind !== "manifest") return false;
    if (isAt(location.ref, header)) return true;
    const { manifest } = await this.#manifests.read(location.ref);
    if (manifest.kind === "leaf") return manifest.chunks.some((ref) => isAt(ref, header));
    const parts = manifest.parts.filter(({ number }) => number === header.part);
    return this.#anyRefers(
      parts.map(({ data }) => data),
      header,
    );
  }
}

/** The row of such a part is still to be taken away, and refers to nothing: its data is an object's. */
export function isLeftOver(uploadRow: Uint8Array, part: number): boolean {
  const { ended } = decodeUploadRow(uploadRow);
  return ended !== undefined && hasPart(ended, part);
}

function isAt(
  ref: { readonly extent: number; readonly offset: number },
  header: RecordHeader,
): boolean {
  return ref.extent === header.extent && ref.offset === header.offset;
}
