import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { memberOfPath } from "../../extent/extent-files.ts";
import type { StrayOutcome } from "../../extent/extent-drop.ts";
import { dropStray } from "../../extent/extent-drop.ts";
import type { MemberName } from "../../extent/extent-member.ts";
import type { ExtentTable } from "../../extent/extent-table.ts";
import { isFileOf } from "../../format/extent-row.ts";
import { lastId } from "../../keymap/counters.ts";
import type { SessionId } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { listSessions } from "../../keymap/sessions.ts";
import type { Platform } from "../../platform/platform.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { GenerationKeeper } from "../generation-keeper.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { isTransient } from "../task-loop.ts";

/*
 * An extent has its row before its file, and loses the file before the row. So a file without a row
 * is rare: a writer was taken for dead while it made the file, and there was a crash as it took it
 * back. Such a file is looked for, now and then, and removed.
 *
 * It is a stray if no row has its id, read after the file was seen, the index has given that id,
 * and nothing is in it but a header, of this store and disk and of a session that has ended. A file
 * with records, or one whose id was not given yet, is left alone: the index may be older than the
 * disk (it was restored, say), and the file may be all there is of somebody's objects. Such files
 * are counted and logged, and `holdfast check` lists them.
 */

export interface StraySweepOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly counters: BackgroundCounters;
  readonly generation: Pick<GenerationKeeper, "assertOwnIndex">;
  /** Time from the end of one sweep to the next. */
  readonly everyMs: number;
}

export class StraySweep implements Task {
  readonly name = "stray sweep";
  readonly #options: StraySweepOptions;
  #round: AsyncGenerator<void, void, undefined> | undefined;
  #notBeforeMs = 0;
  #kept: number | undefined;

  constructor(options: StraySweepOptions) {
    this.#options = options;
  }

  /** Files that no row explains and nothing removes, as of the last round that came to its end. */
  get straysKept(): number | undefined {
    return this.#kept;
  }

  /** Looks through one folder of one disk. */
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
    let kept = 0;
    for (const disk of this.#options.disks.disks) {
      try {
        for (const folder of await disk.members.folders()) {
          kept += await this.#sweepFolder(disk, folder);
          yield;
        }
      } catch (thrown) {
        // A disk that is not there is looked at in the next round; the others need not wait for it.
        if (!isTransient(thrown)) throw thrown;
      }
    }
    this.#kept = kept;
  }

  /** Returns how many files it left alone. */
  async #sweepFolder(place: DataDisk, folder: string): Promise<number> {
    const { platform, table, counters } = this.#options;
    let kept = 0;
    for (const path of await place.members.pathsIn(folder)) {
      const name = memberOfPath(path);
      const entry = name === undefined ? undefined : await table.get(name.extent);
      if (entry !== undefined && isFileOf(entry.row, place.id, name?.layout)) continue;
      const isStray = name !== undefined && entry === undefined;
      const outcome = isStray ? await this.#drop(place, name) : "kept";
      if (outcome === "removed") counters.straysRemoved++;
      if (outcome !== "kept") continue;
      kept++;
      platform.log("warn", "extent_stray_kept", { path: `${place.members.name}/${path}` });
    }
    return kept;
  }

  async #drop(place: DataDisk, name: MemberName): Promise<StrayOutcome> {
    const { platform, keymap, disks } = this.#options;
    if (name.extent > (await lastId(keymap, "extents"))) return "kept";
    const last = await lastId(keymap, "sessions");
    const alive = new Set((await listSessions(keymap)).map(({ session }) => session));
    const writerIs = (session: SessionId) =>
      alive.has(session) ? "alive" : session <= last ? "ended" : "unknown";
    await this.#options.generation.assertOwnIndex();
    return dropStray({ platform, disks, place, name, writerIs });
  }
}
