import type { ExtentId } from "../../format/ids.ts";

/**
 * Extents that a task of this process is busy with, so that the others leave them alone: compacting
 * an extent while it is encoded would waste one of the two. What may happen to a row, its commits
 * decide; this only saves work.
 */
export class ExtentClaims {
  readonly #extents = new Set<ExtentId>();

  has(extent: ExtentId): boolean {
    return this.#extents.has(extent);
  }

  /** False where another task has it. */
  take(extent: ExtentId): boolean {
    if (this.#extents.has(extent)) return false;
    this.#extents.add(extent);
    return true;
  }

  release(extent: ExtentId): void {
    this.#extents.delete(extent);
  }
}
