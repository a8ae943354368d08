import { must } from "../../base/assert.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import { type ExtentId, idText } from "../../format/ids.ts";
import type { Platform } from "../../platform/platform.ts";
import { SparseLog } from "../../platform/sparse-log.ts";
import { examineExtent, noteMemberStates } from "../extent-examination.ts";
import type { ExtentDisks } from "../extent-files.ts";
import type { ExtentTable } from "../extent-table.ts";
import type { OpenedExtent } from "./opened-extent.ts";
import type { MemberFault } from "./shard-reader.ts";

export interface FaultNotesOptions {
  readonly platform: Pick<Platform, "clock" | "hash" | "log">;
  readonly table: ExtentTable;
  readonly disks: ExtentDisks;
}

/**
 * Notes in the extent's row what reads met, where it can be: repair goes by that, and reads ask the
 * member last from then on.
 */
export class FaultNotes {
  readonly #options: FaultNotesOptions;
  readonly #log: SparseLog;
  readonly #underWay = new Map<ExtentId, Promise<void>>();

  constructor(options: FaultNotesOptions) {
    this.#options = options;
    this.#log = new SparseLog(options.platform);
  }

  /** Notes it without a wait; what is noted of an extent already is not noted again meanwhile. */
  noteSoon(extent: OpenedExtent, faults: readonly MemberFault[]): void {
    const { id } = extent.entry;
    if (this.#underWay.has(id)) return;
    const noting = this.note(extent, faults).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, noting);
  }

  /** Resolves once it is noted, or could not be: the log says so then. */
  async note(extent: OpenedExtent, faults: readonly MemberFault[]): Promise<void> {
    for (const fault of faults) await this.#noteOne(extent, fault);
  }

  async close(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #noteOne({ entry: read }: OpenedExtent, { member, error }: MemberFault): Promise<void> {
    const found = error.code === "corrupt" ? "damaged" : "missing";
    if (error.code !== "corrupt" && error.code !== "missing") return;
    const { platform, table, disks } = this.#options;
    try {
      const entry = await table.get(read.id);
      if (entry === undefined || entry.row.state === "dropping") return;
      const { members, layout, state } = entry.row;
      // A member of an open extent may not have the last records yet.
      if (state === "open" && members.length > 1) return;
      // The row may mean another file by now, which nobody said anything about.
      const one = members[member];
      const isSame = layout === read.row.layout && one?.disk === read.row.members[member]?.disk;
      if (!isSame || one?.state !== "whole") return;
      // No other disk has to answer for that.
      const alone = { ...entry, row: { ...entry.row, members: [one] } };
      const examined = await examineExtent(platform.hash, disks, alone);
      if (examined.failure !== undefined) throw examined.failure;
      const [now = found] = examined.states;
      if (found === "missing" && now !== found) return;
      const noted = now === "whole" ? found : now;
      const states = members.map((_, index) => (index === member ? noted : undefined));
      await noteMemberStates(platform, table, entry, states);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      // Where its disk is away, each read that meets it comes here.
      const disk = idText(must(read.row.members[member], "a member that was read").disk);
      const fields = { disk, extent: read.id, member, message: messageOf(thrown) };
      this.#log.log("warn", "lost_extent_not_noted", disk, fields);
    }
  }
}
