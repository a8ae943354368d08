// First figures, as ratios within one run: signed 4 KiB PUT and GET against a bare node:http server of as many processes,
// objects per extent sync, the time of a LIST page at 100 k keys against 10 k, and the start of an empty store and of one with
// 100 k keys. `--json` prints the figures as JSON.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { HoldfastServer } from "./acceptance/holdfast-server.ts";
import { S3Connection } from "./acceptance/s3-connection.ts";
import type { Job, JobResult } from "./bench/load.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    connections: { type: "string", default: "64" },
    workers: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const objectBytes = 4096;
const workers = Number(values.workers);
const bucket = "bench";
const keys = 4000;

const script = (name: string): string => join(import.meta.dirname, "bench", name);

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no standard output");
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error("the process ended before it said anything");
}

/** Runs one job in a fresh process; the first second warms up. */
async function measure(job: Job): Promise<JobResult> {
  const child = spawn(process.execPath, [script("load.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(`${JSON.stringify({ ...job, seconds: 1 })}\n${JSON.stringify(job)}\n`);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  const result = JSON.parse(lines.at(-1) ?? "{}") as JobResult; // from load.ts
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.requests} requests failed`);
  return result;
}

async function metric(endpoint: string, name: string): Promise<number> {
  const text = await (await fetch(`${endpoint}/-/metrics`)).text();
  const lines = text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

const rate = (result: JobResult): number => result.requests / result.seconds;

interface Figures {
  [name: string]: number;
}

async function smallObjects(server: HoldfastServer, figures: Figures): Promise<void> {
  const bare = spawn(
    process.execPath,
    [script("bare-server.ts"), String(workers), String(objectBytes)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const { port: barePort } = JSON.parse(await firstLine(bare)) as { port: number }; // from bare-server.ts
  const connections = Number(values.connections);
  const seconds = Number(values.seconds);
  const job = { host: "127.0.0.1", bucket, keys, objectBytes, connections, seconds };
  const ours = Number(new URL(server.endpoint).port);
  for (const method of ["PUT", "GET"] as const) {
    const pairs: [JobResult, JobResult][] = [];
    const records = await metric(server.endpoint, "holdfast_extent_records_total");
    const syncs = await metric(server.endpoint, "holdfast_extent_syncs_total");
    for (let round = 0; round < Number(values.rounds); round++) {
      const reference = await measure({ ...job, method, port: barePort });
      pairs.push([await measure({ ...job, method, port: ours }), reference]);
    }
    const name = `${method.toLowerCase()}_4k`;
    figures[`${name}_per_second`] = median(pairs.map(([result]) => rate(result)));
    figures[`${name}_bare_per_second`] = median(pairs.map(([, result]) => rate(result)));
    figures[`${name}_of_bare_percent`] =
      100 * median(pairs.map(([result, reference]) => rate(result) / rate(reference)));
    figures[`${name}_p50_ms`] = median(pairs.map(([result]) => result.p50Ms));
    figures[`${name}_p99_ms`] = median(pairs.map(([result]) => result.p99Ms));
    if (method === "PUT") {
      const moreRecords =
        (await metric(server.endpoint, "holdfast_extent_records_total")) - records;
      const moreSyncs = (await metric(server.endpoint, "holdfast_extent_syncs_total")) - syncs;
      figures["put_4k_objects_per_extent_sync"] = moreRecords / moreSyncs;
    }
  }
  bare.kill("SIGTERM");
}

async function fill(connection: S3Connection, from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < to) {
        const key = `/list/dir-${next % 100}/${String(next++).padStart(8, "0")}`;
        const { status } = await connection.send("PUT", key, { body: Buffer.from("x") });
        if (status !== 200) throw new Error(`PUT ${key}: ${status}`);
      }
    }),
  );
}

async function pageMs(connection: S3Connection): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 60; i++) {
    const after = encodeURIComponent(`dir-${(i * 17) % 90}/`);
    const began = performance.now();
    await connection.send("GET", `/list?list-type=2&max-keys=1000&start-after=${after}`);
    if (i >= 10) times.push(performance.now() - began);
  }
  return median(times);
}

async function listPages(server: HoldfastServer, figures: Figures): Promise<void> {
  const connection = new S3Connection(server.endpoint);
  await connection.send("PUT", "/list");
  await fill(connection, 0, 10_000);
  figures["list_page_ms_at_10k"] = await pageMs(connection);
  await fill(connection, 10_000, 100_000);
  figures["list_page_ms_at_100k"] = await pageMs(connection);
  const [small, large] = [figures["list_page_ms_at_10k"], figures["list_page_ms_at_100k"]];
  figures["list_page_100k_to_10k_ratio"] = large / small;
  connection.close();
}

const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
const data = [join(folder, "data")];
let server = await HoldfastServer.start(data, { workers });
const figures: Figures = { start_ms_first: server.startMs };
try {
  const connection = new S3Connection(server.endpoint);
  await connection.send("PUT", `/${bucket}`);
  connection.close();
  await smallObjects(server, figures);
  await listPages(server, figures);
  await server.stop();
  server = await HoldfastServer.start(data, { workers });
  figures["start_ms_at_100k_keys"] = server.startMs;
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
if (values.json) console.log(JSON.stringify(figures));
else
  for (const [name, value] of Object.entries(figures))
    console.log(`${name.padEnd(36)} ${value.toFixed(2)}`);
