// Writes the tables of the section Model in docs/durability.md, and docs/durability-model.svg, so
// that they say what the model says. `node tools/run.js tools/durability.ts`
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { powerText } from "../src/cli/model-text.ts";
import { annualDurability, lossProbability, ninesOf } from "../src/model/annual-durability.ts";
import { renderDurabilityChart } from "../src/model/durability-chart.ts";
import { defaultFleet, type Fleet, ratesOf } from "../src/model/fleet.ts";
import { spreadOver } from "../src/model/layout.ts";
import { LossTrials } from "../src/model/loss-trials.ts";
import { type ModelScheme, shippedSchemes } from "../src/model/model-scheme.ts";

const root = resolve(import.meta.dirname, "..");
export const durabilityDocument = join(root, "docs/durability.md");
export const durabilityChart = join(root, "docs/durability-model.svg");

/** `holdfast model durability` makes so many, from the same seed. */
const trials = 100_000;
const seed = 1;

export function chartText(): string {
  return renderDurabilityChart(shippedSchemes, defaultFleet);
}

/** The document with the tables that the model gives, in the place of those in it. */
export function withTables(document: string): string {
  const tables = [defaultTable(), variationTable()];
  return tables.reduce((text, table) => {
    const head = table.slice(0, table.indexOf("\n"));
    const from = text.indexOf(head);
    if (from < 0) throw new Error(`the document has no table that begins with ${head}`);
    const to = text.indexOf("\n\n", from);
    return text.slice(0, from) + table + text.slice(to);
  }, document);
}

function defaultTable(): string {
  const rows = shippedSchemes.map((scheme) => {
    const report = annualDurability(scheme, defaultFleet);
    return [
      scheme.label,
      report.spaceFactor.toFixed(2),
      `${report.repairHours.toFixed(1)} h`,
      ninesOf(report.independentRate, 1).toFixed(1),
      ninesOf(report.rate, 1).toFixed(1),
      triedText(scheme),
      powerText(lossProbability(report.anyRate, 1)),
      powerText(report.bytesPerYear),
    ];
  });
  return tableOf(
    [
      "scheme",
      "space",
      "repair",
      "independent failures",
      "all causes",
      "by trials (95 %)",
      "any loss a year, at most",
      "bytes lost a year",
    ],
    rows,
  );
}

function triedText(scheme: ModelScheme): string {
  const { batch, domains } = defaultFleet;
  const layout = spreadOver(scheme, domains.count);
  const all = new LossTrials({ scheme, layout, rates: ratesOf(scheme, defaultFleet), batch, seed });
  all.run(trials);
  const { low, high } = all.estimate;
  return `${ninesOf(high, 1).toFixed(2)} … ${ninesOf(low, 1).toFixed(2)}`;
}

function variationTable(): string {
  const zones = (count: number): Partial<Fleet> => ({
    domains: { kind: "zone", count, lossesPerYear: 0.001 },
  });
  const variations: readonly Partial<Fleet>[] = [
    { annualFailureRate: 0.04 },
    { batch: { share: 0.05, factor: 10 } },
    { repair: { hours: 168 } },
    zones(4),
    zones(3),
  ];
  const rows = shippedSchemes.map((scheme) => [
    scheme.label,
    ...[{}, ...variations].map((changed) => {
      const { rate, domainsSurvived, domainsUsed } = annualDurability(scheme, {
        ...defaultFleet,
        ...changed,
      });
      const lost = domainsSurvived < domainsUsed ? ", lost with a zone" : "";
      return `${ninesOf(rate, 1).toFixed(1)}${lost}`;
    }),
  ]);
  return tableOf(
    [
      "nines, all causes",
      "as above",
      "AFR 4 %",
      "5 % of the disks fail 10x as often",
      "repair in a week",
      "4 zones",
      "3 zones",
    ],
    rows,
  );
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(durabilityDocument, withTables(readFileSync(durabilityDocument, "utf8")));
  writeFileSync(durabilityChart, chartText());
}
