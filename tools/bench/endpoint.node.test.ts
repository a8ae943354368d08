import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { readFigures, sumsBy } from "../../src/cli/figures.ts";
import type { AccessKey } from "../../src/auth/access-key.ts";
import {
  connectionTo,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../../src/node/testing/served-store.ts";
import type { Figures } from "./report/figures.ts";

const script = join(import.meta.dirname, "../bench.ts");

function begin(key: AccessKey, endpoint: string, flags: readonly string[]) {
  const child = spawn(process.execPath, [script, "--endpoint", endpoint, "--json", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
  });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const ended = new Promise<number | null>((done) => child.once("close", done)).then((code) => ({
    code,
    errors,
    figures: output === "" ? undefined : (JSON.parse(output) as Figures), // its own output
  }));
  return { child, ended };
}

async function bench(ready: ReadyEvent, flags: readonly string[], endpoint = ready.endpoint) {
  const { code, errors, figures } = await begin(ready, endpoint, flags).ended;
  assert.ok(figures !== undefined, errors);
  return {
    code,
    figures,
    of: (name: string) => figures.operations.find((o) => o.operation === name),
  };
}

async function served(ready: ReadyEvent, operation: string): Promise<number> {
  const page = await (await fetch(`${ready.endpoint}/-/metrics`)).text();
  return sumsBy(readFigures(page), "holdfast_requests_total", "operation").get(operation) ?? 0;
}

async function call(ready: ReadyEvent, method: string, target: string): Promise<string> {
  const { body } = await connectionTo(ready).send(method, target);
  return body.toString();
}

const kept = ["--bucket", "kept", "--prefix", "p/", "--seed", "5", "--keys", "60", "--keep"];

test("bench: what it counts is what the store has served; every read is compared", async () => {
  using scratch = new Scratch();
  await using store = new ServedStore([scratch.directory("a")]);
  const ready = await started(store);
  await call(ready, "PUT", "/kept");
  const put = await bench(ready, [
    ...kept,
    "--workload",
    "put",
    "--count",
    "60",
    "--size",
    "1:1,70KiB:1",
  ]);
  assert.equal(put.code, 0);
  assert.equal(put.of("put")?.succeeded, 60);
  assert.equal(await served(ready, "PutObject"), 60);

  const svg = scratch.directory("chart.svg");
  const pid = String(store.child.pid);
  const reading = [
    "--workload",
    "get",
    "--loaded",
    "--seconds",
    "1",
    "--warmup",
    "0",
    "--size",
    "1:1,70KiB:1",
  ];
  const get = await bench(ready, [...kept, ...reading, "--server-pid", pid, "--svg", svg]);
  const { succeeded, verified, latencyMs } = get.of("get")!;
  assert.equal(get.code, 0);
  assert.equal(verified, succeeded);
  assert.equal(await served(ready, "GetObject"), succeeded);
  assert.ok(latencyMs.p50 > 0 && latencyMs.p50 <= latencyMs.p99 && latencyMs.p99 <= latencyMs.max);
  assert.ok(get.figures.load.cpuSeconds > 0);
  assert.ok(get.figures.server === undefined || get.figures.server.privateBytes.most > 1e6);
  assert.match(readFileSync(svg, "utf8"), /^<svg [^]*<polyline [^]*<\/svg>\n$/);

  // Another seed: other bytes than are stored.
  const other = kept.map((flag) => (flag === "5" ? "6" : flag));
  const wrong = await bench(ready, [...other, ...reading, "--size", "70KiB"]);
  assert.equal(wrong.code, 1);
  assert.ok((wrong.of("get")?.errors["WrongLength"] ?? 0) > 0);
});

test("bench: every workload does its work, and nothing of it is left", async () => {
  using scratch = new Scratch();
  await using store = new ServedStore([scratch.directory("a")]);
  const ready = await started(store);
  for (const [workload, expected] of [
    ["mixed", { put: "PutObject", get: "GetObject", list: "ListObjectsV2" }],
    ["head", { head: "HeadObject" }],
    ["delete", { delete: "DeleteObject" }],
    ["multipart", { multipart: "CompleteMultipartUpload" }],
    ["ranged", { ranged: "GetObject" }],
  ] as const) {
    const flags = ["--workload", workload, "--keys", "40", "--count", "40", "--part-size", "5MiB"];
    const mix = ["--mix", "put:1,get:1,list:1", "--delimiter", "/", "--payload", "signed"];
    const size = ["--size", workload === "multipart" ? "6MiB" : "9KiB", "--pattern", "date"];
    const { code, figures, of } = await bench(ready, [...flags, ...mix, ...size]);
    assert.equal(code, 0, JSON.stringify(figures));
    const done = figures.operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
    assert.equal(done, 40, workload);
    for (const [name, operation] of Object.entries(expected)) {
      assert.ok((of(name)?.succeeded ?? 0) > 0 && (await served(ready, operation)) > 0, name);
    }
  }
  assert.doesNotMatch(await call(ready, "GET", "/"), /bench-/);
});

test("bench: an interrupted run reports what it has, and removes what it made", async () => {
  using scratch = new Scratch();
  await using store = new ServedStore([scratch.directory("a")]);
  const ready = await started(store);
  const { child, ended } = begin(ready, ready.endpoint, ["--workload", "put", "--seconds", "100"]);
  await until("it puts objects", async () => (await served(ready, "PutObject")) > 20);
  child.kill("SIGINT");
  const { code } = await ended;
  assert.equal(code, 1);
  assert.doesNotMatch(await call(ready, "GET", "/"), /bench-/);
});

/** Hands everything on, but changes a bit at the end of each large answer. */
async function corruptingProxy(port: number): Promise<{ endpoint: string } & Disposable> {
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    client.on("error", () => server.destroy()).pipe(server);
    server.on("error", () => client.destroy()).on("end", () => client.end());
    server.on("data", (piece: Buffer) => {
      if (piece.length > 4000) piece[piece.length - 1]! ^= 4;
      client.write(piece);
    });
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const { port: own } = proxy.address() as AddressInfo; // it is a TCP server
  return { endpoint: `http://127.0.0.1:${own}`, [Symbol.dispose]: () => proxy.close() };
}

test("bench: a server that changes bytes is noticed, and by nothing else than the comparison", async () => {
  using scratch = new Scratch();
  await using store = new ServedStore([scratch.directory("a")]);
  const ready = await started(store);
  using proxy = await corruptingProxy(ready.port);
  const flags = ["--workload", "get", "--keys", "10", "--count", "50"];
  const noticed = await bench(ready, flags, proxy.endpoint);
  assert.equal(noticed.code, 1);
  assert.deepEqual(noticed.of("get")?.errors, { WrongBytes: 50 });
  const unseen = await bench(ready, [...flags, "--verify", "0"], proxy.endpoint);
  assert.equal(unseen.code, 0);
  assert.equal(unseen.of("get")?.verified, 0);
});

test("bench: wrong flags are refused with the flag's name; no server, with what failed", async () => {
  const key = { accessKeyId: "a", secretAccessKey: "b" };
  for (const [flags, message] of [
    [["--workload", "juggle"], /--workload "juggle"/],
    [["--verify", "2"], /--verify "2"/],
    [["--keys", "many"], /--keys "many"/],
    [["--size", "4 parsecs"], /no size/],
    [["--workload", "ranged", "--size", "0"], /ranged/],
    [["--secret-access-key", "b", "--workload", "put"], /ECONNREFUSED/],
  ] as const) {
    const { ended } = begin(key, "http://127.0.0.1:1", flags);
    const { code, errors } = await ended;
    assert.equal(code, 2, errors);
    assert.match(errors, message);
  }
});
