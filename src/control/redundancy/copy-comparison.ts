import { messageOf, type StoreError } from "../../base/errors.ts";
import { compareCopies } from "../../extent/compare-copies.ts";
import { differingRecords } from "../../extent/differing-records.ts";
import type { ByteRange } from "../../extent/digest-tree.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { verifyMember } from "../../extent/member-verification.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ExtentClaims } from "../extents/extent-claims.ts";
import { haveDifferentRoots } from "../extents/extent-health.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";
import type { Liveness } from "../extents/liveness.ts";
import { changeExtent, withMemberState, withTableChecksum } from "../extents/member-changes.ts";
import { unlessTransient } from "../task-loop.ts";
import { RestingExtents } from "../extents/resting-extents.ts";

/*
 * What becomes of copies that are each valid by themselves and yet differ: one that was restored
 * from an older copy, say, or swapped. Scrub notes the root of each copy in the extent's row
 * (extent/digest-tree.ts); where two roots differ, the members say which blocks do, without moving
 * them, and then it is decided which copies are right:
 *
 * - One that lacks a record which a row refers to, and which another has, is wrong, however many
 *   are like it.
 * - Of the others the largest number of equal ones is right, and of as many the first. What they
 *   differ in nothing refers to.
 *
 * The wrong ones are noted as damaged, and repair makes them again of the right ones, which are
 * there, durable and verified. Where each copy lacks something all are kept, and reads take each
 * record from whichever copy has it. While copies are known to differ, their extent is neither
 * compacted, encoded nor repaired: a walk takes what one of them says. So are those of an extent
 * that only the restore window keeps: to which of its records a restore refers nobody can say.
 *
 * A comparison that cannot be made now, since a disk is away or rows may still come, is due: the
 * roots in the row say so.
 */

/** @limit Extents whose comparison is due that are remembered; others are met by the next scrub. */
const dueMax = 4096;
/** @limit Time until a comparison that is due is tried again. */
const dueRestMs = 60_000;

export interface CopyComparisonOptions extends StoragePlane {
  readonly liveness: Liveness;
  readonly claims: Pick<ExtentClaims, "has">;
  readonly counters: BackgroundCounters;
}

export class CopyComparison {
  readonly #options: CopyComparisonOptions;
  readonly #due = new Set<ExtentId>();
  readonly #resting: RestingExtents;

  constructor(options: CopyComparisonOptions) {
    this.#options = options;
    this.#resting = new RestingExtents(options.platform.clock, dueMax);
  }

  /** Tries one that is due again; false where none is for now. */
  async goOn(signal: AbortSignal): Promise<boolean> {
    for (const id of this.#due) {
      if (this.#resting.has(id)) continue;
      this.#due.delete(id);
      const entry = await this.#options.table.get(id);
      if (entry !== undefined) await this.compare(entry, signal);
      return true;
    }
    return false;
  }

  /** Compares the copies of the extent, if their roots differ. */
  async compare(entry: ExtentEntry, signal: AbortSignal): Promise<void> {
    const { row, id } = entry;
    if (!haveDifferentRoots(row)) return;
    const isBusy = row.state === "open" || row.state === "sealed" || this.#options.claims.has(id);
    const isDone = !isBusy && (await unlessTransient(this.#judge(entry, signal)));
    if (isDone === true || this.#due.size >= dueMax) return;
    this.#due.add(id);
    this.#resting.rest(id, dueRestMs);
  }

  /** False where not all of them were there. StoreError as they, or the index, fail. */
  async #judge(entry: ExtentEntry, signal: AbortSignal): Promise<boolean> {
    const { id, row } = entry;
    const copies = [...row.members.keys()];
    this.#options.counters.extentsCompared++;
    const { present, differences } = await compareCopies(this.#options, entry, copies);
    const roots = new Map<number, number>();
    const bad = new Map<number, StoreError>();
    for (const copy of present) {
      const { error, root } = await verifyMember(this.#options, entry, copy, signal);
      if (error !== undefined) bad.set(copy, error);
      else if (root !== undefined) roots.set(copy, root);
    }
    const lacking = await this.#lacking(entry, [...roots.keys()], differences, signal);
    const possible = new Map([...roots].filter(([copy]) => !lacking.has(copy)));
    // holds: C9 of-held-copies-none-is-given-up
    const kept = row.state === "dropping" ? [] : largestGroup(possible);
    const wrong = [...roots.keys()].filter((copy) => !kept.includes(copy));
    if (bad.size + wrong.length > 0) {
      const [error] = bad.values();
      this.#options.platform.log("error", "copies_differ", {
        extent: id,
        wrong: [...bad.keys(), ...wrong].join(),
        kept: kept.join(),
        from: differences[0]?.start ?? 0,
        bytes: differences.reduce((sum, { start, end }) => sum + end - start, 0),
        ...(error === undefined ? {} : { message: messageOf(error) }),
      });
    }
    // holds: C9 no-copy-is-wrong-without-a-right-one
    if (kept.length > 0) await this.#note(entry, roots, [...bad.keys()], wrong);
    return present.length === copies.length;
  }

  /** The copies that lack a record which a row refers to, and which another copy has. */
  async #lacking(
    entry: ExtentEntry,
    copies: readonly number[],
    differences: readonly ByteRange[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<number>> {
    const lacking = new Set<number>();
    if (copies.length < 2 || differences.length === 0) return lacking;
    const { platform, disks, liveness } = this.#options;
    const found = differingRecords({ platform, disks, entry, copies, differences, signal });
    for await (const { header, without } of found) {
      if (without.every((copy) => lacking.has(copy))) continue;
      // holds: C5 referenced-record-is-right
      if (await liveness.isMeant(header)) for (const copy of without) lacking.add(copy);
    }
    return lacking;
  }

  /** Notes the roots that were read, and which copies are not what they should be. */
  async #note(
    entry: ExtentEntry,
    roots: ReadonlyMap<number, number>,
    bad: readonly number[],
    wrong: readonly number[],
  ): Promise<void> {
    const { table, counters } = this.#options;
    const { layout, members } = entry.row;
    const changed = await changeExtent(table, entry, (row) => {
      let next = row;
      for (const [member, { disk }] of members.entries()) {
        const file = { member, disk, layout };
        const isWrong = wrong.includes(member) || bad.includes(member);
        const root = isWrong ? 0 : roots.get(member);
        if (root !== undefined) next = withTableChecksum(next, file, root) ?? next;
        if (isWrong) next = withMemberState(next, file, "damaged") ?? next;
      }
      return next === row ? undefined : next;
    });
    if (changed === undefined) return;
    counters.copiesFoundWrong += wrong.length;
    counters.membersFoundBad += bad.length + wrong.length;
  }
}

/** The largest number of copies with the same root, and the first of as many. */
function largestGroup(roots: ReadonlyMap<number, number>): readonly number[] {
  const groups = new Map<number, number[]>();
  for (const [copy, root] of roots) groups.set(root, [...(groups.get(root) ?? []), copy]);
  let largest: readonly number[] = [];
  for (const group of groups.values()) if (group.length > largest.length) largest = group;
  return largest;
}
