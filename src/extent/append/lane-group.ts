import type { ExtentClass } from "../../format/extent-row.ts";
import { must } from "../../base/assert.ts";
import type { AppendLane } from "./append-lane.ts";

/**
 * @limit Pairs of open extents of a class and process, each with its own syncs: 24 disks with three
 * copies. More disks are used in turn.
 */
const lanePairsMax = 8;

/** Two lanes, apart by the size of records; the same one twice where a group is single. */
interface LanePair {
  small: AppendLane;
  large: AppendLane;
}

function lanesOf({ small, large }: LanePair): readonly AppendLane[] {
  return small === large ? [large] : [small, large];
}

function aheadOf({ small, large }: LanePair): number {
  return small.bytesAhead + large.bytesAhead;
}

export type LaneKind = "small" | "large" | "inline";

/** The lanes of one extent class: pairs of them, or a single one for everything. */
export class LaneGroup {
  readonly extentClass: ExtentClass;
  readonly #createLane: (kind: LaneKind) => AppendLane;
  readonly #isSingle: boolean;
  #pairs: readonly LanePair[] = [];
  /** The lane of large records that are coded while they are written, over all disks. */
  #inline: AppendLane | undefined;
  /** Which lane comes first among equals: turned by each append, so that idle disks fill evenly. */
  #turn = 0;

  constructor(options: {
    readonly extentClass: ExtentClass;
    readonly isSingle: boolean;
    readonly createLane: (kind: LaneKind) => AppendLane;
  }) {
    this.extentClass = options.extentClass;
    this.#isSingle = options.isSingle;
    this.#createLane = options.createLane;
  }

  get lanes(): readonly AppendLane[] {
    const inline = this.#inline === undefined ? [] : [this.#inline];
    return [...this.#pairs.flatMap(lanesOf), ...inline];
  }

  /** Made when it is needed first. */
  get inlineLane(): AppendLane {
    return (this.#inline ??= this.#createLane("inline"));
  }

  /** Has as many pairs as so many disks need; returns the lanes that are not needed any more. */
  fit(disks: number, copies: number): readonly AppendLane[] {
    const pairsMax = this.#isSingle ? 1 : lanePairsMax;
    const count = Math.max(1, Math.min(pairsMax, Math.ceil(disks / copies)));
    if (count === this.#pairs.length) return [];
    const kept = this.#pairs.slice(0, count);
    const left = this.#pairs.slice(count).flatMap(lanesOf);
    while (kept.length < count) {
      const large = this.#createLane("large");
      kept.push({ large, small: this.#isSingle ? large : this.#createLane("small") });
    }
    this.#pairs = kept;
    return left;
  }

  /** The lane for records of this size that has the least to do. */
  idlest(size: "small" | "large"): AppendLane {
    const pairs = this.#pairs;
    let best = must(pairs[this.#turn % pairs.length], "a group has a pair of lanes");
    for (let i = 1; i < pairs.length; i++) {
      const pair = pairs[(this.#turn + i) % pairs.length]!;
      if (aheadOf(pair) < aheadOf(best)) best = pair;
    }
    this.#turn = (this.#turn + 1) % pairs.length;
    return best[size];
  }

  /** Another lane takes the place of this one, if it is one of the group. */
  replace(lane: AppendLane): void {
    for (const pair of this.#pairs) {
      const isBoth = pair.small === pair.large;
      if (pair.large === lane) pair.large = this.#createLane("large");
      if (pair.small === lane) pair.small = isBoth ? pair.large : this.#createLane("small");
    }
    if (this.#inline === lane) this.#inline = undefined;
  }
}
