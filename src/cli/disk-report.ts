import type { ShownIndexMove } from "../admin/disk-pages.ts";
import { formatDiskLabels, labelNames } from "../format/disk-labels.ts";
import type { Figure } from "./figures.ts";

/** A disk as the metrics have it. */
export interface DiskReport {
  readonly name: string;
  /** `ok`, unless a process says otherwise: each keeps a reserve of its own. */
  readonly state: string;
  /** What it is to the store; undefined until the background worker says. */
  readonly registryState: string | undefined;
  readonly isMounted: boolean;
  /** The labels, such as `zone=a,rack=r7`. */
  readonly labels: string;
  readonly capacityBytes: number | undefined;
  readonly bytesFree: number | undefined;
  /** Those with the same one share its space; undefined until a process says. */
  readonly fileSystem: string | undefined;
  readonly emptyInSeconds: number | undefined;
  /** All that is on it was read and verified since then; undefined: not all was yet. */
  readonly verifiedSince: string | undefined;
}

export function disksIn(figures: readonly Figure[]): DiskReport[] {
  const isOfDisk = ({ name }: Figure): boolean =>
    name === "holdfast_disk_state" || name === "holdfast_disk_registry_state";
  const names = new Set(figures.filter(isOfDisk).map(({ labels }) => labels.get("disk") ?? ""));
  return [...names].toSorted().map((name) => {
    const own = figures.filter(({ labels }) => labels.get("disk") === name);
    return reportOf(name, own);
  });
}

function reportOf(name: string, own: readonly Figure[]): DiskReport {
  const ofName = (figure: string): readonly Figure[] =>
    own.filter((one) => one.name === `holdfast_disk_${figure}`);
  const [isMounted = 1] = ofName("mounted").map(({ value }) => value);
  const conditions = ofName("state").map(({ labels }) => labels.get("state") ?? "");
  const free = ofName("free_bytes").map(({ value }) => value);
  const given = ofName("labels")[0]?.labels;
  const labels = labelNames.map((label) => [label, given?.get(label) ?? ""] as const);
  return {
    name,
    state: conditions.find((condition) => condition !== "ok") ?? conditions[0] ?? "missing",
    registryState: ofName("registry_state")[0]?.labels.get("state"),
    isMounted: isMounted === 1,
    labels: formatDiskLabels(Object.fromEntries(labels.filter(([, value]) => value !== ""))),
    capacityBytes: ofName("capacity_bytes")[0]?.value,
    bytesFree: free.length === 0 ? undefined : Math.min(...free),
    fileSystem: ofName("file_system")[0]?.labels.get("file_system"),
    emptyInSeconds: ofName("empty_in_seconds")[0]?.value,
    verifiedSince: timeOf(ofName("scrub_read_since_seconds")[0]?.value),
  };
}

function timeOf(seconds = 0): string | undefined {
  return seconds === 0 ? undefined : new Date(seconds * 1000).toISOString();
}

/** What the disks of one kind have together. */
export interface CapacityReport {
  /** active, emptying, out, or missing. */
  readonly kind: string;
  readonly disks: number;
  readonly capacityBytes: number;
  readonly bytesFree: number;
}

/** The order in which kinds of disks count a file system that they share. */
const kindsInOrder = ["active", "emptying", "out", "missing"];

/**
 * The capacity by what disks are to the store; apart from them those that are not mounted, or whose
 * directory has gone since. A file system that several directories are on is counted once, where
 * the first of these kinds is.
 */
export function capacityIn(disks: readonly DiskReport[]): CapacityReport[] {
  const counted = new Set<string>();
  const isCounted = ({ fileSystem }: DiskReport): boolean => {
    if (fileSystem === undefined) return false;
    const before = counted.size;
    return counted.add(fileSystem).size === before;
  };
  const reports = kindsInOrder.map((kind): CapacityReport => {
    const ofKind = disks.filter(
      (disk) => disk.registryState !== undefined && kindOf(disk) === kind,
    );
    const all = { kind, disks: ofKind.length, capacityBytes: 0, bytesFree: 0 };
    for (const disk of ofKind) {
      if (isCounted(disk)) continue;
      all.capacityBytes += disk.capacityBytes ?? 0;
      if (kind !== "missing") all.bytesFree += disk.bytesFree ?? 0;
    }
    return all;
  });
  return reports.filter((report) => report.disks > 0);
}

function kindOf({ isMounted, state, registryState = "missing" }: DiskReport): string {
  return isMounted && state !== "missing" ? registryState : "missing";
}

/** Where the index moves to, and how far it is. */
export function indexMoveText({ to, doing, done }: ShownIndexMove): string {
  if (to === undefined) return `has to move, and waits: ${doing}`;
  return `moves to ${to}: ${doing}${done === 0 ? "" : `, ${done} so far`}`;
}
