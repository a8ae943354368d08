import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, prometheusText } from "./metrics.ts";
import { parseExposition } from "./exposition.suite.ts";

test("metrics: the series of all processes stand under one family, each with its process's name", () => {
  const reports = ["front-end-1", "front-end-2"].map((process, i) => {
    const metrics = new Metrics();
    metrics
      .counter("requests_total", "Requests.", ["operation"])
      .at("GetObject")
      .add(i + 2);
    return { process, families: metrics.read() };
  });
  assert.equal(
    prometheusText(reports),
    "# HELP requests_total Requests.\n# TYPE requests_total counter\n" +
      'requests_total{process="front-end-1",operation="GetObject"} 2\n' +
      'requests_total{process="front-end-2",operation="GetObject"} 3\n',
  );
});

test("metrics: a histogram's buckets add up, and say sum and count", () => {
  const metrics = new Metrics();
  const histogram = metrics.histogram("seconds", "Time.", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.at().observe(value);
  const text = prometheusText([{ process: "p", families: metrics.read() }]);
  assert.match(text, /seconds_bucket\{process="p",le="0.1"\} 2\n/);
  assert.match(text, /seconds_bucket\{process="p",le="1"\} 3\n/);
  assert.match(text, /seconds_bucket\{process="p",le="\+Inf"\} 4\n/);
  assert.match(text, /seconds_sum\{process="p"\} 7.65\nseconds_count\{process="p"\} 4\n/);
});

test("metrics: sampled values are read at the scrape; label values are escaped", () => {
  const metrics = new Metrics();
  let value = 1;
  metrics.sampled("gauge", "size", "Size.", () => value);
  metrics.sampled("gauge", "disks", "Disks.", () => [[['a"\\b\n'], 5]], ["disk"]);
  value = 8;
  const text = prometheusText([{ process: "p", families: metrics.read() }]);
  assert.match(text, /size\{process="p"\} 8\n/);
  assert.match(text, /disk="a\\"\\\\b\\n"\} 5/);
});

test("metrics: the text is what its specification says, whatever the values", () => {
  const metrics = new Metrics();
  const histogram = metrics.histogram("seconds", "Time\nby \\ name.", [0.1, 1], ["name"]);
  for (const name of ["a", 'b"\\\n', ""]) histogram.at(name).observe(1e-7);
  metrics.counter("things_total", "Things.").at().add(1e21);
  metrics.sampled("gauge", "none", "None.", () => []);
  const reports = ["p", "q"].map((process) => ({ process, families: metrics.read() }));
  const families = parseExposition(prometheusText(reports));
  assert.deepEqual([...families.keys()], ["seconds", "things_total", "none"]);
  assert.equal(families.get("seconds")?.samples.length, 2 * 3 * 5);
  for (const wrong of [
    "a 1\n",
    "# HELP a b\n# TYPE a gauge\na{b=c} 1\n",
    "# HELP a b\n# TYPE a counter\n",
  ]) {
    assert.throws(() => parseExposition(wrong));
  }
});

test("C6: metrics: labels from an open set are refused past the limit", () => {
  const counter = new Metrics().counter("keys_total", "Keys.", ["key"]);
  assert.throws(() => {
    for (let i = 0; i < 20_000; i++) counter.at(`key${i}`).add(1);
  }, /open set/);
});
