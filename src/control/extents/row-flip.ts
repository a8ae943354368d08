import { StoreError } from "../../base/errors.ts";
import { assert } from "../../base/assert.ts";
import type { Change, Row } from "../../engine/engine.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import { encodeGarbageRow } from "../../format/garbage-row.ts";
import type { BucketId, UploadId } from "../../format/ids.ts";
import { rowChunksMax } from "../../format/limits.ts";
import {
  decodeObjectRow,
  decodePartRow,
  encodeObjectRow,
  encodePartRow,
} from "../../format/object-row.ts";
import { garbageKey, parsePartKey, uploadKey } from "../../format/row-keys.ts";
import type { Session } from "../../keymap/session.ts";
import { isLeftOver } from "./liveness.ts";
import type { Referent } from "./liveness.ts";
import { Relocation } from "./relocation.ts";
import type { RelocationOptions } from "./relocation.ts";
import { readRow } from "../../engine/engine.ts";

export interface FlipOptions extends Omit<RelocationOptions, "moved" | "parts"> {
  readonly session: Session;
}

/** What moved of one row's data. */
export interface MovedRow {
  readonly referent: Referent;
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  readonly upload: UploadId | undefined;
  readonly moved: Map<number, ChunkRef>;
  readonly parts: Set<number>;
  /** Offsets of all records of it that lay in the extent: those that moved, and manifests. */
  readonly places: Set<number>;
}

/** @limit Each failure is a client's write of the same key that went first. */
const attemptsMax = 16;

/**
 * Makes a row refer to the new places of what has moved, and the old ones garbage in the same commit. False where it did not
 * refer to all of these places any more: then nothing is known of the rest, which another row may refer to by now (a part's
 * data becomes an object's). Manifests written are added to `appended`, also when it throws; they may be released unless
 * it throws `unknown`.
 */
export async function flipRow(
  options: FlipOptions,
  row: MovedRow,
  appended: ChunkRef[],
): Promise<boolean> {
  const { partition, rowKey } = row.referent;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await readRow(partition, rowKey);
    if (stored === undefined) return false;
    const relocation = new Relocation({ ...options, moved: row.moved, parts: row.parts });
    let value: Uint8Array | undefined;
    try {
      value = await relocateRow(row.referent.kind, stored.value, relocation);
    } finally {
      appended.push(...relocation.appended);
    }
    if (value === undefined) return false;
    const { freed } = relocation;
    const change = await planFlip(options.session, row, { ...stored, value }, freed);
    if (change === "left over") return false;
    if (change === "again" || (await partition.commit(change)).outcome !== "ok") continue;
    const left = new Set(freed.flatMap((ref) => (ref.extent === options.extent ? ref.offset : [])));
    return row.places.isSubsetOf(left);
  }
  throw new StoreError(
    "overloaded",
    `a row changed under ${attemptsMax} attempts to move its data`,
  );
}

/** The row's new value; undefined where it does not refer to what has moved. */
async function relocateRow(
  kind: Referent["kind"],
  value: Uint8Array,
  relocation: Relocation,
): Promise<Uint8Array | undefined> {
  if (kind === "object") {
    const row = decodeObjectRow(value);
    const data = await relocation.relocate(row.data);
    return data === row.data ? undefined : encodeObjectRow({ ...row, data });
  }
  const row = decodePartRow(value);
  const data = await relocation.relocate(row.data);
  return data === row.data ? undefined : encodePartRow({ ...row, data });
}

/** `again`: the upload of a part has gone meanwhile. `left over`: so has the part, but for its row. */
async function planFlip(
  session: Session,
  { referent, bucket, key, upload }: MovedRow,
  row: Row,
  freed: readonly ChunkRef[],
): Promise<Change | "again" | "left over"> {
  const id = session.nextChangeId();
  const garbage = encodeGarbageRow({ locations: locationsOf(freed) });
  // holds: C2 moved-row-unchanged
  const checks = [{ key: row.key, expect: row.stamp }];
  const puts = [
    { key: row.key, value: row.value },
    { key: garbageKey(bucket, key, id), value: garbage },
  ];
  if (referent.kind === "part") {
    // Whoever works on the upload may check its row alone: a new stamp says that a part is not what it was.
    assert(upload !== undefined, "a part without an upload");
    const whole = await readRow(referent.partition, uploadKey(bucket, key, upload));
    if (whole === undefined) return "again";
    if (isLeftOver(whole.value, parsePartKey(row.key).part)) return "left over";
    checks.push({ key: whole.key, expect: whole.stamp });
    puts.push({ key: whole.key, value: whole.value });
  }
  return { id, checks, puts, deletes: [] };
}

/** Plain chunks, manifests too: what a rewritten manifest listed is alive but for what is named here. */
function locationsOf(refs: readonly ChunkRef[]): DataLocation[] {
  const out: DataLocation[] = [];
  for (let at = 0; at < refs.length; at += rowChunksMax) {
    out.push({ kind: "chunks", chunks: refs.slice(at, at + rowChunksMax) });
  }
  return out;
}
