import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { ask, connectionFlags, connectionOf } from "./connection.ts";
import { readFigures, sumOf } from "./figures.ts";

export const status: Command = {
  name: "status",
  summary: "ask a running server how it is",
  usage: "status [--endpoint URL] [--json]",
  flags: [...connectionFlags, { name: "json", help: "as one line of JSON" }],
  run: runStatus,
};

async function runStatus(given: GivenFlags): Promise<number> {
  const connection = connectionOf(given);
  const ready = (await ask(connection, "/-/health/ready")).status === 200;
  const figures = readFigures((await ask(connection, "/-/metrics")).text);
  const processes = new Set(figures.map(({ labels }) => labels.get("process")));
  const report = {
    endpoint: connection.endpoint,
    ready,
    processes: processes.size,
    restarts: sumOf(figures, "holdfast_worker_restarts_total"),
    requests: sumOf(figures, "holdfast_requests_total"),
    bytesIn: sumOf(figures, "holdfast_request_bytes_total", ["direction", "in"]),
    bytesOut: sumOf(figures, "holdfast_request_bytes_total", ["direction", "out"]),
  };
  if (given.flags.has("json")) {
    console.log(JSON.stringify(report));
  } else {
    console.log(`${report.endpoint} is ${ready ? "ready" : "not ready"}`);
    console.log(`  processes  ${report.processes} (${report.restarts} restarted after a death)`);
    console.log(`  requests   ${report.requests} since the start of their processes`);
    console.log(`  bytes      ${report.bytesIn} received, ${report.bytesOut} sent`);
  }
  return ready ? exitStatus.ok : exitStatus.failed;
}
