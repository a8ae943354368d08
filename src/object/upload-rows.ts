import type { Check, Row } from "../engine/engine.ts";
import { scanRowsMax } from "../engine/engine.ts";
import { ByteReader } from "../format/codec.ts";
import { idBytes } from "../format/ids.ts";
import type { ChangeId, UploadId } from "../format/ids.ts";
import type { PartRow, UploadRow } from "../format/object-row.ts";
import { decodePartRow, decodeUploadRow } from "../format/object-row.ts";
import { parseRoutedKey, partKey, partsRange, uploadKey } from "../format/row-keys.ts";
import type { Plan } from "./commit.ts";
import type { KeyPlace } from "./target.ts";

/*
 * An upload has one row, and one for each of its parts. Storing a part puts the upload's row again,
 * unchanged: its new stamp tells a Complete or an abort that was planned meanwhile that there is a
 * part it has not seen. So parts of an upload commit one after the other (their bytes are written
 * before, at the same time), and none is ever left behind.
 */

/** S3: parts are numbered 1 … 10,000. */
export const partNumberMax = 10_000;

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

export async function readUpload(target: KeyPlace, id: UploadId): Promise<FoundUpload | undefined> {
  const stored = await target.partition.get(uploadKey(target.bucket.id, target.key, id));
  return stored === undefined ? undefined : { id, row: decodeUploadRow(stored.value), stored };
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
  target: KeyPlace,
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

export async function readPart(
  target: KeyPlace,
  upload: UploadId,
  part: number,
): Promise<FoundPart | undefined> {
  const row = await target.partition.get(partKey(target.bucket.id, target.key, upload, part));
  return row === undefined ? undefined : foundPart(row);
}

function foundPart({ key, value, stamp }: Row): FoundPart {
  const number = parseRoutedKey(key).rest.subarray(idBytes);
  const part = new ByteReader(number, "part number").u16();
  return { ...decodePartRow(value), part, rowKey: key, stamp };
}

/**
 * Takes an upload away with all its parts. The parts' own stamps are checked too: compaction moves
 * a part's data without touching the upload's row.
 */
export function planUploadRemoval(
  upload: FoundUpload,
  parts: readonly FoundPart[],
): Pick<Plan<unknown>, "checks" | "deletes"> {
  const checks: Check[] = [{ key: upload.stored.key, expect: upload.stored.stamp }];
  for (const { rowKey, stamp } of parts) checks.push({ key: rowKey, expect: stamp });
  return { checks, deletes: checks.map((check) => check.key) };
}
