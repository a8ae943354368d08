import { newDiskRow } from "../../format/disk-row.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import type { DiskId } from "../../format/ids.ts";
import { MountedDisks } from "../mounted-disks.ts";
import type { TestStore } from "./test-store.ts";

const zones = ["a", "b", "c"] as const;

/** The disks of a store in three zones: the first third of them in one, and so on. */
export class ZonedDisks {
  readonly mounted: MountedDisks;
  readonly #all: MountedDisks["disks"];
  readonly #rows: Map<DiskId, DiskRow>;

  constructor({ disks: { store, disks } }: TestStore) {
    this.#all = disks;
    const row = (id: DiskId, i: number) => {
      const zone = zones[Math.floor((i * zones.length) / disks.length)]!;
      const host = `${zone}${i % 2}`;
      return newDiskRow({ disk: id, addedMs: 0, name: `/data${i + 1}`, labels: { zone, host } });
    };
    this.#rows = new Map(disks.map(({ id }, i) => [id, row(id, i)]));
    this.mounted = new MountedDisks(store, disks);
    this.set([], {});
  }

  /** Some disks are not there, by their places, and others are in another state. */
  set(gone: readonly number[], states: Readonly<Record<number, DiskRow["state"]>>): void {
    const rows = new Map(this.#rows);
    for (const [i, state] of Object.entries(states)) {
      const { id } = this.#all[Number(i)]!;
      rows.set(id, { ...rows.get(id)!, state });
    }
    this.mounted.set(
      this.#all.filter((_, i) => !gone.includes(i)),
      rows,
    );
  }

  /** The zones, in order, of the disks that have such a file. */
  zonesWith(store: TestStore, isMeant: (path: string) => boolean): string[] {
    const places = this.placesWith(store, isMeant);
    return places.map((i) => this.#rows.get(this.#all[i]!.id)!.labels.zone!).sort();
  }

  /** The places of the disks that have such a file. */
  placesWith(store: TestStore, isMeant: (path: string) => boolean): number[] {
    return store.memoryDisks.flatMap(({ files }, i) =>
      [...files.keys()].some(isMeant) ? [i] : [],
    );
  }
}
