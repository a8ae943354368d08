import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperationFigures } from "../report/figures.ts";
import { renderComparisonChart } from "../report/comparison-chart.ts";
import { renderComparison } from "../report/comparison-table.ts";
import { atRest, type LoadSamples, rowsOf } from "./rows.ts";
import type { Sample } from "./sample.ts";

function operation(name: string, perSecond: number, p50: number): OperationFigures {
  const latencyMs = { mean: p50, p50, p99: 3 * p50, p999: 4 * p50, max: 5 * p50 };
  const counts = { succeeded: perSecond, verified: 0, perSecond, megabytesPerSecond: 0 };
  return { operation: name, ...counts, latencyMs, firstByteMs: latencyMs, errors: {} };
}

function sample(perSecond: number, cpuSeconds: number | undefined, more: Partial<Sample> = {}) {
  const base = { operations: [operation("put", perSecond, 2)], succeeded: perSecond, perSecond };
  const rest = { megabytesPerSecond: 0, bytes: 0, failed: 0, busy: 0.5 };
  return { ...base, ...rest, cpuSeconds, privateBytes: 100e6, ...more };
}

const ours = { name: "holdfast", kind: "ours" } as const;
const peer = { name: "minio", kind: "peer" } as const;
const bare = { name: "bare node:http", kind: "bare" } as const;
const load = { name: "put 4 KiB", group: "small", unit: "/s", mix: [["put", 1]] } as const;

const measured: LoadSamples = {
  load,
  stores: [
    { store: ours, samples: [sample(1000, 0.4), sample(3000, 0.6), sample(2000, 0.4)] },
    { store: peer, samples: [sample(100, 1), sample(1500, 1), sample(500, 1)] },
    { store: bare, samples: [sample(10_000, 0.2), sample(10_000, 0.2), sample(10_000, 0.2)] },
  ],
};

test("bench rows: medians of the rounds; ratios are taken round by round", () => {
  const [own, other, reference] = rowsOf(measured);
  assert.equal(own?.rate, 2000);
  assert.equal(own?.ours, undefined);
  assert.equal(own?.cpu, 200); // of 400, 200 and 200 µs
  assert.equal(own?.cpuToBare, 10);
  assert.equal(other?.rate, 500);
  assert.equal(other?.ours, 4); // of 10, 2 and 4, not 2000 / 500
  assert.equal(other?.cpu, 2000);
  assert.equal(reference?.cpuToBare, undefined);
  assert.equal(reference?.ours, 0.2);
});

test("bench rows: in a mixture each operation has its rate and latency, and all together the processor time", () => {
  const operations = [operation("get", 700, 3), operation("put", 200, 40)];
  const both = sample(900, 0.9, { operations, failed: 2 });
  const mix = [
    ["get", 70],
    ["put", 20],
  ] as const;
  const rows = rowsOf({
    load: { ...load, name: "mixture", group: "mixed", mix },
    stores: [{ store: ours, samples: [both] }],
  });
  assert.deepEqual(
    rows.map(({ part, rate, p50Ms, cpu }) => [part, rate, p50Ms, cpu]),
    [
      ["all", 900, 3, 1000],
      ["get", 700, 3, undefined],
      ["put", 200, 40, undefined],
    ],
  );
});

test("bench rows: a store whose processes cannot be seen has no processor time and no memory", () => {
  const unseen = sample(10, undefined, { privateBytes: undefined });
  const stores = [
    { store: ours, samples: [sample(10, 1)] },
    { store: peer, samples: [unseen] },
  ];
  const [, other] = rowsOf({ load, stores });
  assert.equal(other?.cpu, undefined);
  assert.equal(other?.privateBytes, undefined);
  assert.equal(other?.ours, 1);
});

test("bench table: one line for each load and store, in Markdown, with what went wrong", () => {
  const rows = [atRest(ours, 50e6), ...rowsOf(measured)];
  const lines = renderComparison(rows).split("\n");
  const cells = lines.map((line) => line.split("|").map((cell) => cell.trim()));
  assert.equal(lines.length, 2 + rows.length);
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
  assert.deepEqual(cells[2]?.slice(1, 4), ["at rest", "holdfast", ""]);
  assert.equal(cells[2]?.[9], "50.0");
  assert.deepEqual(cells[3]?.slice(1, 9), [
    "put 4 KiB",
    "holdfast",
    "2,000/s",
    "",
    "2.00",
    "6.00",
    "200 µs",
    "10.0x",
  ]);
  assert.deepEqual(cells[4]?.slice(1, 5), ["", "minio", "500/s", "4.00x"]);
  const failing = rowsOf({
    load,
    stores: [{ store: ours, samples: [sample(1, 1, { failed: 3, busy: 0.97 })] }],
  });
  assert.match(renderComparison(failing), /3 failed; load 97 % busy/);
});

test("bench chart: a bar for each store in each load, as long as its share of the fastest store's rate", () => {
  const rows = [atRest(ours, 50e6), ...rowsOf(measured)];
  const svg = renderComparisonChart(rows, "A & B");
  const lengths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map(([, text]) =>
    Number(text),
  );
  assert.equal(lengths.length, 3); // at rest has no rate
  assert.equal(lengths[1]! / lengths[0]!, 0.25);
  assert.equal(lengths[2], lengths[0]); // the bare server's is cut off
  assert.match(svg, /A &amp; B/);
  assert.match(svg, /■ minio/);
});
