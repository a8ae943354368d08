import { type ExtentRow, filesOf } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { nameOfScheme } from "../../placement/scheme-table.ts";
import { memberFileBytes } from "./extent-health.ts";

/** What there is of a storage class in one scheme. */
export interface ClassHolding {
  readonly storageClass: string;
  readonly scheme: string;
  readonly extents: number;
  /** Live bytes, as far as it is known what is dead. */
  readonly aliveBytes: number;
  /** Bytes of all its files, those too that are being made or removed. */
  readonly diskBytes: number;
}

/** Adds up sealed extents by storage class and scheme: there are few of both. */
export class ClassTally {
  readonly #holdings = new Map<string, ClassHolding>();

  get holdings(): readonly ClassHolding[] {
    return [...this.#holdings.values()];
  }

  add(row: ExtentRow): void {
    const { storageClass, state, length, deadBytes } = row;
    if (state === "open") return;
    const scheme = nameOfScheme(row.scheme);
    const key = `${storageClass} ${scheme}`;
    const before = this.#holdings.get(key);
    const files = filesOf(row).map((file) => memberFileBytes({ scheme: file.scheme, length }));
    const alive = state === "dropping" ? 0 : Math.max(0, length - extentHeaderBytes - deadBytes);
    this.#holdings.set(key, {
      storageClass,
      scheme,
      extents: (before?.extents ?? 0) + 1,
      aliveBytes: (before?.aliveBytes ?? 0) + alive,
      diskBytes: files.reduce((sum, bytes) => sum + bytes, before?.diskBytes ?? 0),
    });
  }
}
