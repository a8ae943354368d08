import { dropFiles, placesThere } from "../../extent/extent-drop.ts";
import { isRemoved } from "../../extent/mounted-disks.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { idText } from "../../format/ids.ts";
import type { MemberFile } from "../../format/extent-row.ts";
import type { SessionId } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { ReadTracker } from "../../keymap/read-tracker.ts";
import { listSessions } from "../../keymap/sessions.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { GenerationKeeper } from "../generation-keeper.ts";
import type { RestoreWindow } from "../restore-window.ts";
import type { ShippingWait } from "../shipping-wait.ts";
import type { ExtentClaims } from "./extent-claims.ts";
import { filesBytes, isHeldExtent } from "./extent-health.ts";
import type { StoragePlane } from "./extent-walk.ts";
import { changeExtent, withoutComing, withoutLeft } from "./member-changes.ts";
import { RemovalWait } from "./removal-wait.ts";

/*
 * Takes away the files of extents that are no members: those that a session left coming when it
 * ended, and those that are leaving. The first become the second. A leaving file is removed once
 * nobody can need it, by its own header's proof, and only then forgotten: after a crash between the
 * two it is looked for again. One on a disk that is not there stays in the row until the disk is
 * back, or is removed from the store.
 */

export interface LeavingFilesOptions extends StoragePlane {
  readonly keymap: Keymap;
  /** The reads of this process; those of other processes are in their leases. */
  readonly reads: ReadTracker;
  readonly generation: Pick<GenerationKeeper, "assertOwnIndex">;
  readonly restoreWindow: Pick<RestoreWindow, "isHeld">;
  readonly claims: ExtentClaims;
  readonly shippingWait: ShippingWait;
  readonly counters: BackgroundCounters;
  /** A file goes after this long even if an older read is still under way. */
  readonly oldReadMs: number;
}

/**
 * `none`: no file of the extent is coming or leaving. `done`: something was done. `waiting`: there is
 * nothing to do now. `away`: all that is leaving is on disks that are not there.
 */
export type LeavingOutcome = "none" | "done" | "waiting" | "away";

export class LeavingFiles {
  readonly #options: LeavingFilesOptions;
  readonly #wait: RemovalWait;

  constructor(options: LeavingFilesOptions) {
    this.#options = options;
    this.#wait = new RemovalWait(options);
  }

  /** Does what can be done about an extent that no task of this process is busy with. */
  async tidy(entry: ExtentEntry): Promise<LeavingOutcome> {
    const { coming, leaving, state } = entry.row;
    const { restoreWindow } = this.#options;
    if (coming.length > 0) return (await this.#giveUpComing(entry)) ? "done" : "waiting";
    const isHeld = isHeldExtent(entry.row, (droppedMs) => restoreWindow.isHeld(droppedMs));
    // All files of an extent that is dropped now go with it.
    if (leaving.length === 0 || (state === "dropping" && !isHeld)) return "none";
    const gone = leaving.filter(({ disk }) => isRemoved(this.#options.disks, disk));
    if (gone.length > 0) {
      await changeExtent(this.#options.table, entry, (row) => withoutLeft(row, gone));
      return "done";
    }
    // First, since it costs nothing while it lasts.
    // holds: C5 no-read-needs-leaving-file
    if (!(await this.#wait.isOver(waitOf(entry), filesBytes(entry.row, leaving)))) return "waiting";
    const { platform, disks } = this.#options;
    const places = await placesThere(platform.clock, disks, leaving);
    const files = leaving.filter(({ disk }) => places.has(disk));
    if (files.length === 0) return "away";
    await this.#remove(entry, files);
    return "done";
  }

  /** False while the session that makes the files is alive. */
  async #giveUpComing(entry: ExtentEntry): Promise<boolean> {
    const { platform, keymap, table, claims } = this.#options;
    const { comingBy } = entry.row;
    const isOwn = comingBy === keymap.session.id;
    // holds: C5 coming-of-living-session-stays
    if (isOwn ? claims.has(entry.id) : await this.#isAlive(comingBy)) return false;
    await changeExtent(table, entry, (row) =>
      row.comingBy === comingBy && row.coming.length > 0
        ? withoutComing(row, platform.clock.now())
        : undefined,
    );
    return true;
  }

  async #isAlive(session: SessionId): Promise<boolean> {
    const alive = await listSessions(this.#options.keymap);
    return alive.some((one) => one.session === session);
  }

  async #remove(entry: ExtentEntry, files: readonly MemberFile[]): Promise<void> {
    const { table, generation, counters } = this.#options;
    await generation.assertOwnIndex();
    const why = "it is no member of the extent any more";
    const dropped = await dropFiles(this.#options, entry, { files, why });
    counters.filesKept += dropped.kept;
    counters.membersRemoved += dropped.removed;
    const { gone, failure } = dropped;
    if (gone.length > 0) await changeExtent(table, entry, (row) => withoutLeft(row, gone));
    if (failure !== undefined) throw failure;
  }
}

/** What is waited for: again, where more files of the extent are leaving. */
function waitOf({ id, row }: ExtentEntry): string {
  const files = row.leaving.map(({ layout, disk }) => `${layout} ${idText(disk)}`);
  return [id, ...files].join();
}
