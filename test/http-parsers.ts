// Generated and mutated requests to our HTTP server and to node:http: both must take the same ones
// for the same, or the difference must be known. --cases N from --seed N on, or from one that the
// commit decides.
import { parseArgs } from "node:util";
import { firstSeed } from "./first-seed.ts";
import { compareParsers } from "./http-parsers/compare-parsers.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, cases: { type: "string", default: "100000" } },
});
const cases = Number(values.cases);
const { alike, differences, unknown, ...run } = await compareParsers(
  firstSeed(values.seed),
  (begun) => begun < cases,
);
console.log(`${run.cases} connections, ${alike} requests taken alike`);
for (const [name, count] of differences) console.log(`known difference: ${name}: ${count}`);
for (const found of unknown) console.error(JSON.stringify(found, undefined, 1));
process.exit(unknown.length === 0 ? 0 : 1);
