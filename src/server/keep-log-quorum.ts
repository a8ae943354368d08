import { compareBytes, noBytes } from "../base/bytes.ts";
import type { EngineReader } from "../engine/engine.ts";
import { readRow } from "../engine/engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { planLogQuorum, logQuorumOf } from "../extent/log-quorum.ts";
import { logPositionKey } from "../format/commit-record.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { encodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { logQuorumKey } from "../format/row-keys.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";

export interface LogQuorumKeeping {
  readonly platform: Pick<Platform, "log">;
  readonly keymap: Keymap;
  /** The engine of the system partition. */
  readonly index: EngineReader;
  /** Those that are there, the one with the index first. */
  readonly disks: ExtentDisks;
}

/**
 * Lets the commit log's quorum follow the disks of the store, as the registry has them. Disks that
 * are only missing stay in it: without them nobody could show later that the log is whole. A quorum
 * that the disks that are there could not meet is not taken, since no commit would come after it.
 */
export async function keepLogQuorum(
  { platform, keymap, index, disks }: LogQuorumKeeping,
  rows: readonly DiskRow[],
): Promise<void> {
  const [home] = disks.disks;
  if (home === undefined || (await readRow(index, logPositionKey)) === undefined) return;
  const key = logQuorumKey();
  const before = await readRow(keymap.system, key);
  const planned = planLogQuorum(rows, home.id);
  const value = planned === undefined ? noBytes : encodeLogQuorumRow(planned);
  if (compareBytes(before?.value ?? noBytes, value) === 0) return;
  const there = disks.disks.map(({ id }) => id);
  if (planned !== undefined && !logQuorumOf(planned, rows.length).isMet(there)) return;
  const { outcome } = await keymap.system.commit({
    id: keymap.session.nextChangeId(),
    checks: [{ key, expect: before?.stamp ?? "absent" }],
    puts: planned === undefined ? [] : [{ key, value }],
    deletes: planned === undefined ? [key] : [],
  });
  // Somebody else has changed it otherwise; the next look compares anew.
  if (outcome !== "ok") return;
  const domains = planned?.domains.length ?? 0;
  platform.log("info", "log_quorum_changed", {
    domains,
    disks: planned?.domains.flat().length ?? 0,
  });
}
