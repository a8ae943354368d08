import { StoreError } from "../base/errors.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ShortExtent } from "../extent/extent-table.ts";
import { storeKey } from "../format/row-keys.ts";
import type { StoreCore } from "./store-core.ts";
import { readRow } from "../engine/engine.ts";

/**
 * @limit Two renewals of the lease missed, each of which is a commit like any other: now writes
 * would only wait.
 */
const sinceCommitMsMax = 7_000;
/**
 * @limit Extents below their redundancy are looked through up to here: more of those that are lost
 * is a number that only says "many".
 */
const shortExtentsMax = 1000;

const indexDamaged = "the index is damaged, and nothing is reclaimed until it was found good";

/**
 * Resolves where requests can be served, with warnings, if any; rejects with the reason where they
 * cannot.
 */
export async function readiness(
  core: Pick<StoreCore, "keymap" | "table" | "writer" | "lease" | "damage">,
  disks: ExtentDisks,
): Promise<readonly string[]> {
  const { keymap, table, writer, lease, damage } = core;
  const sinceMs = lease.sinceRenewedMs();
  if (sinceMs > sinceCommitMsMax) {
    const what = `the index has taken no commit for ${Math.round(sinceMs / 1000)} s`;
    throw new StoreError("unavailable", what);
  }
  if ((await readRow(keymap.system, storeKey())) === undefined) {
    throw new StoreError("corrupt", "the index has lost its first row");
  }
  const stopped = writer.statistics().disks.filter(({ condition }) => condition !== "ok");
  return [
    ...missingTexts(disks),
    ...stopped.map(({ name, condition }) => `${name} takes no writes (${condition})`),
    ...lostTexts(await table.listShort(undefined, shortExtentsMax)),
    ...((await damage.mark()) === undefined ? [] : [indexDamaged]),
  ];
}

/** Disks of the store that are not mounted, and those that failed too often. */
function missingTexts({ disks, rows }: ExtentDisks): string[] {
  return [...(rows?.values() ?? [])].flatMap(({ disk, name, state, reason }) => {
    if (state === "removed") return [];
    if (!disks.some(({ id }) => id === disk)) return [`${name} is missing`];
    return state === "out" ? [`${name} is out (${reason})`] : [];
  });
}

function lostTexts(extents: readonly ShortExtent[]): string[] {
  return (["missing", "damaged"] as const).flatMap((state) => {
    const those = extents.filter(({ short }) => short.lost === state);
    if (those.length === 0) return [];
    const bytes = those.reduce((sum, { short }) => sum + short.bytes, 0);
    const count =
      extents.length === shortExtentsMax ? `${those.length} or more` : `${those.length}`;
    return [`files of ${count} extents (${bytes} bytes) are ${state}`];
  });
}
