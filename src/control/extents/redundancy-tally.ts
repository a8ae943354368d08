import type { ExtentEntry } from "../../extent/extent-table.ts";
import { RecentMap } from "../../base/recent-map.ts";
import { type DiskLabels, noLabels } from "../../format/disk-labels.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import { type DiskId, type ExtentId, idText } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { asAcknowledged } from "../../placement/scheme-table.ts";
import { type CanLose, type Survival, whatItSurvives, worseOf } from "../../placement/survival.ts";
import {
  haveDifferentRoots,
  healthOf,
  type IsHeld,
  isHeldExtent,
  memberFileBytes,
  type RedundancyLevel,
} from "./extent-health.ts";

/*
 * Adds up how far extents are from their redundancy, and what the store as a whole survives: what
 * the worst of them does. A disk that is not there counts at once, whatever the rows note.
 */

/** @limit Answers remembered, some 300 bytes each: extents on the same disks survive the same. */
const survivalsMax = 4096;
/**
 * @limit Extents whose level is remembered, some 60 bytes each: of a million extents (256 TB) one
 * in five. Past that objects are not counted.
 */
const levelsMax = 200_000;

export interface LevelCount {
  readonly extents: number;
  /** Live bytes, as far as it is known what is dead. */
  readonly bytes: number;
}

/** Extents that have not all the members that they should have. */
export interface Shortage {
  /** Extents with members that are not whole, or not the same, or whose disk is not there. */
  readonly shortExtents: number;
  /** Those of them that lack only what is on disks that are away, and may come back. */
  readonly waitingExtents: number;
  /** Copies that are whole, but fewer than a new extent would have: they are written anew. */
  readonly narrowExtents: number;
}

export interface RedundancyCount extends Shortage {
  readonly levels: Readonly<Record<RedundancyLevel, LevelCount>>;
  /** Extents that only the restore window keeps; the bytes are those of their files on all disks. */
  readonly held: Readonly<Record<RedundancyLevel, LevelCount>>;
  /** The level of each extent; undefined where there are too many that differ. */
  readonly levelOf: LevelsOfExtents | undefined;
  /** What the worst extent survives of those that can be read; undefined where there is none. */
  readonly survival: Survival | undefined;
}

/** The level that most extents have, and those that have another one. */
export interface LevelsOfExtents {
  readonly most: RedundancyLevel;
  readonly others: ReadonlyMap<ExtentId, RedundancyLevel>;
  /** All extents, and their live bytes. */
  readonly all: LevelCount;
}

const none: LevelCount = { extents: 0, bytes: 0 };

export interface RedundancyTallyOptions {
  readonly isThere: (disk: DiskId) => boolean;
  readonly isHeld: IsHeld;
  /** What the registry says of the disks. */
  readonly rows: ReadonlyMap<DiskId, DiskRow>;
  readonly canLose: CanLose;
  /** Copies that a new extent of the same class would have. */
  readonly copiesWanted: (row: ExtentRow) => number;
}

export class RedundancyTally {
  readonly #options: RedundancyTallyOptions;
  readonly #levels = new Map<RedundancyLevel, LevelCount>();
  readonly #held = new Map<RedundancyLevel, LevelCount>();
  readonly #known = new RecentMap<string, Survival>(survivalsMax);
  readonly #extents = new Map<RedundancyLevel, ExtentId[] | "too many">();
  #shortExtents = 0;
  #waitingExtents = 0;
  #narrowExtents = 0;
  #survival: Survival | undefined;

  constructor(options: RedundancyTallyOptions) {
    this.#options = options;
  }

