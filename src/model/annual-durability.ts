import {
  checkFleet,
  extentsOf,
  type Fleet,
  type Rates,
  ratesOf,
  repairHoursOf,
  setsOf,
  storedBytesOf,
} from "./fleet.ts";
import { spreadOver, survivableDomains } from "./layout.ts";
import { solveLossChain } from "./loss-chain.ts";
import {
  combinations,
  membersOf,
  type ModelScheme,
  smallestLoss,
  spaceFactorOf,
} from "./model-scheme.ts";

/** What the closed form says of one scheme on one fleet. Rates are losses a year. */
export interface DurabilityReport {
  readonly scheme: string;
  readonly label: string;
  readonly spaceFactor: number;
  readonly repairHours: number;
  readonly extents: number;
  readonly sets: number;
  /** One extent is lost by disk failures alone, without a bad batch. */
  readonly independentRate: number;
  /** One extent is lost by anything. */
  readonly rate: number;
  /** Something is lost, whichever extent: at most this (see anyLossRate). */
  readonly anyRate: number;
  readonly bytesPerYear: number;
  /** Losses of a whole domain that an extent survives, and the domains that hold members of it. */
  readonly domainsSurvived: number;
  readonly domainsUsed: number;
}

/** The closed form: everything that the model says without trials. */
export function annualDurability(scheme: ModelScheme, fleet: Fleet): DurabilityReport {
  checkFleet(scheme, fleet);
  const layout = spreadOver(scheme, fleet.domains.count);
  const lossRate = (changed: Partial<Rates>): number => extentLossRate(scheme, fleet, changed);
  const rate = lossRate({});
  const disksOnly = lossRate({ latent: 0, domain: 0 });
  const noDomains = lossRate({ domain: 0 });
  const noLatent = lossRate({ latent: 0 });
  return {
    scheme: scheme.name,
    label: scheme.label,
    spaceFactor: spaceFactorOf(scheme),
    repairHours: repairHoursOf(scheme, fleet),
    extents: extentsOf(scheme, fleet),
    sets: setsOf(scheme, fleet),
    independentRate: lossRate({ latent: 0, domain: 0, disk: ratesOf(scheme, fleet).disk }),
    rate,
    anyRate: anyLossRate(scheme, fleet, { rate, disksOnly, noDomains, noLatent }),
    bytesPerYear: lossProbability(rate, 1) * storedBytesOf(scheme, fleet),
    domainsSurvived: survivableDomains(scheme, layout),
    domainsUsed: layout.length,
  };
}

/**
 * How often a year one extent is lost, if these rates are changed.
 *
 * A bad batch enters as the mean rate over all disks. That is right to the first order in failure
 * rate × repair time, which is below 1e-3 even where a third of the disks fail each year. The rate
 * of loss is a sum of products of the rates of different members, and whether a member's disk is of
 * the batch does not depend on the others, so the mean of a product is the product of the means.
 */
export function extentLossRate(
  scheme: ModelScheme,
  fleet: Fleet,
  changed: Partial<Rates> = {},
): number {
  const rates = ratesOf(scheme, fleet);
  const { share, factor } = fleet.batch;
  const disk = rates.disk * (1 + share * (factor - 1));
  const layout = spreadOver(scheme, fleet.domains.count);
  return 1 / solveLossChain(scheme, layout, { ...rates, disk, ...changed }).meanYears;
}

/** Loss rates of one extent if some things do not happen. */
interface RatesByCause {
  readonly rate: number;
  readonly disksOnly: number;
  readonly noDomains: number;
  readonly noLatent: number;
}

/**
 * How often anything is lost, at most.
 *
 * Extents on the same set of disks are lost together, and so are sets that share the disks that
 * failed. So losses are gathered into events: if events of a rate R lose L sets a year in all, at
 * random, something is lost R (1 − exp(−L / R)) times a year. For disk failures the events are
 * coincidences of as many failed disks as the smallest loss needs, anywhere. For domains they are
 * the losses of domains, with as many failed disks beside them as it takes. Latent errors strike
 * single extents, so each counts as an event, but none more than there are losses of domains.
 */
function anyLossRate(
  scheme: ModelScheme,
  fleet: Fleet,
  { rate, disksOnly, noDomains, noLatent }: RatesByCause,
): number {
  const [sets, extents] = [setsOf(scheme, fleet), extentsOf(scheme, fleet)];
  const { count, lossesPerYear } = fleet.domains;
  const { missing, patterns } = smallestLoss(scheme);
  const coincidences = (disksOnly / patterns) * coincidencesOf(scheme, fleet, missing);
  const domainLosses = count * lossesPerYear;
  const byLatent = noDomains - disksOnly;
  const byDomains = noLatent - disksOnly;
  const byBoth = rate - noLatent - byLatent;
  const withDisks = Math.max(0, byDomains) * coincidencesWithDomain(scheme, fleet);
  const setsWithDomains = gathered(sets * Math.max(0, byDomains), withDisks);
  return (
    gathered(sets * disksOnly, coincidences) +
    extents * Math.max(0, byLatent) +
    Math.min(domainLosses, setsWithDomains + extents * Math.max(0, byBoth))
  );
}

function gathered(losses: number, events: number): number {
  return events > 0 ? -events * Math.expm1(-losses / events) : 0;
}

/**
 * How many coincidences of a lost domain and failed disks there are that could lose one extent or
 * another, for each one that loses a given extent.
 */
function coincidencesWithDomain(scheme: ModelScheme, fleet: Fleet): number {
  const { count } = fleet.domains;
  const losses = spreadOver(scheme, count).map((members) => smallestLoss(scheme, members));
  const fewest = Math.min(...losses.map(({ missing }) => missing));
  const ofExtent = losses
    .filter(({ missing }) => missing === fewest)
    .reduce((sum, { patterns }) => sum + patterns, 0);
  const disksLeft = Math.round(fleet.disks - fleet.disks / count);
  return (count * combinations(disksLeft, fewest)) / ofExtent;
}

/** Groups of so many disks that could be members of one extent. */
function coincidencesOf(scheme: ModelScheme, { disks, domains }: Fleet, missing: number): number {
  if (domains.count < membersOf(scheme)) return combinations(disks, missing);
  return combinations(domains.count, missing) * (disks / domains.count) ** missing;
}

export function lossProbability(rate: number, years: number): number {
  return -Math.expm1(-rate * years);
}

/** 3 for 99.9 %. */
export function ninesOf(rate: number, years: number): number {
  return Math.max(0, -Math.log10(lossProbability(rate, years)));
}
