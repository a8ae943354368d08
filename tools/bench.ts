// `npm run bench -- --endpoint URL …`: the load of many clients on any S3 store. `npm run bench --
// [--peer NAME=URL,PID]`: this store, others that run here and a bare HTTP server under the same
// loads. `npm run bench -- --only http`: our HTTP server against node:http. `npm run bench --
// --only steps` or `handler`: what a request does and takes without a socket. See
// docs/benchmarks.md.
import { comparisonHelp, parseComparison } from "./bench/compare/comparison-flags.ts";
import { runComparison } from "./bench/compare/run-comparison.ts";
import { runOnEndpoint } from "./bench/endpoint.ts";
import { endpointHelp, parseRun } from "./bench/endpoint-flags.ts";
import { handlerHelp, isHandlerRun, parseHandlerRun } from "./bench/handler/handler-flags.ts";
import { runHandler } from "./bench/handler/run-handler.ts";
import { runSteps } from "./bench/handler/run-steps.ts";
import { httpHelp, isHttpRun, runHttp } from "./bench/http/run-http.ts";

const args = process.argv.slice(2);
try {
  if (args.includes("--help")) {
    console.log([endpointHelp, comparisonHelp, handlerHelp, httpHelp].join("\n\n"));
  } else if (args.some((arg) => arg.startsWith("--endpoint"))) {
    process.exitCode = (await runOnEndpoint(parseRun(args, process.env))) ? 0 : 1;
  } else if (isHttpRun(args)) {
    await runHttp(args);
  } else if (isHandlerRun(args)) {
    const run = parseHandlerRun(args);
    await (run.only === "steps" ? runSteps(run) : runHandler(run));
  } else await runComparison(parseComparison(args, process.env));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
