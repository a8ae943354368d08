// `npm run bench -- --endpoint URL …`: the load of many clients on any S3 store. `npm run bench --
// [--peer NAME=URL,PID]`: this store, others that run here and a bare HTTP server under the same
// loads. `npm run bench -- --only http`: our HTTP server against node:http. `npm run bench --
// --only steps` or `handler`: what a request does and takes without a socket. `npm run bench --
// --only erasure`: how fast shards are encoded and decoded. `npm run bench -- --only hedge`: what a
// disk that is late now and then does to reads. `npm run bench -- --only copies`: what three copies
// and inline coding cost. `npm run bench -- --only space`: bytes on disk for the bytes stored.
// `npm run bench -- --only repair`: what repair costs clients. See docs/benchmarks.md.
import { comparisonHelp, parseComparison } from "./bench/compare/comparison-flags.ts";
import { runComparison } from "./bench/compare/run-comparison.ts";
import { copiesHelp, isCopiesRun, runCopies } from "./bench/copies/run-copies.ts";
import { runOnEndpoint } from "./bench/endpoint.ts";
import { endpointHelp, parseRun } from "./bench/endpoint-flags.ts";
import { erasureHelp, isErasureRun, runErasure } from "./bench/erasure/run-erasure.ts";
import { handlerHelp, isHandlerRun, parseHandlerRun } from "./bench/handler/handler-flags.ts";
import { runHandler } from "./bench/handler/run-handler.ts";
import { runSteps } from "./bench/handler/run-steps.ts";
import { hedgeHelp, isHedgeRun, runHedge } from "./bench/hedge/run-hedge.ts";
import { isRepairRun, repairHelp, runRepair } from "./bench/repair/run-repair.ts";
import { isSpaceRun, runSpace, spaceHelp } from "./bench/space/run-space.ts";
import { httpHelp, isHttpRun, runHttp } from "./bench/http/run-http.ts";

const args = process.argv.slice(2);
try {
  if (args.includes("--help")) {
    console.log(
      [
        endpointHelp,
        comparisonHelp,
        handlerHelp,
        httpHelp,
        erasureHelp,
        hedgeHelp,
        copiesHelp,
        spaceHelp,
        repairHelp,
      ].join("\n\n"),
    );
  } else if (args.some((arg) => arg.startsWith("--endpoint"))) {
    process.exitCode = (await runOnEndpoint(parseRun(args, process.env))) ? 0 : 1;
  } else if (isHttpRun(args)) {
    await runHttp(args);
  } else if (isHedgeRun(args)) {
    await runHedge(args);
  } else if (isCopiesRun(args)) {
    await runCopies(args);
  } else if (isRepairRun(args)) {
    await runRepair(args);
  } else if (isSpaceRun(args)) {
    await runSpace(args);
  } else if (isErasureRun(args)) {
    await runErasure(args);
  } else if (isHandlerRun(args)) {
    const run = parseHandlerRun(args);
    await (run.only === "steps" ? runSteps(run) : runHandler(run));
  } else await runComparison(parseComparison(args, process.env));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
