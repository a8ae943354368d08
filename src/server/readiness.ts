import { StoreError } from "../base/errors.ts";
import type { LostExtentRow } from "../format/extent-row.ts";
import { storeKey } from "../format/row-keys.ts";
import type { StoreCore } from "./store-core.ts";
import { readRow } from "../engine/engine.ts";

/**
 * @limit Two renewals of the lease missed, each of which is a commit like any other: now writes
 * would only wait.
 */
const sinceCommitMsMax = 7_000;
/** @limit Lost extents are counted up to here: more of them is a number that only says "many". */
const lostExtentsMax = 1000;

const indexDamaged = "the index is damaged, and nothing is reclaimed until it was found good";

/**
 * Resolves where requests can be served, with warnings, if any; rejects with the reason where they
 * cannot.
 */
export async function readiness(
  core: Pick<StoreCore, "keymap" | "table" | "writer" | "lease" | "damage">,
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
    ...stopped.map(({ name, condition }) => `${name} takes no writes (${condition})`),
    ...lostTexts(await table.listLost(lostExtentsMax)),
    ...((await damage.mark()) === undefined ? [] : [indexDamaged]),
  ];
}

function lostTexts(lost: readonly LostExtentRow[]): string[] {
  return (["missing", "damaged"] as const).flatMap((state) => {
    const those = lost.filter((row) => row.state === state);
    if (those.length === 0) return [];
    const bytes = those.reduce((sum, row) => sum + row.bytes, 0);
    const count = lost.length === lostExtentsMax ? `${those.length} or more` : `${those.length}`;
    return [`files of ${count} extents (${bytes} bytes) are ${state}`];
  });
}
