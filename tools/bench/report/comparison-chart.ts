import type { Row } from "../compare/rows.ts";
import { escapeText } from "./latency-chart.ts";
import { shortNumber } from "./table.ts";

const width = 960;
const left = 330;
const barsWidth = 480;
const barHeight = 11;
const groupGap = 9;
const top = 56;
const colours = ["#2a7ab0", "#d08a1d", "#5a9a5a", "#8a6ab0", "#b03a3a"];
const bareColour = "#c4ccd2";

/**
 * A group of bars for each load, a bar for each store: its rate to that of the fastest of them.
 * Bare servers store nothing: their bar is cut off at the right where they are faster than every
 * store.
 */
export function renderComparisonChart(all: readonly Row[], title: string): string {
  const rows = all.flatMap((row) => (row.rate === undefined ? [] : [{ ...row, rate: row.rate }]));
  const names = [...new Set(rows.filter(({ kind }) => kind !== "bare").map(({ store }) => store))];
  const colourOf = ({ kind, store }: Row): string =>
    kind === "bare" ? bareColour : (colours[names.indexOf(store) % colours.length] ?? bareColour);
  const groups = Map.groupBy(rows, ({ load, part }) => (part === "" ? load : `${load}: ${part}`));
  const parts: string[] = [];
  let y = top;
  for (const [name, group] of groups) {
    const most = Math.max(...group.filter(({ kind }) => kind !== "bare").map(({ rate }) => rate));
    const middle = y + (group.length * barHeight) / 2 + 4;
    parts.push(`<text x="${left - 10}" y="${middle}" text-anchor="end">${escapeText(name)}</text>`);
    for (const row of group) {
      const share = most > 0 ? Math.min(1, row.rate / most) : 0;
      const length = (share * barsWidth).toFixed(1);
      const label = `${shortNumber(row.rate)}${row.unit === "/s" ? "/s" : " MB/s"}`;
      parts.push(
        `<rect x="${left}" y="${y}" width="${length}" height="${barHeight - 1}" fill="${colourOf(row)}"/>`,
        `<text x="${left + share * barsWidth + 6}" y="${y + barHeight - 2}" font-size="10" fill="#56646e">${label}</text>`,
      );
      y += barHeight;
    }
    y += groupGap;
  }
  const first = [...groups.values()].flat();
  const legend = [...new Map(first.map((row) => [row.store, colourOf(row)]))].map(
    ([store, colour], i) =>
      `<text x="${20 + 150 * i}" y="42" fill="${colour}">■ ${escapeText(store)}</text>`,
  );
  const height = y + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="20" y="22" font-size="14">${escapeText(title)}</text>`,
    ...legend,
    ...parts,
    "</svg>\n",
  ].join("\n");
}
