import type { ExtentDisks } from "../extent/extent-files.ts";
import { createExtentReader } from "../extent/extent-reader.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import { checkGeneration } from "./check/generation-check.ts";
import { checkExtents, checkStrays } from "./check/extent-check.ts";
import { IndexCheck } from "./check/index-check.ts";
import type { CheckProgress, CheckReport } from "./check/report.ts";
import { CheckNotes } from "./check/report.ts";
import { Liveness } from "./extents/liveness.ts";
import { Manifests } from "./extents/manifests.ts";

export type { CheckCounts, CheckProblem, CheckProgress, CheckReport } from "./check/report.ts";

export interface CheckOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  onProgress?(progress: CheckProgress): void;
  readonly signal: AbortSignal;
}

/**
 * Goes through the whole store: every row of the index decodes and what it refers to is there and
 * belongs to it; every record of every extent matches its checksums, and at most one row refers to
 * it; every file has a row. Changes nothing, and needs memory for one page and one manifest. On a
 * store in use, what changes meanwhile is left out. Throws what the signal was aborted with, and
 * StoreError where index or disks cannot be read at all.
 */
export async function checkStore(options: CheckOptions): Promise<CheckReport> {
  const { platform, keymap, disks, table, signal } = options;
  // One of its own, without a cache: it looks at the disks.
  const reader = createExtentReader({ platform, disks, table });
  const notes = new CheckNotes();
  const manifests = new Manifests({ platform, disks, table, reader });
  const progressOf = (phase: CheckProgress["phase"]) => () =>
    options.onProgress?.({ phase, counts: notes.counts, problems: notes.problemsFound });
  try {
    const shared = { ...options, reader, notes, signal, manifests };
    await checkGeneration(shared);
    await new IndexCheck({ ...shared, progress: progressOf("index") }).run();
    const liveness = new Liveness(keymap, manifests);
    await checkExtents({ ...shared, liveness, progress: progressOf("extents") });
    await checkStrays({ ...shared, liveness, progress: progressOf("files") });
  } finally {
    await reader.close();
  }
  return notes.report();
}
