import type { ExtentTable } from "../../extent/extent-table.ts";
import type { ExtentWriter } from "../../extent/extent-writer.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { StuckMember } from "../../placement/plan-moves.ts";
import type { CanLose } from "../../placement/survival.ts";
import { takesMembers } from "../../placement/topology.ts";
import { healthOf } from "../extents/extent-health.ts";
import type { DiskSurveyResult } from "./disk-survey.ts";

/** @limit Fewer copies than two are made of nothing that has more. */
const copiesMin = 2;

export interface StuckExtentsOptions {
  readonly table: Pick<ExtentTable, "get">;
  /** What rewrites extents. */
  readonly writer: Pick<ExtentWriter, "membersNow">;
  readonly canLose: CanLose;
  readonly rewrite: (extent: ExtentId) => void;
  /** Space that stays free on each disk. */
  readonly reserveBytes: number;
}

/**
 * Extents with members that no disk takes, since each disk that takes any has one of them already.
 * What is alive in them is copied into extents of as many members as there are disks for now: where
 * a person asked for the disk to be emptied, or where the copies may lose more members than the
 * shards that are left. Copies of which one is lost stay as they are, since new ones would not be
 * more of them.
 *
 * A page of extents is rewritten at a time, and only as many as there is space for.
 */
export class StuckExtents {
  readonly #options: StuckExtentsOptions;
  /** Those that are being rewritten. */
  readonly #asked = new Set<ExtentId>();

  constructor(options: StuckExtentsOptions) {
    this.#options = options;
  }

  async rewrite(stuck: readonly StuckMember[], survey: DiskSurveyResult): Promise<void> {
    await this.#askAgain();
    if (this.#asked.size > 0) return;
    const { table, writer, reserveBytes, rewrite } = this.#options;
    let spaceBytes = survey.topology.disks
      .filter(takesMembers)
      .reduce((sum, { freeBytes }) => sum + Math.max(0, freeBytes - reserveBytes), 0);
    for (const member of stuck) {
      const row = member.isForDisks ? (await table.get(member.extent))?.row : undefined;
      if (row === undefined || !isRewritable(row)) continue;
      const copies = writer.membersNow(row);
      // holds: C8 stuck-extents-are-rewritten
      if (!this.#helps(member, row, copies, survey)) continue;
      const bytes = copies * (row.length - row.deadBytes);
      // holds: C6 rewritten-where-there-is-space
      if (bytes > spaceBytes) continue;
      spaceBytes -= this.#asked.has(member.extent) ? 0 : bytes;
      this.#asked.add(member.extent);
      rewrite(member.extent);
    }
  }

  /** What failed meanwhile is asked for again; what is done is forgotten. */
  async #askAgain(): Promise<void> {
    const { table, rewrite } = this.#options;
    for (const id of this.#asked) {
      const entry = await table.get(id);
      if (entry === undefined || !isRewritable(entry.row)) this.#asked.delete(id);
      else rewrite(id);
    }
  }

  #helps(
    { reason, from }: StuckMember,
    row: ExtentRow,
    copies: number,
    { disks }: DiskSurveyResult,
  ): boolean {
    if (copies < copiesMin) return false;
    if (reason === "drained" && disks.get(from)?.state === "emptying") return true;
    const isThere = (disk: typeof from): boolean => disks.get(disk)?.place !== undefined;
    const { spare } = healthOf(row, isThere, this.#options.canLose);
    return row.scheme.kind === "coded" && spare >= 0 && copies - 1 > spare;
  }
}

function isRewritable({ state, coming }: ExtentRow): boolean {
  return state === "reconciled" && coming.length === 0;
}
