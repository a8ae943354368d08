import { toHex } from "../../base/bytes.ts";
import type { Change } from "../../engine/engine.ts";
import type { ExtentRow, ExtentState } from "../../format/extent-row.ts";
import { decodeExtentRow } from "../../format/extent-row.ts";
import { decodeObjectRow } from "../../format/object-row.ts";
import { space } from "../../format/row-keys.ts";
import { decodeCounterRow } from "../../format/system-rows.ts";

/*
 * What may never happen to the index, looked at with each commit, for some wrongs heal before
 * anybody could see what came of them: a batch of garbage added up twice only has an extent
 * compacted too early, and then the sum is gone.
 */

const stateOrder: readonly ExtentState[] = ["open", "sealed", "settled", "reconciled", "dropping"];

export class IndexWatch {
  readonly #counters = new Map<string, number>();
  /** Undefined: it was removed, and its id is never used again. */
  readonly #extents = new Map<string, ExtentRow | undefined>();
  /** The version order of each head that is there. */
  readonly #heads = new Map<string, number>();

  /** Called with every change that happened, in their order; returns what is wrong with it. */
  observe(change: Change): string | undefined {
    for (const key of change.deletes) {
      if (key[0] === space.extents) this.#extents.set(toHex(key), undefined);
      if (key[0] === space.heads) this.#heads.delete(toHex(key));
    }
    for (const { key, value } of change.puts) {
      const id = toHex(key);
      const wrong = this.#put(key[0]!, id, value);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #put(spaceByte: number, id: string, value: Uint8Array): string | undefined {
    switch (spaceByte) {
      case space.counters:
      case space.drains:
        return this.#count(id, value);
      case space.extents:
        return this.#changeExtent(id, value);
      case space.heads:
        return this.#replaceHead(id, value);
      default:
        return undefined;
    }
  }

  #replaceHead(id: string, bytes: Uint8Array): string | undefined {
    const { order: version } = decodeObjectRow(bytes);
    const before = this.#heads.get(id) ?? 0;
    this.#heads.set(id, version);
    return version >= before ? undefined : `an older version comes back as head ${id}`;
  }

  #count(id: string, bytes: Uint8Array): string | undefined {
    const { value } = decodeCounterRow(bytes);
    const before = this.#counters.get(id) ?? 0;
    this.#counters.set(id, value);
    return value > before ? undefined : `counter ${id} goes from ${before} to ${value}`;
  }

  #changeExtent(id: string, bytes: Uint8Array): string | undefined {
    const row = decodeExtentRow(bytes);
    const before = this.#extents.get(id);
    const isNew = !this.#extents.has(id);
    this.#extents.set(id, row);
    if (isNew) return row.state === "open" ? undefined : `extent ${id} begins ${row.state}`;
    if (before === undefined) return `extent ${id} comes back`;
    if (stateOrder.indexOf(row.state) < stateOrder.indexOf(before.state)) {
      return `extent ${id} goes back from ${before.state} to ${row.state}`;
    }
    if (row.epoch < before.epoch) return `the epoch of extent ${id} goes back`;
    const isLonger = before.state !== "open" && row.length !== before.length;
    return isLonger ? `the final length of extent ${id} changes` : undefined;
  }
}
