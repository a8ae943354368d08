import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { RecordHeader } from "../../format/record.ts";
import type { Liveness } from "./liveness.ts";
import type { Manifests } from "./manifests.ts";
import { bytesWithin, type StoragePlane, walkRecords } from "./extent-walk.ts";

export interface ReconcileOptions extends StoragePlane {
  readonly liveness: Liveness;
  readonly manifests: Manifests;
}

/**
 * Looks up every record of a settled extent in the index and makes its `deadBytes` exact: so what
 * failed conditions, hang-ups and crashes left unreferenced is found as well. What is still to be
 * drained is not counted here: it will be when it is. A hole counts as dead until somebody looks
 * what refers to it. That holds only while no garbage is drained, so the caller does one or the
 * other. What is dead by then is never looked up again, so this fails where a row or a manifest
 * cannot be read for now.
 */
export async function reconcileExtent(
  options: ReconcileOptions,
  entry: ExtentEntry,
  signal: AbortSignal,
): Promise<ExtentEntry | "conflict"> {
  const { table } = options;
  let deadBytes = 0;
  for await (const seen of walkRecords(options, entry, signal)) {
    if (seen.kind === "record") {
      if (await isKept(options, seen.header)) continue;
    }
    deadBytes += bytesWithin(entry, seen);
  }
  return table.replace(entry, { ...entry.row, state: "reconciled", deadBytes });
}

/** The contents of a lost manifest cannot be known: then the record is kept (C9). */
async function isKept(
  { liveness, manifests }: ReconcileOptions,
  header: RecordHeader,
): Promise<boolean> {
  try {
    const referent = await liveness.referentOf(header);
    return referent !== undefined || (await liveness.isAwaitingDrain(header));
  } catch (thrown) {
    await manifests.assertLost(thrown);
    return true;
  }
}
