import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { oneOf, whole } from "../flag-values.ts";
import { type ComparisonRun, comparisons } from "./run-comparisons.ts";

export const comparisonHelp = `npm run bench [-- flags]: this store against a bare HTTP server of as many processes
  --only NAME         some of ${comparisons.join(", ")}; again for more
  --keys N            of the large store that is listed (1000000)
  --seconds N, --rounds N  of each measurement (5, 3)
  --connections N     of the small transfers (64)
  --uploads N         of 64 MiB at once, while memory is measured (64)
  --workers N, --processes N  of each server, of the load (2, 2)
  --cpu-prof DIR      profiles of our server's processes
  --json              one line of JSON`;

/** Throws an Error that says what is wrong with the flags. */
export function parseComparisons(args: readonly string[]): ComparisonRun {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      keys: { type: "string", default: "1000000" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      connections: { type: "string", default: "64" },
      uploads: { type: "string", default: "64" },
      workers: { type: "string", default: "2" },
      processes: { type: "string", default: "2" },
      "cpu-prof": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  return {
    only: values.only?.map((name) => oneOf("only", comparisons, name)) ?? comparisons,
    keys: whole("keys", values.keys),
    seconds: whole("seconds", values.seconds),
    rounds: whole("rounds", values.rounds),
    connections: whole("connections", values.connections),
    uploads: whole("uploads", values.uploads),
    workers: whole("workers", values.workers),
    processes: whole("processes", values.processes),
    cpuProfiles: values["cpu-prof"] === undefined ? undefined : resolve(values["cpu-prof"]),
    json: values.json,
  };
}
