import { StoreError } from "../base/errors.ts";
import { extentBytesMax } from "../format/limits.ts";
import { scatterWidth } from "../placement/copysets.ts";
import { membersOf, type ModelScheme, spaceFactorOf } from "./model-scheme.ts";

/** Disks and what is taken to happen to them. Times are in years unless their name says otherwise. */
export interface Fleet {
  readonly disks: number;
  readonly diskBytes: number;
  /** Share of each disk's bytes that is in use. */
  readonly usedShare: number;
  /** What is lost as a whole: zones, racks, or single disks where there is nothing wider. */
  readonly domains: FailureDomains;
  /** Share of disks that fail in a year. */
  readonly annualFailureRate: number;
  readonly repair: RepairSpeed;
  /** Time in which each disk is read once. */
  readonly scrubDays: number;
  /** How often a year a disk gets sectors that cannot be read any more. */
  readonly latentErrorsPerDisk: number;
  readonly batch: BadBatch;
  /** How many others a disk shares sets with (placement/copysets.ts). */
  readonly scatterWidth: number;
}

export interface FailureDomains {
  readonly kind: "zone" | "rack" | "disk";
  readonly count: number;
  /** How often a year one domain is destroyed with all its disks. */
  readonly lossesPerYear: number;
}

/** Hours from the loss of a disk to full redundancy, or what they follow from. */
export type RepairSpeed =
  | { readonly hours: number }
  | { readonly detectionHours: number; readonly bytesPerSecondPerDisk: number };

/** A share of the disks whose failure rate is multiplied. */
export interface BadBatch {
  readonly share: number;
  readonly factor: number;
}

/** Rates a year at which things happen to one extent. */
export interface Rates {
  /** A good disk fails. */
  readonly disk: number;
  /** A shard becomes unreadable in part, unnoticed. */
  readonly latent: number;
  /** A domain is destroyed. */
  readonly domain: number;
  /** A shard that was on a failed disk is made again. */
  readonly repair: number;
  /** An unreadable shard is found and mended. */
  readonly scrub: number;
  /** What was in a destroyed domain is made again. */
  readonly domainRepair: number;
}

/** What is modelled where nothing else is said; docs/durability.md has the sources. */
export const defaultFleet: Fleet = {
  disks: 240,
  diskBytes: 16e12,
  usedShare: 0.8,
  domains: { kind: "rack", count: 24, lossesPerYear: 0.001 },
  annualFailureRate: 0.02,
  // A disk that is silent for 15 minutes counts as lost. 30 MB/s are 20 % of what a disk does.
  repair: { detectionHours: 0.25, bytesPerSecondPerDisk: 30e6 },
  scrubDays: 14,
  latentErrorsPerDisk: 0.05,
  batch: { share: 0, factor: 1 },
  scatterWidth,
};

const hoursPerYear = 8766;
const daysPerYear = 365.25;
const secondsPerHour = 3600;

export function shardBytesOf(scheme: ModelScheme): number {
  return extentBytesMax / scheme.data;
}

export function extentsOf(scheme: ModelScheme, fleet: Fleet): number {
  const bytes = fleet.disks * fleet.diskBytes * fleet.usedShare;
  return Math.max(1, Math.floor(bytes / (membersOf(scheme) * shardBytesOf(scheme))));
}

/** Bytes of clients, at full extents. */
export function storedBytesOf(scheme: ModelScheme, fleet: Fleet): number {
  return (fleet.disks * fleet.diskBytes * fleet.usedShare) / spaceFactorOf(scheme);
}

/**
 * Permutations of all disks that are cut into sets, as placement does it (Cidon et al., "Copysets",
 * USENIX ATC 2013). With a scatter width of as many as there are disks, sets are as good as random.
 */
function permutationsOf(scheme: ModelScheme, { scatterWidth }: Fleet): number {
  return Math.ceil(scatterWidth / Math.max(1, membersOf(scheme) - 1));
}

/** Distinct groups of disks that extents are on. */
export function setsOf(scheme: ModelScheme, fleet: Fleet): number {
  const ofPermutation = Math.ceil(fleet.disks / membersOf(scheme));
  return Math.min(permutationsOf(scheme, fleet) * ofPermutation, extentsOf(scheme, fleet));
}

/** Different disks that share sets with one, where some are drawn twice. */
function partnersOf(scheme: ModelScheme, fleet: Fleet): number {
  const others = Math.max(1, fleet.disks - 1);
  const drawn = permutationsOf(scheme, fleet) * Math.max(1, membersOf(scheme) - 1);
  return -others * Math.expm1(-drawn / others);
}

/** Hours until all that was on one lost disk is made again. */
export function repairHoursOf(scheme: ModelScheme, fleet: Fleet): number {
  const others = Math.max(1, fleet.disks - 1);
  return repairHours(scheme, fleet, { lost: 1, readFrom: partnersOf(scheme, fleet), others });
}

/** Hours until all that was in a destroyed domain is made again by the disks of the others. */
export function domainRepairHoursOf(scheme: ModelScheme, fleet: Fleet): number {
  const lost = fleet.disks / fleet.domains.count;
  const others = Math.max(1, fleet.disks - lost);
  return repairHours(scheme, fleet, { lost, readFrom: others, others });
}

interface Rebuild {
  /** Disks whose shards are made again. */
  readonly lost: number;
  /** Disks that have what must be read. */
  readonly readFrom: number;
  /** Disks that are written to. */
  readonly others: number;
}

function repairHours(
  scheme: ModelScheme,
  fleet: Fleet,
  { lost, readFrom, others }: Rebuild,
): number {
  const { diskBytes, usedShare, repair } = fleet;
  if ("hours" in repair) {
    // More disks at once take longer, as far as more others do not make up for it.
    const share = (lost * partnersOf(scheme, fleet)) / readFrom;
    return repair.hours * Math.max(1, share);
  }
  const bytes = lost * diskBytes * usedShare;
  const busiest = (bytes * scheme.repairReads) / readFrom + bytes / others;
  return repair.detectionHours + busiest / repair.bytesPerSecondPerDisk / secondsPerHour;
}

/** A share of disks that fail in a year, as a rate of a Poisson process. */
export function rateOfShare(share: number): number {
  return -Math.log1p(-share);
}

/** Rates for an extent whose disks are all good ones. */
export function ratesOf(scheme: ModelScheme, fleet: Fleet): Rates {
  const { diskBytes, domains } = fleet;
  return {
    disk: rateOfShare(fleet.annualFailureRate),
    latent: fleet.latentErrorsPerDisk * Math.min(1, shardBytesOf(scheme) / diskBytes),
    domain: domains.lossesPerYear,
    repair: hoursPerYear / repairHoursOf(scheme, fleet),
    // An error that comes at any time is found, on average, after half a round.
    scrub: daysPerYear / (fleet.scrubDays / 2),
    domainRepair: hoursPerYear / domainRepairHoursOf(scheme, fleet),
  };
}

/** StoreError `invalid` where the scheme's members cannot be placed on these disks. */
export function checkFleet(scheme: ModelScheme, { disks, domains }: Fleet): void {
  const members = membersOf(scheme);
  if (disks < members) {
    throw new StoreError(
      "invalid",
      `${scheme.label} needs ${members} disks and there are ${disks}: ` +
        `give --disks ${members} or more, or a narrower scheme`,
    );
  }
  if (domains.count > disks) {
    throw new StoreError(
      "invalid",
      `${domains.count} ${domains.kind}s need as many disks, and there are ${disks}: ` +
        `give --disks ${domains.count} or more`,
    );
  }
}
