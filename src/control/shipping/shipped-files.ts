import type { StoreId } from "../../format/ids.ts";
import {
  parseShippedName,
  type ShippedSegment,
  shippedDirectories,
  shippedName,
  type SnapshotSlice,
} from "../../format/shipped-file.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";

/** A snapshot that is whole at the target. */
export interface ShippedSnapshot {
  readonly sequence: number;
  readonly createdMs: number;
  readonly slices: readonly SnapshotSlice[];
}

/** The files of a store's index at a target, by their names. */
export class ShippedFiles {
  readonly #store: StoreId;
  readonly #files = new Map<string, SnapshotSlice | ShippedSegment>();

  private constructor(store: StoreId) {
    this.#store = store;
  }

  static async list(
    target: ShippingTarget,
    store: StoreId,
    signal: AbortSignal,
  ): Promise<ShippedFiles> {
    const files = new ShippedFiles(store);
    for (const directory of shippedDirectories(store)) {
      for (const name of await target.list(directory, signal)) {
        const file = parseShippedName(store, name);
        if (file !== undefined) files.add(file);
      }
    }
    return files;
  }

  add(file: SnapshotSlice | ShippedSegment): void {
    this.#files.set(shippedName(this.#store, file), file);
  }

  delete(name: string): void {
    this.#files.delete(name);
  }

  /** The newest first. One without its last slice, or another, is none. */
  snapshots(): ShippedSnapshot[] {
    const bySequence = Map.groupBy(
      [...this.#files.values()].filter((file) => file.kind === "snapshot"),
      ({ sequence }) => sequence,
    );
    const whole: ShippedSnapshot[] = [];
    for (const [sequence, found] of bySequence) {
      const slices = found.toSorted((a, b) => a.slice - b.slice);
      const last = slices.at(-1);
      if (last?.isLast !== true || last.slice !== slices.length - 1) continue;
      whole.push({ sequence, createdMs: last.createdMs, slices });
    }
    return whole.toSorted((a, b) => b.sequence - a.sequence);
  }

  /**
   * In the order of their records. Of a segment that was put again, longer, the longest counts.
   */
  segments(): ShippedSegment[] {
    const found = [...this.#files.values()].filter((file) => file.kind === "log");
    const longest = new Map<string, ShippedSegment>();
    for (const one of found.toSorted((a, b) => a.last - b.last)) {
      longest.set(`${one.writer} ${one.ordinal}`, one);
    }
    return [...longest.values()].toSorted((a, b) => a.first - b.first || a.last - b.last);
  }

  /**
   * The names of what is needed no more where only these snapshots are kept, and the log behind the
   * oldest: that is older, or a snapshot that never became whole.
   */
  needless(kept: readonly number[]): string[] {
    const oldest = Math.min(...kept);
    const newest = Math.max(...kept);
    return [...this.#files]
      .filter(([, file]) =>
        file.kind === "log"
          ? file.last <= oldest
          : file.sequence < newest && !kept.includes(file.sequence),
      )
      .map(([name]) => name);
  }
}
