import { readFigures, sumOf } from "../../../src/cli/figures.ts";
import { shortNumber } from "../report/table.ts";
import type { Load } from "./loads.ts";
import type { Store } from "./stores.ts";

/** Counts of our server since its start. */
export interface SyncCounts {
  readonly records: number;
  readonly syncs: number;
}

export async function readSyncCounts(ours: Store | undefined): Promise<SyncCounts> {
  if (ours === undefined) return { records: 0, syncs: 0 };
  const figures = readFigures(await (await fetch(`${ours.endpoint}/-/metrics`)).text());
  return {
    records: sumOf(figures, "holdfast_extent_records_total") ?? 0,
    syncs: sumOf(figures, "holdfast_extent_syncs_total") ?? 0,
  };
}

/** How many records shared a sync of an extent while small objects were put. */
export function sharedSyncNote(
  { name, group, mix }: Load,
  before: SyncCounts,
  after: SyncCounts,
): string | undefined {
  const syncs = after.syncs - before.syncs;
  if (group !== "small" || mix[0]?.[0] !== "put" || syncs === 0) return undefined;
  const shared = (after.records - before.records) / syncs;
  return `${name}: ${shortNumber(shared)} records to one sync of an extent`;
}
