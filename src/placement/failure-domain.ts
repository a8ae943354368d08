import { type DiskLabels, type LabelName, labelNames } from "../format/disk-labels.ts";

/*
 * What can be lost at once: a disk, or all disks that share a host, a rack, a row, a zone or a
 * region. Labels say where a disk is; disks with the same labels down to a level are in one failure
 * domain of that level. A rack's name counts within its row, zone and region, so that rack 3 of
 * zone a is not rack 3 of zone b.
 *
 * A label that is not given is a name like any other: disks without a host are taken to be in the
 * same one, since nobody said otherwise.
 */

export type DomainLevel = LabelName | "disk";

/** Levels of failure domains, the widest first. */
export const domainLevels: readonly DomainLevel[] = [...labelNames, "disk"];

/**
 * The name of the disk's failure domain at a level. Domains of one level have the same name only if
 * they are the same. `self` names the disk.
 */
export function domainName(labels: DiskLabels, level: DomainLevel, self: string): string {
  if (level === "disk") return self;
  const depth = labelNames.indexOf(level) + 1;
  return labelNames
    .slice(0, depth)
    .map((name) => labels[name] ?? "")
    .join("/");
}

/** `3 zones`, `1 disk`. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
