import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { must } from "../../base/assert.ts";
import type { S3Connection } from "../testing/s3-connection.ts";
import {
  childrenOf,
  connectionTo,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

// A process that stands still: what the others do meanwhile, and what becomes of it.

/**
 * Writers that go on until they are asked to stop; a connection that dies with its process is not
 * their matter.
 */
class Writers {
  readonly answered = new Map<string, number>();
  readonly #s3: S3Connection;
  readonly #ended: Promise<unknown>;
  #stopping = false;

  constructor(s3: S3Connection, count: number) {
    this.#s3 = s3;
    this.#ended = Promise.all(Array.from({ length: count }, (_, i) => this.#write(i)));
  }

  with(status: number): string[] {
    return [...this.answered].filter(([, given]) => given === status).map(([key]) => key);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #write(writer: number): Promise<void> {
    for (let i = 0; !this.#stopping; i++) {
      const key = `${writer}-${i}`;
      const response = await this.#s3
        .send("PUT", `/bucket/${key}`, { body: key })
        .catch(() => undefined);
      if (response === undefined) await sleep(20);
      else this.answered.set(key, response.status);
    }
  }
}

/**
 * Stops the process until it happens to hold the lock of the index's writer, which stops all other
 * writers.
 */
async function stopWithLock(pid: number, writers: Writers): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    process.kill(pid, "SIGSTOP");
    await sleep(200);
    const before = writers.answered.size;
    await sleep(500);
    if (writers.answered.size === before) return;
    process.kill(pid, "SIGCONT");
    await sleep(20 + attempt);
  }
  assert.fail("the process was never stopped while it wrote");
}

test(
  "C8: a front end that is stopped in the middle of a commit is replaced, and the others' writes go on",
  { skip: noProc, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const settings = ["--workers", "2", "--worker-silence", "3s"];
    await using server = new ServedStore([scratch.directory("a")], settings);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    assert.equal((await s3.send("PUT", "/bucket")).status, 200);
    const before = childrenOf(ready.pid);
    const hung = must(before[1], "a front end"); // the background worker is the first
    const writers = new Writers(s3, 16);
    try {
      await until("writes succeed", () => writers.with(200).length > 50);
      await stopWithLock(hung, writers);
      const { size } = writers.answered;
      await until("writes go on", () => writers.answered.size > size + 50);
      assert.match(server.output, /"worker":"front-end-1".*"event":"worker_silent"/);
    } finally {
      await writers.stop();
    }
    // It was killed: there is nothing to continue.
    assert.throws(() => process.kill(hung, "SIGCONT"), { code: "ESRCH" });
    await until("a new worker", () => childrenOf(ready.pid).length === before.length);
    assert.deepEqual([...new Set(writers.answered.values())], [200]);
    for (const key of writers.with(200)) {
      assert.equal((await s3.send("GET", `/bucket/${key}`)).body.toString(), key);
    }
    await until("it is reported", async () => {
      const page = await fetch(`${ready.endpoint}/-/metrics`);
      return /worker_hangs_total\{.*worker="front-end-1"\} 1\n/.test(await page.text());
    });
    assert.equal(await server.stop(), 0, server.output);
  },
);

test(
  "C6: while the index takes no commit, writes end with 503 and the server is not ready; then all goes on",
  { skip: noProc, timeout: 180_000 },
  async () => {
    using scratch = new Scratch();
    const settings = ["--workers", "2", "--worker-silence", "1h"];
    await using server = new ServedStore([scratch.directory("a")], settings);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    assert.equal((await s3.send("PUT", "/bucket")).status, 200);
    const stopped = must(childrenOf(ready.pid)[1], "a front end");
    const writers = new Writers(s3, 16);
    const readiness = async (): Promise<string> => {
      // A connection may be one of the process that stands still.
      const signal = AbortSignal.timeout(2_000);
      const page = fetch(`${ready.endpoint}/-/health/ready`, {
        signal,
        headers: { connection: "close" },
      });
      return page.then((response) => response.text()).catch(() => "none");
    };
    try {
      await until("writes succeed", () => writers.with(200).length > 50);
      await stopWithLock(stopped, writers);
      await until("not ready", async () => (await readiness()).startsWith("not ready"));
      await until("writes are refused", () => writers.with(503).length > 0);
      // Two processes wait.
      assert.equal(server.output.match(/"event":"commits_stalled"/g)?.length, 2);
    } finally {
      process.kill(stopped, "SIGCONT");
      const { length } = writers.with(200);
      await until("writes go on", () => writers.with(200).length > length + 50);
      await writers.stop();
    }
    await until("ready", async () => (await readiness()) === "ready\n");
    for (const key of writers.with(200)) {
      assert.equal((await s3.send("GET", `/bucket/${key}`)).body.toString(), key);
    }
    assert.deepEqual(new Set(writers.answered.values()), new Set([200, 503]), server.output);
    assert.equal(await server.stop(), 0, server.output);
  },
);

test(
  "C8: a supervisor that was stopped itself does not kill its workers as silent",
  { skip: noProc, timeout: 60_000 },
  async () => {
    using scratch = new Scratch();
    await using server = new ServedStore([scratch.directory("a")], ["--worker-silence", "3s"]);
    const ready = await started(server);
    const before = childrenOf(ready.pid);
    process.kill(ready.pid, "SIGSTOP");
    // Longer than the limit: that is what is tested, and a longer one tests it too.
    await sleep(4_000);
    process.kill(ready.pid, "SIGCONT");
    const page = await fetch(`${ready.endpoint}/-/metrics`); // it answers again
    assert.match(await page.text(), /worker_hangs_total\{.*worker="front-end-1"\} 0\n/);
    assert.deepEqual(childrenOf(ready.pid), before);
    assert.equal(await server.stop(), 0, server.output);
    assert.doesNotMatch(server.output, /worker_silent/);
  },
);
