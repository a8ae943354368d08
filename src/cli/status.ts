import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import {
  ask,
  askS3,
  type Connection,
  connectionFlags,
  connectionOf,
  elementOf,
} from "./connection.ts";
import { disksIn, readFigures, sumOf } from "./figures.ts";

/** S3's largest page of buckets has ten times as many: an answer stays below 300 kB. */
const bucketsOnPage = 1000;

export const status: Command = {
  name: "status",
  summary: "ask a running server how it is",
  usage: "status [--endpoint URL] [--data DIR] [--json]",
  flags: [...connectionFlags, { name: "json", help: "as one line of JSON" }],
  run: runStatus,
};

async function runStatus(given: GivenFlags): Promise<number> {
  const connection = connectionOf(given);
  const ready = (await ask(connection, "/-/health/ready")).status === 200;
  const figures = readFigures((await ask(connection, "/-/metrics")).text);
  const buckets = await countBuckets(connection);
  const processes = new Set(figures.map(({ labels }) => labels.get("process")));
  const report = {
    endpoint: connection.endpoint,
    ready,
    buckets,
    processes: processes.size,
    restarts: sumOf(figures, "holdfast_worker_restarts_total"),
    requests: sumOf(figures, "holdfast_requests_total"),
    bytesIn: sumOf(figures, "holdfast_request_bytes_total", ["direction", "in"]),
    bytesOut: sumOf(figures, "holdfast_request_bytes_total", ["direction", "out"]),
    disks: disksIn(figures),
  };
  if (given.flags.has("json")) {
    console.log(JSON.stringify(report));
  } else {
    console.log(`${report.endpoint} is ${ready ? "ready" : "not ready"}`);
    console.log(`  buckets    ${report.buckets}`);
    console.log(`  processes  ${report.processes} (${report.restarts} restarted after a death)`);
    console.log(`  requests   ${report.requests} since the start of their processes`);
    console.log(`  bytes      ${report.bytesIn} received, ${report.bytesOut} sent`);
    for (const { name, state, bytesFree } of report.disks) {
      const takesWrites = state === "ok" ? "takes writes" : `takes no writes: ${state}`;
      console.log(`  disk       ${name} ${takesWrites}, ${bytesFree} bytes free`);
    }
  }
  return ready ? exitStatus.ok : exitStatus.failed;
}

/** Those of the key; that they can be listed shows that the key works. */
async function countBuckets(connection: Connection): Promise<number> {
  let count = 0;
  let token: string | undefined;
  do {
    const behind = token === undefined ? "" : `&continuation-token=${encodeURIComponent(token)}`;
    const page = await askS3(connection, `/?max-buckets=${bucketsOnPage}${behind}`);
    count += page.split("<Bucket>").length - 1;
    token = elementOf(page, "ContinuationToken");
  } while (token !== undefined);
  return count;
}
