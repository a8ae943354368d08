import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import { decodeGarbageRow } from "../../format/garbage-row.ts";
import { scanAll } from "../../engine/scan-pages.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import type { ObjectStore } from "../object-store.ts";

/** Everything in garbage rows, each reference as text, in order. Manifests stand for themselves. */
export async function freedIn(store: ObjectStore): Promise<string[]> {
  const locations: DataLocation[] = [];
  for (const partition of store.keymap.partitions) {
    const rows = await scanAll(partition, spaceRange(space.garbage));
    for (const row of rows) locations.push(...decodeGarbageRow(row.value).locations);
  }
  return refsOf(locations);
}

/** The same form for what is expected. */
export function refsOf(
  locations: readonly DataLocation[],
  ...more: readonly (ChunkRef | undefined)[]
): string[] {
  const refs = locations.flatMap((location) => {
    if (location.kind === "chunks") return location.chunks;
    return location.kind === "manifest" ? [location.ref] : [];
  });
  const all = [...refs, ...more].filter((ref) => ref !== undefined);
  return all.map(({ extent, offset, length }) => `${extent}@${offset}+${length}`).sort();
}
