import type { DiskRow } from "../../format/disk-row.ts";
import type { DiskId } from "../../format/ids.ts";
import type { DiskHolding } from "./disk-holdings.ts";

interface Begun {
  readonly atMs: number;
  readonly bytes: number;
  readonly latestMs: number;
  readonly latestBytes: number;
}

/**
 * How long it takes until disks are empty, at the rate since this process began to look. A pause
 * begins anew.
 */
export class EmptyingProgress {
  #begun: ReadonlyMap<DiskId, Begun> = new Map();

  /** Called after each count of what is on the disks. */
  note(
    holdings: ReadonlyMap<DiskId, DiskHolding>,
    rows: ReadonlyMap<DiskId, DiskRow>,
    nowMs: number,
  ): void {
    const begun = new Map<DiskId, Begun>();
    for (const { disk, state, isPaused } of rows.values()) {
      if (state !== "emptying" || isPaused) continue;
      const bytes = holdings.get(disk)?.bytes ?? 0;
      const first = this.#begun.get(disk) ?? { atMs: nowMs, bytes };
      begun.set(disk, { ...first, latestMs: nowMs, latestBytes: bytes });
    }
    this.#begun = begun;
  }

  /** Undefined for a disk that is not emptied, or that nothing went from yet. */
  secondsLeft(disk: DiskId): number | undefined {
    const begun = this.#begun.get(disk);
    if (begun === undefined) return undefined;
    const { latestBytes } = begun;
    if (latestBytes === 0) return 0;
    const movedBytes = begun.bytes - latestBytes;
    const tookMs = begun.latestMs - begun.atMs;
    return movedBytes <= 0 ? undefined : Math.round((latestBytes * tookMs) / movedBytes / 1000);
  }
}
