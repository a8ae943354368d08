import type { DataDisk, ExtentDisks } from "../extent/extent-files.ts";
import { extentOfPath, extentsDirectory, pathsIn } from "../extent/extent-files.ts";
import { dropStray } from "../extent/extent-drop.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import { lastId } from "../keymap/counters.ts";
import type { SessionId } from "../format/ids.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { listSessions } from "../keymap/sessions.ts";
import type { Platform } from "../platform/platform.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { StepOutcome, Worker } from "./worker-loop.ts";
import { isPassing } from "./worker-loop.ts";

/*
 * An extent has its row before its file, and loses the file before the row. So a file without a row
 * is rare: a writer was taken for dead while it made the file, and there was a crash as it took it
 * back. Such a file is looked for, now and then, and removed.
 *
 * It is a stray if no row has its id, read after the file was seen, the index has given that id, and
 * nothing but a header is in it. A file with records, or one whose id was not given yet, is left alone:
 * the index may be older than the disk (it was restored, say), and the file may be all there is of somebody's
 * objects. `holdfast check` tells.
 */

export interface StraySweepOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly counters: BackgroundCounters;
  /** From the end of one sweep to the next. */
  readonly everyMs: number;
}

export class StraySweep implements Worker {
  readonly name = "stray sweep";
  readonly #options: StraySweepOptions;
  #round: AsyncGenerator<void, void, undefined> | undefined;
  #notBeforeMs = 0;

  constructor(options: StraySweepOptions) {
    this.#options = options;
  }

  /** One folder of one disk. */
  async step(): Promise<StepOutcome> {
    const { platform, everyMs } = this.#options;
    if (platform.clock.monotonicMs() < this.#notBeforeMs) return "idle";
    this.#round ??= this.#sweep();
    const { done } = await this.#round.next();
    if (done !== true) return "busy";
    this.#round = undefined;
    this.#notBeforeMs = platform.clock.monotonicMs() + everyMs;
    return "idle";
  }

  async *#sweep(): AsyncGenerator<void, void, undefined> {
    for (const disk of this.#options.disks.disks) {
      try {
        for (const folder of await pathsIn(disk, extentsDirectory)) {
          await this.#sweepFolder(disk, folder);
          yield;
        }
      } catch (thrown) {
        // A disk that is not there is looked at in the next round; the others need not wait for it.
        if (!isPassing(thrown)) throw thrown;
      }
    }
  }

  async #sweepFolder(disk: DataDisk, folder: string): Promise<void> {
    const { platform, keymap, table, counters } = this.#options;
    for (const path of await pathsIn(disk, folder)) {
      const extent = extentOfPath(path);
      if (extent === undefined || (await table.get(extent)) !== undefined) continue;
      if (extent > (await lastId(keymap, "extents"))) continue;
      const sessions = new Set((await listSessions(keymap)).map(({ session }) => session));
      const mayWrite = (session: SessionId): boolean => sessions.has(session);
      if (!(await dropStray(platform.hash, disk, extent, mayWrite))) continue;
      counters.straysRemoved++;
      platform.log("warn", "stray_extent_removed", { extent, disk: disk.disk.name });
    }
  }
}
