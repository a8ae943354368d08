// `npm run bench -- --endpoint URL …`: the load of many clients on any S3 store.
// `npm run bench`: this store against a bare HTTP server of as many processes, as ratios. See docs/benchmarks.md.
import { comparisonHelp, parseComparisons } from "./bench/compare/comparison-flags.ts";
import { runComparisons } from "./bench/compare/run-comparisons.ts";
import { runOnEndpoint } from "./bench/endpoint.ts";
import { endpointHelp, parseRun } from "./bench/endpoint-flags.ts";

const args = process.argv.slice(2);
try {
  if (args.includes("--help")) console.log(`${endpointHelp}\n\n${comparisonHelp}`);
  else if (args.some((arg) => arg.startsWith("--endpoint"))) {
    process.exitCode = (await runOnEndpoint(parseRun(args, process.env))) ? 0 : 1;
  } else await runComparisons(parseComparisons(args));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
