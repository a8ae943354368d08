import assert from "node:assert/strict";
import { test } from "node:test";
import {
  childrenOf,
  connectionTo,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

test(
  "C6: a front end past its memory limit finishes what is under way and is replaced",
  { skip: noProc, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const settings = ["--workers", "1", "--worker-memory", "64MiB"];
    await using server = new ServedStore([scratch.directory("a")], settings);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    assert.equal((await s3.send("PUT", "/bucket")).status, 200);
    const before = childrenOf(ready.pid);
    const body = "0123456789abcdef".repeat(1024 * 1024);
    // Buffers of uploads stay: so many make the process larger than it may be.
    const keys = Array.from({ length: 4 }, (_, i) => `/bucket/${i}`);
    const puts = await Promise.all(keys.map((key) => s3.send("PUT", key, { body })));
    assert.deepEqual(new Set(puts.map(({ status }) => status)), new Set([200]));
    const isReplaced = (): boolean => {
      const now = childrenOf(ready.pid);
      return now.length === before.length && now.some((pid) => !before.includes(pid));
    };
    await until("another process", isReplaced);
    assert.match(server.output, /"worker":"front-end-1".*"event":"worker_too_large"/);
    assert.match(server.output, /"worker":"front-end-1".*"how":"exit code 0"/, "it was not killed");
    await until("it serves", async () => {
      const response = await s3.send("GET", keys[0]!).catch(() => undefined);
      return response?.status === 200 && response.body.toString() === body;
    });
    const page = await (await fetch(`${ready.endpoint}/-/metrics`)).text();
    assert.match(page, /worker_memory_restarts_total\{.*worker="front-end-1"\} [1-9]\n/);
    assert.equal(await server.stop(), 0, server.output);
  },
);
