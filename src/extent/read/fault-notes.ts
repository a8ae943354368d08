import { must } from "../../base/assert.ts";
import { isStoreError, messageOf, type StoreError } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import type { MemberOnDisk, MemberState } from "../../format/extent-row.ts";
import { type ExtentId, idText } from "../../format/ids.ts";
import type { Platform } from "../../platform/platform.ts";
import { SparseLog } from "../../platform/sparse-log.ts";
import { isReadError, UnreadableBytes } from "../disk/unreadable-bytes.ts";
import { examineExtent, isStillUnreadable, noteMemberStates } from "../extent-examination.ts";
import type { ExtentDisks } from "../extent-files.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";
import type { OpenedExtent } from "./opened-extent.ts";
import type { MemberFault } from "./shard-reader.ts";

/** @limit Members that are read once more at a time: a bad sector takes a disk seconds. */
const rereadsMax = 1;
/** @limit … and that wait for it; what is more is noted by a later read, or by scrub. */
const rereadsWaitingMax = 64;

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
  readonly #rereads = new Limiter({
    unitsMax: rereadsMax,
    waitersMax: rereadsWaitingMax,
    what: "members to read once more",
  });

  constructor(options: FaultNotesOptions) {
    this.#options = options;
    this.#log = new SparseLog(options.platform);
  }

  /** Notes it without a wait; what is noted of an extent already is not noted again meanwhile. */
  noteSoon(extent: OpenedExtent, faults: readonly MemberFault[]): void {
    const { id } = extent.entry;
    if (this.#underWay.has(id)) return;
    const noting = this.#noteAll(extent, faults).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, noting);
  }

  async #noteAll(extent: OpenedExtent, faults: readonly MemberFault[]): Promise<void> {
    for (const fault of faults) await this.#noteOne(extent, fault);
  }

  /**
   * Resolves once it is noted, or could not be: the log says so then. Bytes that a disk could not
   * read are read once more, for which nobody waits.
   */
  async note(extent: OpenedExtent, faults: readonly MemberFault[]): Promise<void> {
    const unreadable = faults.filter(({ error }) => isReadError(error));
    await this.#noteAll(
      extent,
      faults.filter((fault) => !unreadable.includes(fault)),
    );
    if (unreadable.length > 0) this.noteSoon(extent, unreadable);
  }

  async close(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #noteOne({ entry: read }: OpenedExtent, { member, error }: MemberFault): Promise<void> {
    const found = stateAfter(error);
    if (found === undefined) return;
    const { platform, table } = this.#options;
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
      const noted = isReadError(error)
        ? await this.#readAgain(entry, { member, error })
        : await this.#examine(entry, one, found);
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

  /** What is to be noted of a member whose bytes were wrong, or whose file was not there. */
  async #examine(
    entry: ExtentEntry,
    one: MemberOnDisk,
    found: MemberState,
  ): Promise<MemberState | undefined> {
    const { platform, disks } = this.#options;
    // No other disk has to answer for that.
    const alone = { ...entry, row: { ...entry.row, members: [one] } };
    const examined = await examineExtent(platform.hash, disks, alone);
    if (examined.failure !== undefined) throw examined.failure;
    const [now = found] = examined.states;
    if (found === "missing" && now !== found) return undefined;
    return now === "whole" ? found : now;
  }

  /** The same of one that its disk could not read: undefined where it can by now. */
  async #readAgain(
    entry: ExtentEntry,
    { member, error }: MemberFault,
  ): Promise<MemberState | undefined> {
    if (!(error instanceof UnreadableBytes)) return undefined;
    const again = () => isStillUnreadable(this.#options, entry, member, error.where);
    return (await this.#rereads.run(1, again)) ? "damaged" : undefined;
  }
}

/** What a member is if the failure is one of its own; undefined where it is not. */
function stateAfter(error: StoreError): MemberState | undefined {
  if (error.code === "corrupt" || isReadError(error)) return "damaged";
  return error.code === "missing" ? "missing" : undefined;
}
