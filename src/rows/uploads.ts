import { readRow, type Row, scanRowsMax } from "../engine/engine.ts";
import type { ChangeId, UploadId } from "../format/ids.ts";
import {
  decodePartRow,
  decodeUploadRow,
  encodePartRow,
  encodeUploadRow,
  hasPart,
  type PartRow,
  type PartSet,
  type UploadRow,
} from "../format/object-row.ts";
import { parsePartKey, partKey, partsRange, uploadKey } from "../format/row-keys.ts";
import type { Plan } from "./commit.ts";
import type { KeyPlace, ReadPlace } from "./versions.ts";

/*
 * An upload has one row, and one for each of its parts. Storing a part puts the upload's row again,
 * unchanged: its new stamp shows a Complete or an abort that was planned meanwhile that there is a
 * part it has not seen. So parts of an upload commit one after the other (their bytes are written
 * before, at the same time), and none is ever left behind.
 */

/** @limit S3: parts are numbered 1 … 10,000. */
export const partNumberMax = 10_000;
/**
 * @limit Parts taken away in one commit: 2 ms of the event loop, and 2 MiB of the space that the
 * index keeps for what frees some when the disk is full. Ending an upload of 10,000 parts takes 40
 * commits.
 */
export const partsPerCommitMax = 256;

export interface FoundUpload {
  readonly id: UploadId;
  readonly row: UploadRow;
  readonly stored: Row;
}

export interface FoundPart extends PartRow {
  readonly part: number;
  readonly rowKey: Uint8Array;
  readonly stamp: ChangeId;
}

/** An upload that goes on. */
export async function readUpload(
  target: ReadPlace,
  id: UploadId,
): Promise<FoundUpload | undefined> {
  return openUploadOf(
    id,
    await readRow(target.partition, uploadKey(target.bucket.id, target.key, id)),
  );
}

/** The row of an upload that goes on or has ended. */
export async function readUploadRow(
  target: KeyPlace,
  id: UploadId,
): Promise<FoundUpload | undefined> {
  const stored = await readRow(target.partition, uploadKey(target.bucket.id, target.key, id));
  return uploadOf(id, stored);
}

/** An upload from its row, whether it goes on or has ended. */
export function uploadOf(id: UploadId, stored: Row | undefined): FoundUpload | undefined {
  return stored && { id, row: decodeUploadRow(stored.value), stored };
}

/** An upload that goes on, from its row. */
export function openUploadOf(id: UploadId, stored: Row | undefined): FoundUpload | undefined {
  const found = uploadOf(id, stored);
  // holds: C3 ended-upload-is-gone
  return found?.row.ended === undefined ? found : undefined;
}

/**
 * The row of such a part is still to be taken away, and refers to nothing: its data is an object's.
 */
export function isLeftOver({ ended }: UploadRow, part: number): boolean {
  // holds: C5 part-of-object-is-left-over
  return ended !== undefined && hasPart(ended, part);
}

/** All parts in order of their numbers. */
export async function readAllParts(target: KeyPlace, upload: UploadId): Promise<FoundPart[]> {
  const parts: FoundPart[] = [];
  for (;;) {
    const page = await readParts(target, upload, parts.at(-1)?.part ?? 0, scanRowsMax);
    parts.push(...page);
    if (page.length < scanRowsMax) return parts;
  }
}

/** Parts in order of their numbers, from the first above `afterPart`; at most `limit`. */
export async function readParts(
  target: ReadPlace,
  upload: UploadId,
  afterPart: number,
  limit: number,
): Promise<FoundPart[]> {
  if (afterPart >= partNumberMax) return [];
  const { bucket, key, partition } = target;
  const start = partKey(bucket.id, key, upload, afterPart + 1);
  const { end } = partsRange(bucket.id, key, upload);
  return (await partition.scan({ start, end }, { limit })).map(foundPart);
}

/** A part from its row. */
export function foundPart({ key, value, stamp }: Row): FoundPart {
  return { ...decodePartRow(value), part: parsePartKey(key).part, rowKey: key, stamp };
}

/**
 * Puts the row of a part, and that of its upload again: all commits on the upload check only its
 * row.
 */
export function planPart(
  { stored }: FoundUpload,
  before: { readonly rowKey: Uint8Array; readonly expect: ChangeId | "absent" },
  part: PartRow,
): Pick<Plan<unknown>, "checks" | "puts"> {
  const { key, value, stamp } = stored;
  return {
    checks: [
      { key, expect: stamp },
      { key: before.rowKey, expect: before.expect },
    ],
    // holds: C2 part-changes-upload
    puts: [
      { key: before.rowKey, value: encodePartRow(part) },
      { key, value },
    ],
  };
}

/**
 * Ends an upload, or goes on with it: takes away the rows of its first `partsPerCommit` parts, and
 * with the last of them its own. Until then its row says that it has ended, which parts are an
 * object's, and so which are garbage when their rows go. Its stamp stands for all of its parts: a
 * commit that changes one puts the upload's row again.
 *
 * @param parts from the first on; one more than `partsPerCommit`, where there are as many.
 */
export function planUploadEnd(
  { stored, row }: FoundUpload,
  parts: readonly FoundPart[],
  kept: PartSet,
  partsPerCommit = partsPerCommitMax,
): Pick<Plan<unknown>, "checks" | "puts" | "deletes" | "freed"> {
  const { key, stamp } = stored;
  // holds: C6 parts-per-commit
  const removed = parts.slice(0, partsPerCommit);
  const deletes = removed.map(({ rowKey }) => rowKey);
  const rest = {
    checks: [{ key, expect: stamp }],
    freed: removed.filter(({ part }) => !hasPart(kept, part)).map(({ data }) => data),
  };
  // holds: C5 parts-end-with-upload
  if (removed.length === parts.length) return { ...rest, puts: [], deletes: [...deletes, key] };
  return { ...rest, puts: [{ key, value: encodeUploadRow({ ...row, ended: kept }) }], deletes };
}
