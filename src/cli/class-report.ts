import type { Figure } from "./figures.ts";
import { bytesText } from "./units.ts";

/** What there is of a storage class, in sealed extents. */
export interface StorageClassReport {
  readonly storageClass: string;
  readonly aliveBytes: number;
  /** Bytes of all files, dead records among them. */
  readonly diskBytes: number;
  readonly schemes: readonly {
    readonly scheme: string;
    readonly aliveBytes: number;
    readonly diskBytes: number;
  }[];
}

/** The classes that there is something of; none until the background worker has counted. */
export function classesIn(figures: readonly Figure[]): StorageClassReport[] {
  const alive = figures.filter(({ name }) => name === "holdfast_class_alive_bytes");
  const labelOf = (figure: Figure, label: string): string => figure.labels.get(label) ?? "";
  const diskBytesOf = (storageClass: string, scheme: string): number =>
    figures.find((one) => {
      const isSame = labelOf(one, "class") === storageClass && labelOf(one, "scheme") === scheme;
      return one.name === "holdfast_class_disk_bytes" && isSame;
    })?.value ?? 0;
  const names = new Set(alive.map((figure) => labelOf(figure, "class")));
  return [...names].toSorted().map((storageClass) => {
    const schemes = alive
      .filter((figure) => labelOf(figure, "class") === storageClass)
      .map((figure) => {
        const scheme = labelOf(figure, "scheme");
        const diskBytes = diskBytesOf(storageClass, scheme);
        return { scheme, aliveBytes: figure.value, diskBytes };
      });
    const sum = (field: "aliveBytes" | "diskBytes"): number =>
      schemes.reduce((total, one) => total + one[field], 0);
    return { storageClass, aliveBytes: sum("aliveBytes"), diskBytes: sum("diskBytes"), schemes };
  });
}

/** A row for each, for people. */
export function classRows(classes: readonly StorageClassReport[]): string[][] {
  return classes.map(({ storageClass, aliveBytes, diskBytes, schemes }) => {
    const kept = schemes.map((one) => `${bytesText(one.aliveBytes)} as ${one.scheme}`).join(", ");
    const what = `${bytesText(aliveBytes)} live on ${bytesText(diskBytes)} of disk`;
    return ["class", `${storageClass}: ${what} (${kept})`];
  });
}
