import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";

/*
 * Which extents something may have to be done with, without walking the table again and again. Ids
 * only grow, so new extents stand behind those that were seen; each is looked at in every round
 * until there is nothing to do with it for now; and code that changes it later says so with `add`.
 * The first round of a process walks the whole table.
 *
 * An id is given before its row is committed, so a row may come behind others with higher ids: what
 * was seen lately is read again. One that comes later still is found by the inventory, which goes
 * round all extents.
 */

/** @limit Rows read at once. */
const rowsPerPage = 256;
/** @limit Time from an id to its row: a commit that waits longer than this has failed. */
const lateRowMs = 60_000;

export class ExtentWorklist {
  readonly #table: ExtentTable;
  readonly #clock: Clock;
  /** Extents that are looked at in each round. */
  readonly #pending = new Set<ExtentId>();
  /** All extents up to this one were seen, and those behind it when. */
  #seenUpTo: ExtentId | undefined;
  readonly #seenMs = new Map<ExtentId, number>();
  /** The extents left in this round. */
  #left: ExtentId[] | undefined;
  #after: ExtentId | undefined;

  constructor(table: ExtentTable, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
  }

  /** Called when something about this extent has changed. */
  add(extent: ExtentId): void {
    this.#pending.add(extent);
  }

  /** Called when there is nothing to do with it until it changes. */
  done(extent: ExtentId): void {
    this.#pending.delete(extent);
  }

  /** Has all extents looked at once more: something that concerns many has changed. */
  addAll(): void {
    this.#seenUpTo = undefined;
    this.#after = undefined;
    this.#seenMs.clear();
  }

  /** Has it looked at once more in this round. */
  again(extent: ExtentId): void {
    this.add(extent);
    this.#left?.push(extent);
  }

  /**
   * The next extent of this round that `isWanted`; `more` where call again, undefined at the
   * round's end. Reads a bounded number of rows.
   */
  async next(isWanted: (extent: ExtentId) => boolean): Promise<ExtentEntry | "more" | undefined> {
    if (this.#left === undefined) {
      if (await this.#findNew()) return "more";
      this.#left = [...this.#pending].sort((a, b) => b - a);
    }
    for (let id = this.#left.pop(); id !== undefined; id = this.#left.pop()) {
      if (!isWanted(id)) continue;
      const entry = await this.#table.get(id);
      if (entry !== undefined) return entry;
      this.done(id);
    }
    this.#left = undefined;
    return undefined;
  }

  /** Reads a page of what stands behind the extents that were seen; true where there is more. */
  async #findNew(): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    const entries = await this.#table.list(this.#after ?? this.#seenUpTo, rowsPerPage);
    for (const { id } of entries) {
      this.#after = id;
      if (this.#seenMs.has(id)) continue;
      this.#seenMs.set(id, nowMs);
      this.#pending.add(id);
    }
    if (entries.length === rowsPerPage) return true;
    this.#after = undefined;
    for (const [id, seenMs] of [...this.#seenMs].sort(([a], [b]) => a - b)) {
      if (seenMs > nowMs - lateRowMs) break;
      this.#seenUpTo = id;
      this.#seenMs.delete(id);
    }
    return false;
  }
}
