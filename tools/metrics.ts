// Writes docs/metrics.md from what a server that was just started exposes, so that the list cannot
// lag behind. `node tools/run.js tools/metrics.ts`
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseExposition } from "../src/admin/exposition.suite.ts";
import { Scratch, ServedStore, started } from "../src/node/testing/served-store.ts";

export const metricsDocument = join(resolve(import.meta.dirname, ".."), "docs/metrics.md");

/**
 * The document for a page of /-/metrics; how many series there are does not matter, nor what they
 * say.
 */
export function renderMetrics(page: string): string {
  const rows = [...parseExposition(page)].map(([name, { type, help }]) => {
    return `| \`${name}\` | ${type} | ${help.replaceAll("|", "\\|")} |`;
  });
  return [
    "# Metrics",
    "",
    "What `/-/metrics` exposes, in Prometheus' text format, for all processes of a server at once. The",
    "label `process` tells them apart (front-end-1 …, background, supervisor). Nothing is summed, so a",
    "process that is started again resets its own counters only. Labels come from closed sets",
    "(operations, S3's names of errors, phases, states, data directories), never from what clients send.",
    "`tools/metrics.ts` makes this list; a test fails when it lags behind.",
    "",
    "| name | kind | what |",
    "| --- | --- | --- |",
    ...rows.sort(),
    "",
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")]);
  const { endpoint } = await started(server);
  writeFileSync(
    metricsDocument,
    renderMetrics(await (await fetch(`${endpoint}/-/metrics`)).text()),
  );
  await server.stop();
}
