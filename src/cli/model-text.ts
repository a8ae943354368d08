import { type DurabilityReport, lossProbability, ninesOf } from "../model/annual-durability.ts";
import { percentText } from "../model/durability-chart.ts";
import type { Fleet } from "../model/fleet.ts";
import type { LossEstimate } from "../model/loss-trials.ts";
import { countOf } from "../placement/failure-domain.ts";
import { columns } from "./command.ts";
import type { ModelQuestion } from "./model-flags.ts";

/** One scheme, computed and tried. */
export interface ModelRow {
  readonly closed: DurabilityReport;
  readonly tried: LossEstimate | undefined;
}

/** The report for people. */
export function modelLines(question: ModelQuestion, rows: readonly ModelRow[]): string {
  const { fleet, years, trials, seed } = question;
  const domain = fleet.domains.kind;
  const heads = [
    "SCHEME",
    "SPACE",
    "REPAIR H",
    "INDEPENDENT",
    "ALL CAUSES",
    "MONTE CARLO, 95 %",
    `ANY LOSS IN ${yearsText(years).toUpperCase()}`,
    "BYTES LOST A YEAR",
    "FIRST LOSS AFTER",
    `LOSS OF A ${domain.toUpperCase()}`,
  ];
  const table = rows.map(({ closed, tried }) => [
    closed.label,
    closed.spaceFactor.toFixed(2),
    closed.repairHours.toFixed(1),
    ninesOf(closed.independentRate, years).toFixed(2),
    ninesOf(closed.rate, years).toFixed(2),
    intervalText(closed, tried, years),
    `at most ${powerText(lossProbability(closed.anyRate, years))}`,
    powerText(closed.bytesPerYear),
    `${powerText(1 / closed.anyRate)} years`,
    closed.domainsSurvived === closed.domainsUsed ? "survives" : "LOSES DATA",
  ]);
  const tries =
    trials === 0
      ? ""
      : ` Monte Carlo: ${trials} trials for each scheme, from seed ${seed}; one interval in 20 misses by chance.`;
  return [
    fleetText(fleet),
    "",
    ...columns([heads, ...table]),
    "",
    `INDEPENDENT and ALL CAUSES are nines: -log10 of the probability that an extent is lost in ${yearsText(years)}.${tries}`,
    "Faults in software and mistakes of people are not in the model: see Model in docs/durability.md.",
  ].join("\n");
}

/** One line for programs. */
export function modelJson(question: ModelQuestion, rows: readonly ModelRow[]): string {
  const { fleet, years, trials, seed } = question;
  const schemes = rows.map(({ closed, tried }) => ({
    ...closed,
    lossProbability: lossProbability(closed.rate, years),
    nines: ninesOf(closed.rate, years),
    independentNines: ninesOf(closed.independentRate, years),
    anyLossProbability: lossProbability(closed.anyRate, years),
    extentMttdlYears: 1 / closed.rate,
    storeMttdlYears: 1 / closed.anyRate,
    monteCarlo: tried === undefined ? undefined : { ...tried, agrees: agrees(closed, tried) },
  }));
  return JSON.stringify({ fleet, years, trials, seed, schemes });
}

function agrees({ rate }: DurabilityReport, { low, high }: LossEstimate): boolean {
  return rate >= low && rate <= high;
}

function intervalText(
  closed: DurabilityReport,
  tried: LossEstimate | undefined,
  years: number,
): string {
  if (tried === undefined) return "-";
  if (tried.rate === 0) return "no loss seen";
  const [fewest, most] = [ninesOf(tried.high, years), ninesOf(tried.low, years)];
  const interval = `${fewest.toFixed(2)} … ${most.toFixed(2)}`;
  return agrees(closed, tried) ? interval : `${interval}, differs`;
}

function fleetText({ disks, diskBytes, usedShare, domains, ...fleet }: Fleet): string {
  const { share, factor } = fleet.batch;
  const batch = share === 0 ? [] : [`${percentText(share)} of the disks fail ${factor}x as often`];
  return [
    `${countOf(disks, "disk")} of ${diskBytes / 1e12} TB, ${percentText(usedShare)} used`,
    `${countOf(domains.count, domains.kind)}, each destroyed ${domains.lossesPerYear} times a year`,
    `AFR ${percentText(fleet.annualFailureRate)}`,
    ...batch,
    `${fleet.latentErrorsPerDisk} latent errors a disk and year, scrubbed in ${fleet.scrubDays} days`,
  ].join("; ");
}

function yearsText(years: number): string {
  return years === 1 ? "a year" : `${years} years`;
}

/** Probabilities, bytes and years span forty powers of ten. */
export function powerText(value: number): string {
  return value >= 0.01 && value < 10_000
    ? String(Number(value.toPrecision(2)))
    : value.toExponential(1);
}
