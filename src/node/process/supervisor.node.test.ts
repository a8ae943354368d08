import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { metricsDocument, renderMetrics } from "../../../tools/metrics.ts";
import { parseExposition } from "../../admin/exposition.suite.ts";
import {
  childrenOf,
  isGone,
  noProc,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

async function page(ready: ReadyEvent, path: string): Promise<string> {
  return await (await fetch(ready.endpoint + path)).text();
}

test("serve: answers health, and metrics of every process of the tree", async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")], ["--workers", "2"]);
  const ready = await started(server);
  assert.equal(await page(ready, "/-/health/live"), "live\n");
  assert.equal(await page(ready, "/-/health/ready"), "ready\n");
  const metrics = await page(ready, "/-/metrics");
  for (const name of ["front-end-1", "front-end-2", "background", "supervisor"]) {
    assert.match(metrics, new RegExp(`holdfast_process_uptime_seconds\\{process="${name}"\\}`));
  }
  assert.match(await page(ready, "/a-bucket/key"), /<Code>NoSuchBucket<\/Code>/);
});

test("serve: metrics are what Prometheus reads, and what docs/metrics.md says (else run tools/metrics.ts)", async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")]);
  const ready = await started(server);
  await page(ready, "/a-bucket/key");
  const text = await page(ready, "/-/metrics");
  const families = parseExposition(text);
  const errors = families.get("holdfast_request_errors_total")?.samples ?? [];
  assert.deepEqual(
    errors.map(({ labels, value }) => [...labels.values(), value]),
    [["front-end-1", "GetObject", "NoSuchBucket", 1]],
  );
  assert.equal(families.get("holdfast_request_duration_seconds")?.type, "histogram");
  assert.equal(renderMetrics(text), readFileSync(metricsDocument, "utf8"));
});

test("serve: SIGTERM ends every process with status 0, also with a connection kept open", async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")]);
  const ready = await started(server);
  await page(ready, "/-/health/live");
  assert.equal(await server.stop(), 0, server.output);
});

test("serve: a second server on the same directory is refused", async () => {
  using scratch = new Scratch();
  const directories = [scratch.directory("a"), scratch.directory("b")];
  await using first = new ServedStore(directories);
  await started(first);
  await using second = new ServedStore(directories);
  assert.equal(await second.ended, 1);
  assert.match(second.output, /in use by another Holdfast process: stop that one first/);
});

test("serve: the root key is made once, kept, and readable by its owner alone", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  await using first = new ServedStore([directory]);
  const shown = await started(first);
  assert.ok(shown.secretAccessKey.length >= 40);
  const file = `${directory}/credentials.json`;
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await first.stop();
  await using second = new ServedStore([directory]);
  const again = await started(second);
  assert.equal(again.accessKeyId, shown.accessKeyId);
  assert.equal(again.secretAccessKey, shown.secretAccessKey);
});

test("serve: a killed worker is started again, on the same port", { skip: noProc }, async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")], ["--workers", "2"]);
  const ready = await started(server);
  const before = childrenOf(ready.pid);
  assert.equal(before.length, 3);
  for (const pid of before) process.kill(pid, "SIGKILL");
  await until("three new workers", () => {
    const now = childrenOf(ready.pid);
    return now.length === 3 && now.every((pid) => !before.includes(pid));
  });
  const isReady = async (): Promise<boolean> => {
    try {
      return (await page(ready, "/-/health/ready")) === "ready\n";
    } catch {
      return false;
    }
  };
  await until("ready again", isReady);
  await until("the dead sessions fenced", async () =>
    /sessions_fenced_total\{process="background"\} [1-9]/.test(await page(ready, "/-/metrics")),
  );
  assert.equal(await server.stop(), 0, server.output);
});

test("serve: workers end when the supervisor is killed", { skip: noProc }, async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")]);
  const { pid } = await started(server);
  const workers = childrenOf(pid);
  process.kill(pid, "SIGKILL");
  await until("workers gone", () => workers.every(isGone));
  await using again = new ServedStore([scratch.directory("a")]);
  await started(again);
});

test("serve: what is not its own data directory is refused, and left as it was", async () => {
  using scratch = new Scratch();
  const foreign = scratch.directory("foreign");
  mkdirSync(foreign);
  writeFileSync(`${foreign}/thesis.txt`, "x");
  await using first = new ServedStore([foreign]);
  assert.equal(await first.ended, 1);
  assert.match(first.output, /not empty \(thesis\.txt\) and not ours/);
  assert.deepEqual(readdirSync(foreign), ["thesis.txt"]);

  const newer = scratch.directory("newer");
  mkdirSync(newer);
  const identity = '{"format":"holdfast-data-directory","version":99}';
  writeFileSync(`${newer}/holdfast.json`, identity);
  await using second = new ServedStore([newer]);
  assert.equal(await second.ended, 1);
  assert.match(second.output, /start the newer version of Holdfast/);
});

test("serve: directories can be added at a start; one that cannot be meant is refused", async () => {
  using scratch = new Scratch();
  const [a, b, c] = ["a", "b", "c"].map((name) => scratch.directory(name)) as [
    string,
    string,
    string,
  ];
  const outcome = async (directories: readonly string[]): Promise<string> => {
    await using server = new ServedStore(directories);
    const ready = await server.ready;
    if (ready !== undefined) await server.stop();
    else await server.ended;
    return ready === undefined ? server.output : "ready";
  };
  assert.equal(await outcome([a, b]), "ready");
  assert.match(await outcome([a, b, c]), /\/c does not exist: .*make an empty directory/);
  mkdirSync(c);
  assert.equal(await outcome([a, b, c]), "ready");
  const other = scratch.directory("other");
  assert.equal(await outcome([other]), "ready");
  assert.match(await outcome([a, b, other]), /\/other belongs to store .*, not to/);
  cpSync(b, scratch.directory("copy"), { recursive: true });
  const copied = await outcome([a, b, scratch.directory("copy")]);
  assert.match(copied, /\/b and .*\/copy are the same data directory, or one is a copy/);
  for (const directory of [a, b, c]) {
    for (const name of ["index", "log", "snapshots"]) {
      rmSync(`${directory}/${name}`, { recursive: true, force: true });
    }
  }
  mkdirSync(`${b}/extents/00`, { recursive: true });
  assert.match(await outcome([a, b, c]), /no index in .*\/a\/index, but .*was in use: mount/);
});

test("serve: an address in use ends the start with the fix", async () => {
  using scratch = new Scratch();
  await using first = new ServedStore([scratch.directory("a")]);
  const { port } = await started(first);
  const listen = ["--listen", `127.0.0.1:${port}`];
  await using second = new ServedStore([scratch.directory("b")], listen);
  assert.equal(await second.ended, 2);
  assert.match(second.output, /another program listens there: stop it, or give another port/);
});

test(
  "C8: serve: the supervisor has file threads for disks that hang, however few its environment says",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const env = { UV_THREADPOOL_SIZE: "4" };
    await using server = new ServedStore([scratch.directory("a")], [], { env });
    const { pid } = await started(server);
    assert.ok(readdirSync(`/proc/${pid}/task`).length >= 64);
    assert.equal(await server.stop(), 0, server.output);
  },
);
