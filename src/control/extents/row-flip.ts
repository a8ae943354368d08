import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { Session } from "../../keymap/keymap.ts";
import { type DataPlace, moveData } from "../../rows/data-move.ts";
import { Relocation, type RelocationOptions } from "./relocation.ts";

export interface FlipOptions extends Omit<RelocationOptions, "moved" | "parts"> {
  readonly session: Session;
}

/** The part of one row's data that moved. */
export interface MovedRow extends DataPlace {
  readonly moved: Map<number, ChunkRef>;
  readonly parts: Set<number>;
  /** Offsets of all records of it that lay in the extent: those that moved, and manifests. */
  readonly places: Set<number>;
}

/**
 * Makes a row refer to the new places of what has moved, and the old ones garbage in the same
 * commit. False where it did not refer to all of these places any more: then nothing is known of
 * the rest, which another row may refer to by now (a part's data becomes an object's). Manifests
 * written are added to `appended`, also when it throws; they may be released unless it throws
 * `unknown`.
 */
export async function flipRow(
  options: FlipOptions,
  row: MovedRow,
  appended: ChunkRef[],
): Promise<boolean> {
  const freed = await moveData(options.session, row, async (before) => {
    const relocation = new Relocation({ ...options, moved: row.moved, parts: row.parts });
    try {
      const data = await relocation.relocate(before);
      return data === before ? undefined : { data, freed: relocation.freed };
    } finally {
      appended.push(...relocation.appended);
    }
  });
  if (freed === undefined) return false;
  const left = new Set(freed.flatMap((ref) => (ref.extent === options.extent ? ref.offset : [])));
  return row.places.isSubsetOf(left);
}
