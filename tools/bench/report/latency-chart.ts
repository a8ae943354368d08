import type { Series } from "../load/series.ts";

const width = 960;
const height = 420;
const margin = { left: 64, right: 72, top: 48, bottom: 44 };
const plotWidth = width - margin.left - margin.right;
const plotHeight = height - margin.top - margin.bottom;

const lines = [
  { name: "p50", share: 0.5, colour: "#2a7ab0" },
  { name: "p99", share: 0.99, colour: "#d08a1d" },
  { name: "max", share: 1, colour: "#b03a3a" },
] as const;
const rateColour = "#b8c4cc";

/** Latency over time on a logarithmic scale, with the rate behind it, as an SVG file. */
export function renderLatencyChart(series: Series, title: string): string {
  const { seconds, intervals } = series;
  const span = Math.max(1, intervals.length) * seconds;
  const busy = intervals.filter(({ count }) => count > 0);
  const least = Math.min(...busy.map((each) => each.quantileMs(0.5)), 1);
  const most = Math.max(...busy.map((each) => each.maxMs), 1);
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most * 1.01))];
  const rateMost = Math.max(...intervals.map(({ count }) => count / seconds), 1);
  const x = (at: number): number => margin.left + (at / span) * plotWidth;
  const y = (ms: number): number =>
    margin.top + plotHeight * (1 - (Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low));
  const bars = intervals.map(({ count }, i) => {
    const tall = (count / seconds / rateMost) * plotHeight;
    const [left, top] = [x(i * seconds), margin.top + plotHeight - tall];
    return `<rect x="${at(left)}" y="${at(top)}" width="${at(plotWidth / intervals.length)}" height="${at(tall)}"/>`;
  });
  const curves = lines.map(({ share, colour }) => {
    const points = intervals.flatMap((each, i) =>
      each.count === 0 ? [] : [`${at(x((i + 0.5) * seconds))},${at(y(each.quantileMs(share)))}`],
    );
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.join(" ")}"/>`;
  });
  const legend = lines.map(
    ({ name, colour }, i) =>
      `<text x="${margin.left + 60 * i}" y="40" fill="${colour}">${name}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${margin.left}" y="20" font-size="14">${escapeText(title)}</text>`,
    ...legend,
    `<text x="${margin.left + 180}" y="40" fill="#7c8a94">bars: operations a second</text>`,
    `<g fill="${rateColour}" opacity="0.5">${bars.join("")}</g>`,
    ...decadeLines(low, high, y),
    ...curves,
    ...axisLabels(span, rateMost),
    "</svg>\n",
  ].join("\n");
}

function decadeLines(low: number, high: number, y: (ms: number) => number): string[] {
  return Array.from({ length: high - low + 1 }, (_, i) => {
    const ms = 10 ** (low + i);
    const label = ms >= 1000 ? `${ms / 1000} s` : `${Number(ms.toPrecision(1))} ms`;
    const level = at(y(ms));
    const right = width - margin.right;
    return (
      `<line x1="${margin.left}" x2="${right}" y1="${level}" y2="${level}" stroke="#dde3e7"/>` +
      `<text x="${margin.left - 8}" y="${level}" text-anchor="end" dominant-baseline="middle">${label}</text>`
    );
  });
}

function axisLabels(span: number, rateMost: number): string[] {
  const bottom = height - margin.bottom + 20;
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text x="${at(margin.left + share * plotWidth)}" y="${bottom}" text-anchor="middle">${Math.round(span * share)} s</text>`,
  );
  const right = width - margin.right + 8;
  return [
    ...times,
    `<text x="${right}" y="${margin.top}" fill="#7c8a94">${Math.round(rateMost)}/s</text>`,
  ];
}

function at(value: number): string {
  return value.toFixed(1);
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
