import { assert } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { readRow, type Row } from "../engine/engine.ts";
import type { ChunkRef, DataLocation } from "../format/chunk-ref.ts";
import type { BucketId, UploadId } from "../format/ids.ts";
import { rowChunksMax } from "../format/limits.ts";
import { decodeObjectRow, decodePartRow } from "../format/object-row.ts";
import { parsePartKey, uploadKey } from "../format/row-keys.ts";
import type { Session } from "../keymap/keymap.ts";
import type { Plan } from "./commit.ts";
import { garbagePuts } from "./garbage.ts";
import { dataOf, type Referent } from "./referents.ts";
import { isLeftOver, planPart, uploadOf } from "./uploads.ts";
import { planRewrite } from "./version-changes.ts";

/*
 * Makes a row refer to copies of its data. Nothing else of the row changes, and it stays where it
 * stands, so the check of the row is enough: one that moves, changes or goes meanwhile is another
 * row by then. The bucket's fence need not be checked, since such a commit adds nothing to a
 * bucket.
 */

/** A row whose data has moved. */
export interface DataPlace {
  readonly referent: Referent;
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  readonly upload: UploadId | undefined;
}

/**
 * Where data is now, and the records that it does without: manifests stand for themselves alone.
 */
export interface MovedData {
  readonly data: DataLocation;
  readonly freed: readonly ChunkRef[];
}

/** @limit Each failure is a client's write of the same key that went first. */
const attemptsMax = 16;

/**
 * Commits what `relocate` makes of the row's data, which may be asked again for what the row has
 * then; what that frees is garbage of the same commit. The records freed; undefined where the row
 * has gone, or nothing of its data has moved (`relocate` says so by undefined). StoreError
 * `overloaded` after too many conflicts, and the engine's.
 */
export async function moveData(
  session: Session,
  place: DataPlace,
  relocate: (data: DataLocation) => Promise<MovedData | undefined>,
): Promise<readonly ChunkRef[] | undefined> {
  const { kind, partition, rowKey } = place.referent;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await readRow(partition, rowKey);
    if (stored === undefined) return undefined;
    const moved = await relocate(dataOf(kind, stored.value));
    if (moved === undefined) return undefined;
    const planned = await planMove(place, stored, moved.data);
    if (planned === "left over") return undefined;
    if (planned === "again") continue;
    const id = session.nextChangeId();
    const { bucket, key } = place;
    const garbage = garbagePuts({ bucket: { id: bucket }, key }, id, locationsOf(moved.freed));
    const { outcome } = await partition.commit({
      id,
      // holds: C2 moved-row-unchanged
      checks: planned.checks,
      puts: [...planned.puts, ...garbage],
      deletes: [],
    });
    if (outcome === "ok") return moved.freed;
  }
  throw new StoreError(
    "overloaded",
    `a row changed under ${attemptsMax} attempts to move its data`,
  );
}

/**
 * `again`: the upload of a part has gone meanwhile. `left over`: so has the part, but for its row.
 */
async function planMove(
  { referent, bucket, key, upload: id }: DataPlace,
  stored: Row,
  data: DataLocation,
): Promise<Pick<Plan<unknown>, "checks" | "puts"> | "again" | "left over"> {
  const { key: rowKey, stamp, value } = stored;
  if (referent.kind === "object") {
    return planRewrite({ rowKey, stamp }, { ...decodeObjectRow(value), data });
  }
  assert(id !== undefined, "a part without an upload");
  const upload = uploadOf(id, await readRow(referent.partition, uploadKey(bucket, key, id)));
  if (upload === undefined) return "again";
  if (isLeftOver(upload.row, parsePartKey(rowKey).part)) return "left over";
  return planPart(upload, { rowKey, expect: stamp }, { ...decodePartRow(value), data });
}

/**
 * Plain chunks, manifests too: what a rewritten manifest listed is alive but for what is named
 * here.
 */
function locationsOf(refs: readonly ChunkRef[]): DataLocation[] {
  const out: DataLocation[] = [];
  for (let at = 0; at < refs.length; at += rowChunksMax) {
    out.push({ kind: "chunks", chunks: refs.slice(at, at + rowChunksMax) });
  }
  return out;
}
