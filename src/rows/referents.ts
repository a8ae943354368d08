import { readRow, type Row } from "../engine/engine.ts";
import { scanPages } from "../engine/scan-pages.ts";
import type { DataLocation } from "../format/chunk-ref.ts";
import { decodeObjectRow, decodePartRow, decodeUploadRow } from "../format/object-row.ts";
import type { RecordHeader } from "../format/record.ts";
import { partKey, space, spaceRange, uploadKey } from "../format/row-keys.ts";
import type { Partition } from "../keymap/keymap.ts";
import { isLeftOver } from "./uploads.ts";
import { allVersions, scanVersionPages, versionsOfKey } from "./version-scan.ts";

/*
 * Which rows refer to data: those of parts, heads and older versions. Data moves from one to
 * another while somebody looks for what refers to it: from a part to the head (Complete), from the
 * head to a version and back. So a search, here and nowhere else, reads parts first, and heads and
 * versions after them by position, which a move does not change (version-scan.ts). Then a reference
 * that is there from the beginning of the look to its end is met.
 */

/** A row that refers to data. */
export interface Referent {
  readonly kind: "object" | "part";
  readonly partition: Partition;
  readonly rowKey: Uint8Array;
  /** That of the object, or of the upload. */
  readonly storageClass: string;
}

/** @limit Versions of one key read at once; most keys have few. */
const versionsAtOnce = 64;

/**
 * The rows that refer to a record, `limit` at the most. A record names its key, so there are few to
 * ask: its part, the key's head, the key's older versions. `refers` says whether data has the
 * record in it.
 */
export async function findReferents(
  partition: Partition,
  record: RecordHeader,
  limit: number,
  refers: (data: DataLocation) => Promise<boolean>,
): Promise<Referent[]> {
  const { bucket, key } = record;
  const part = await findPart(partition, record);
  const found: Referent[] = [];
  if (part !== undefined && (await refers(decodePartRow(part.row.value).data))) {
    const { row, storageClass } = part;
    found.push({ kind: "part", partition, rowKey: row.key, storageClass });
    if (found.length >= limit) return found;
  }
  const versions = versionsOfKey(bucket, key);
  for await (const page of scanVersionPages(partition, versions, versionsAtOnce)) {
    // holds: C1 older-versions-refer-too
    for (const { row } of page) {
      const related = relatedData(row, record);
      if (related === undefined || !(await refers(related.data))) continue;
      const { storageClass } = related;
      found.push({ kind: "object", partition, rowKey: row.key, storageClass });
      if (found.length >= limit) return found;
    }
  }
  return found;
}

/** The row of the part that a record says it is of, unless it is left over. */
async function findPart(
  partition: Partition,
  record: RecordHeader,
): Promise<{ readonly row: Row; readonly storageClass: string } | undefined> {
  const { bucket, key, upload: id, part } = record;
  if (id === undefined) return undefined;
  const row = await readRow(partition, partKey(bucket, key, id, part));
  if (row === undefined) return undefined;
  // Read after the part: if a Complete comes in between, the versions, which are read later still,
  // show the object.
  const whole = await readRow(partition, uploadKey(bucket, key, id));
  const upload = whole && decodeUploadRow(whole.value);
  if (upload === undefined || isLeftOver(upload, part)) return undefined;
  return { row, storageClass: upload.attributes.storageClass };
}

/**
 * Readers ask for a record by its blob or upload too, so one of another cannot be what the row
 * means.
 */
function relatedData(
  { value }: Row,
  record: RecordHeader,
): { readonly data: DataLocation; readonly storageClass: string } | undefined {
  const { data, blob, upload, attributes } = decodeObjectRow(value);
  const isRelated = blob === record.blob || (upload !== undefined && upload === record.upload);
  return isRelated ? { data, storageClass: attributes.storageClass } : undefined;
}

/** Some of the rows that refer to data. */
export interface ReferentPage {
  readonly kind: Referent["kind"];
  readonly rows: readonly Row[];
}

/** All rows of a partition that refer to data, by pages of at most `limit`. */
export async function* referentPages(
  partition: Partition,
  limit: number,
): AsyncGenerator<ReferentPage, void, undefined> {
  for await (const rows of scanPages(partition, spaceRange(space.parts), limit)) {
    yield { kind: "part", rows };
  }
  for await (const page of scanVersionPages(partition, allVersions(), limit)) {
    yield { kind: "object", rows: page.map(({ row }) => row) };
  }
}

/** The data that such a row refers to. */
export function dataOf(kind: Referent["kind"], value: Uint8Array): DataLocation {
  return kind === "part" ? decodePartRow(value).data : decodeObjectRow(value).data;
}