  get count(): RedundancyCount {
    return {
      levels: recordOf(this.#levels),
      held: recordOf(this.#held),
      shortExtents: this.#shortExtents,
      waitingExtents: this.#waitingExtents,
      narrowExtents: this.#narrowExtents,
      levelOf: this.#levelOf(),
      survival: this.#survival,
    };
  }

  #levelOf(): LevelsOfExtents | undefined {
    const counts = [...this.#levels].toSorted(([, one], [, other]) => other.extents - one.extents);
    const [most = "full", ...rest] = counts.map(([level]) => level);
    const others = new Map<ExtentId, RedundancyLevel>();
    for (const level of rest) {
      const extents = this.#extents.get(level) ?? [];
      if (extents === "too many") return undefined;
      for (const extent of extents) others.set(extent, level);
    }
    const all = { extents: 0, bytes: 0 };
    for (const { extents, bytes } of this.#levels.values()) {
      all.extents += extents;
      all.bytes += bytes;
    }
    return { most, others, all };
  }

  #remember(extent: ExtentId, level: RedundancyLevel): void {
    const known = this.#extents.get(level) ?? [];
    if (known === "too many") return;
    if (known.length < levelsMax) known.push(extent);
    this.#extents.set(level, known.length < levelsMax ? known : "too many");
  }

  add({ id, row: found }: ExtentEntry): void {
    if (found.state === "dropping") {
      this.#addHeld(found);
      return;
    }
    // One without records has nothing to lose.
    if (found.state !== "open" && found.length <= extentHeaderBytes) return;
    const isOpen = found.state === "open";
    // holds: C8 open-extents-at-what-was-answered
    const scheme = isOpen ? asAcknowledged(found.scheme) : found.scheme;
    const row = { ...found, scheme };
    const { isThere, canLose } = this.#options;
    const { level: sureLevel, lost } = healthOf(row, isThere, canLose);
    // The members that are left may well have all of it.
    const isDoubtful = isOpen && sureLevel === "unreadable";
    const known = isDoubtful && healthOf(found, isThere, canLose).spare >= 0 ? "none" : sureLevel;
    const isNarrow =
      scheme.kind === "replicated" && row.members.length < this.#options.copiesWanted(found);
    const differs = haveDifferentRoots(row);
    // holds: C8 fewer-copies-are-not-full
    const level = known === "full" && (isNarrow || differs) ? "reduced" : known;
    if (lost.length > 0 || differs) this.#shortExtents++;
    else if (isNarrow) this.#narrowExtents++;
    if (!differs && this.#isWaiting(row, lost)) this.#waitingExtents++;
    this.#remember(id, level);
    const aliveBytes = Math.max(0, row.length - extentHeaderBytes - row.deadBytes);
    count(this.#levels, level, aliveBytes);
    if (level === "unreadable") return;
    const survival = this.#survivalOf(row, lost);
    this.#survival = this.#survival === undefined ? survival : worseOf(this.#survival, survival);
  }

  /** Nothing refers to it. Of one that is not held nothing is needed. */
  #addHeld(row: ExtentRow): void {
    const { isThere, isHeld, canLose } = this.#options;
    if (!isHeldExtent(row, isHeld)) return;
    const differs = haveDifferentRoots(row);
    const { level, lost } = healthOf(row, isThere, canLose);
    // holds: C8 held-extents-are-counted
    count(this.#held, level === "full" && differs ? "reduced" : level, heldBytes(row));
    if (lost.length > 0 || differs) this.#shortExtents++;
    if (!differs && this.#isWaiting(row, lost)) this.#waitingExtents++;
  }

  /** True if members are lost, and all of them are whole, on disks that nobody gave up. */
  #isWaiting({ members }: ExtentRow, lost: readonly number[]): boolean {
    if (lost.length === 0) return false;
    return lost.every((i) => {
      const { state, disk } = members[i]!;
      const known = this.#options.rows.get(disk)?.state ?? "active";
      return state === "whole" && known === "active";
    });
  }

  #survivalOf({ scheme, members }: ExtentRow, lost: readonly number[]): Survival {
    const disks = members.map(({ disk }, i) => (lost.includes(i) ? "" : idText(disk)));
    const kind =
      scheme.kind === "replicated" ? "copies" : `${scheme.code} ${scheme.data}+${scheme.parity}`;
    const key = `${kind} ${disks.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const places = members.map(({ disk }, i) => {
      return lost.includes(i) ? undefined : { disk, labels: this.#labelsOf(disk) };
    });
    const survival = whatItSurvives(scheme, places, this.#options.canLose);
    this.#known.set(key, survival);
    return survival;
  }

  #labelsOf(disk: DiskId): DiskLabels {
    return this.#options.rows.get(disk)?.labels ?? noLabels;
  }
}

function count(levels: Map<RedundancyLevel, LevelCount>, level: RedundancyLevel, more: number) {
  const { extents, bytes } = levels.get(level) ?? none;
  levels.set(level, { extents: extents + 1, bytes: bytes + more });
}

function recordOf(
  levels: ReadonlyMap<RedundancyLevel, LevelCount>,
): Readonly<Record<RedundancyLevel, LevelCount>> {
  const of = (level: RedundancyLevel): LevelCount => levels.get(level) ?? none;
  return {
    full: of("full"),
    reduced: of("reduced"),
    none: of("none"),
    unreadable: of("unreadable"),
  };
}

/** The bytes of its members' files. */
function heldBytes(row: ExtentRow): number {
  return memberFileBytes(row) * row.members.length;
}
