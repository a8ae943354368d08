import assert from "node:assert/strict";

/** A family as a scraper reads it. */
export interface ExposedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: { name: string; labels: ReadonlyMap<string, string>; value: number }[];
}

const sampleForm = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelForm = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/**
 * Reads Prometheus' text format 0.0.4 as strictly as its specification and the linter of its tools:
 * families stand together with HELP and TYPE before them, each series once, counters end in _total,
 * units are base units.
 */
export function parseExposition(text: string): ReadonlyMap<string, ExposedFamily> {
  assert.ok(text.endsWith("\n"), "the last line ends too");
  const families = new Map<string, ExposedFamily>();
  const seen = new Set<string>();
  const lines = text.slice(0, -1).split("\n");
  let current: { name: string; family: ExposedFamily } | undefined;
  for (const [index, line] of lines.entries()) {
    const help = /^# HELP ([a-z][a-z0-9_]*) ((?:[^\\]|\\[\\n])+)$/.exec(line);
    if (help !== null) {
      const [, name = "", words = ""] = help;
      const type = new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`).exec(lines[index + 1]!);
      assert.ok(type, `${name} has no type after its help`);
      assert.ok(!families.has(name), `${name} stands in two places`);
      current = { name, family: { type: type[1]!, help: words, samples: [] } };
      families.set(name, current.family);
    } else if (!line.startsWith("# TYPE ")) {
      const sample = parseSample(line);
      assert.ok(current, `${line} stands before any family`);
      const suffixes = current.family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      assert.ok(
        suffixes.some((suffix) => sample.name === current!.name + suffix),
        line,
      );
      const series = line.slice(0, line.lastIndexOf(" "));
      assert.ok(!seen.has(series), `twice: ${series}`);
      seen.add(series);
      current.family.samples.push(sample);
    }
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

function parseSample(line: string): ExposedFamily["samples"][number] {
  const match = sampleForm.exec(line);
  assert.ok(match, `no sample: ${line}`);
  const [, name = "", labelText = "", valueText = ""] = match;
  const labels = new Map<string, string>();
  labelForm.lastIndex = 0;
  while (labelForm.lastIndex < labelText.length) {
    const label = labelForm.exec(labelText);
    assert.ok(label, `no labels: ${line}`);
    assert.ok(!labels.has(label[1]!), `a label twice: ${line}`);
    labels.set(label[1]!, label[2]!);
  }
  assert.match(valueText, /^-?\d+(\.\d+)?(e[+-]?\d+)?$/, line);
  return { name, labels, value: Number(valueText) };
}

function checkFamily(name: string, { type, samples }: ExposedFamily): void {
  assert.equal(type === "counter", name.endsWith("_total"), `${name} is a ${type}`);
  assert.doesNotMatch(name, /_(count|sum|bucket|info_total)$|milli|micro|nano|kilo|mega|minute/);
  if (type === "counter") for (const { value } of samples) assert.ok(value >= 0, name);
  if (type === "histogram") checkHistogram(name, samples);
}

/**
 * Checks each series: bounds ascend to +Inf, counts never fall, and the last of them is the count.
 */
function checkHistogram(name: string, samples: ExposedFamily["samples"]): void {
  const bySeries = new Map<string, ExposedFamily["samples"]>();
  for (const sample of samples) {
    const labels = [...sample.labels].filter(([label]) => label !== "le");
    const key = JSON.stringify(labels);
    bySeries.set(key, [...(bySeries.get(key) ?? []), sample]);
  }
  for (const [key, series] of bySeries) {
    const buckets = series.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) =>
      Number((labels.get("le") ?? "").replace("+Inf", "Infinity")),
    );
    assert.ok(
      bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!),
      `${name} ${key}`,
    );
    assert.equal(bounds.at(-1), Infinity);
    assert.ok(buckets.every(({ value }, i) => i === 0 || value >= buckets[i - 1]!.value));
    const last = series.slice(buckets.length);
    assert.deepEqual(
      last.map((sample) => sample.name),
      [`${name}_sum`, `${name}_count`],
    );
    assert.equal(last[1]?.value, buckets.at(-1)?.value);
  }
}
