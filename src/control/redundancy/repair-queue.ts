import type { ExtentId } from "../../format/ids.ts";

/** What is to be done for an extent. */
export interface RepairTodo {
  /** Bytes of the members to be made. */
  readonly bytes: number;
  /** The work that it is to make them (member-work.ts). */
  readonly work: number;
  /** True where members are lost, and one more loss may lose data. */
  readonly isUrgent: boolean;
}

/** All that is to be done. */
export type RepairLeft = Omit<RepairTodo, "isUrgent">;

const nothing: RepairLeft = { bytes: 0, work: 0 };

/**
 * @limit Added to the rank of an extent that only the restore window keeps: more than any extent
 * has members, so that it comes behind all that are referred to.
 */
export const heldRank = 256;

/** Extents to repair, those of the lowest rank first: that can lose the fewest members. */
export class RepairQueue {
  readonly #entriesMax: number;
  /** The extents by rank, in the order in which they came. */
  readonly #byRank = new Map<number, Map<ExtentId, RepairTodo>>();
  readonly #rankOf = new Map<ExtentId, number>();
  #left = nothing;
  #isIncomplete = false;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#rankOf.size;
  }

  get left(): RepairLeft {
    return this.#left;
  }

  /** True where there were more extents than the queue takes: then others are left to be found. */
  get isIncomplete(): boolean {
    return this.#isIncomplete;
  }

  has(extent: ExtentId): boolean {
    return this.#rankOf.has(extent);
  }

  /** Undefined where it is not in the queue. */
  rankOf(extent: ExtentId): number | undefined {
    return this.#rankOf.get(extent);
  }

  isUrgent(extent: ExtentId): boolean {
    const extents = this.#byRank.get(this.#rankOf.get(extent) ?? Infinity);
    return extents?.get(extent)?.isUrgent === true;
  }

  /** Where the queue is full, one of the highest rank is left out, to be found by the next walk. */
  set(extent: ExtentId, rank: number, todo: RepairTodo): void {
    this.delete(extent);
    if (this.#rankOf.size >= this.#entriesMax) {
      this.#isIncomplete = true;
      const [highest = rank] = [...this.#byRank.keys()].sort((a, b) => b - a);
      const last = [...(this.#byRank.get(highest)?.keys() ?? [])].at(-1);
      if (highest <= rank || last === undefined) return;
      this.delete(last);
    }
    const extents = this.#byRank.get(rank) ?? new Map<ExtentId, RepairTodo>();
    this.#byRank.set(rank, extents.set(extent, todo));
    this.#rankOf.set(extent, rank);
    this.#add(todo, 1);
  }

  delete(extent: ExtentId): void {
    const rank = this.#rankOf.get(extent);
    if (rank === undefined) return;
    const extents = this.#byRank.get(rank);
    this.#add(extents?.get(extent) ?? nothing, -1);
    extents?.delete(extent);
    if (extents?.size === 0) this.#byRank.delete(rank);
    this.#rankOf.delete(extent);
  }

  #add({ bytes, work }: RepairLeft, times: 1 | -1): void {
    const { bytes: before, work: workBefore } = this.#left;
    this.#left = { bytes: before + times * bytes, work: workBefore + times * work };
  }

  /** Up to so many of the most urgent ones, which stay in the queue. */
  first(count: number): ExtentId[] {
    const found: ExtentId[] = [];
    for (const rank of [...this.#byRank.keys()].sort((a, b) => a - b)) {
      for (const extent of this.#byRank.get(rank)?.keys() ?? []) {
        if (found.length === count) return found;
        found.push(extent);
      }
    }
    return found;
  }

  clear(): void {
    this.#byRank.clear();
    this.#rankOf.clear();
    this.#left = nothing;
    this.#isIncomplete = false;
  }
}
