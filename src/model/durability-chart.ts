import { extentLossRate, ninesOf } from "./annual-durability.ts";
import { type Fleet, repairHoursOf } from "./fleet.ts";
import type { ModelScheme } from "./model-scheme.ts";

const width = 900;
const height = 520;
const margin = { left: 60, right: 130, top: 64, bottom: 56 };
const plotWidth = width - margin.left - margin.right;
const plotHeight = height - margin.top - margin.bottom;
const hours = { first: 0.5, last: 500 };
const pointsPerLine = 31;
const labelHeight = 15;
/** Readable on white and on dark grey. */
const colours = ["#8a8f98", "#d08a1d", "#b0699f", "#2a8ac0", "#4f9d57", "#d0524f", "#8a72d0"];

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly nines: readonly number[];
  /** Where the fleet's own repair time lies on the line, if its speed is known. */
  readonly own: { readonly hours: number; readonly nines: number } | undefined;
}

/**
 * Nines of one extent's yearly durability by repair time, a line for each scheme, as an SVG file
 * that follows the reader's dark or light theme. A dot marks the time that the fleet itself needs.
 */
export function renderDurabilityChart(schemes: readonly ModelScheme[], fleet: Fleet): string {
  const times = Array.from({ length: pointsPerLine }, (_, i) => {
    return hours.first * (hours.last / hours.first) ** (i / (pointsPerLine - 1));
  });
  const lines = schemes.map((scheme, i) =>
    lineOf(scheme, fleet, times, colours[i % colours.length]!),
  );
  const most = Math.ceil(Math.max(...lines.map(({ nines }) => nines[0]!)) / 2) * 2;
  const x = (time: number): number =>
    margin.left + (Math.log(time / hours.first) / Math.log(hours.last / hours.first)) * plotWidth;
  const y = (nines: number): number => margin.top + plotHeight * (1 - nines / most);
  const curves = lines.map(({ colour, nines, own }) => {
    const points = nines.map((each, i) => `${at(x(times[i]!))},${at(y(each))}`).join(" ");
    const dot =
      own === undefined
        ? ""
        : `<circle cx="${at(x(own.hours))}" cy="${at(y(own.nines))}" r="4.5" fill="${colour}"/>`;
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points}"/>${dot}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<style>.paper{fill:#fff}.grid{stroke:#dde3e7}text{fill:#24292f}.quiet{fill:#57606a}" +
      "@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.grid{stroke:#30363d}text{fill:#e6edf3}.quiet{fill:#9aa4ae}}</style>",
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text x="${margin.left}" y="24" font-size="15">Nines of durability a year, by the time that repair of a lost disk takes</text>`,
    `<text class="quiet" x="${margin.left}" y="44">${subtitle(fleet, lines)}</text>`,
    ...horizontals(most, y),
    ...verticals(x),
    ...curves,
    ...labels(lines, y),
    "</svg>\n",
  ].join("\n");
}

function lineOf(scheme: ModelScheme, fleet: Fleet, times: readonly number[], colour: string): Line {
  const ninesAt = (time: number): number =>
    ninesOf(extentLossRate(scheme, { ...fleet, repair: { hours: time } }), 1);
  const ownHours = repairHoursOf(scheme, fleet);
  const isShown = ownHours >= hours.first && ownHours <= hours.last && !("hours" in fleet.repair);
  const own = isShown ? { hours: ownHours, nines: ninesAt(ownHours) } : undefined;
  return { label: scheme.label, colour, nines: times.map(ninesAt), own };
}

function subtitle({ disks, domains, annualFailureRate }: Fleet, lines: readonly Line[]): string {
  const over = domains.kind === "disk" ? "" : ` in ${domains.count} ${domains.kind}s`;
  const dots = lines.some(({ own }) => own !== undefined)
    ? "; dots: the time that these disks need"
    : "";
  return `${disks} disks${over}, AFR ${percentText(annualFailureRate)}, all causes${dots}`;
}

function horizontals(most: number, y: (nines: number) => number): string[] {
  return Array.from({ length: most / 2 + 1 }, (_, i) => {
    const level = at(y(2 * i));
    return (
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${level}" y2="${level}"/>` +
      `<text x="${margin.left - 10}" y="${level}" text-anchor="end" dominant-baseline="middle">${2 * i}</text>`
    );
  });
}

function verticals(x: (hours: number) => number): string[] {
  const bottom = height - margin.bottom;
  return [0.5, 1, 2, 5, 10, 24, 50, 100, 200, 500].map((time) => {
    const from = at(x(time));
    return (
      `<line class="grid" x1="${from}" x2="${from}" y1="${margin.top}" y2="${bottom}"/>` +
      `<text x="${from}" y="${bottom + 22}" text-anchor="middle">${time} h</text>`
    );
  });
}

/** Names at the right ends of the lines, pushed apart where those are close together. */
function labels(lines: readonly Line[], y: (nines: number) => number): string[] {
  let free = margin.top;
  return lines
    .map(({ label, colour, nines }) => ({ label, colour, end: y(nines.at(-1)!) }))
    .toSorted((one, other) => one.end - other.end)
    .map(({ label, colour, end }) => {
      const level = Math.max(end, free);
      free = level + labelHeight;
      const left = width - margin.right + 8;
      return `<text x="${left}" y="${at(level)}" dominant-baseline="middle" style="fill:${colour}">${label}</text>`;
    });
}

/** 0.02 as 2 %, with as many digits as are needed. */
export function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

function at(value: number): string {
  return value.toFixed(1);
}
