import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RequestEntry } from "../../admin/request-entry.ts";
import { must } from "../../base/assert.ts";
import type { S3Connection } from "../testing/s3-connection.ts";
import {
  connectionTo,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

/** Starts a trace, and collects its lines. */
async function trace(s3: S3Connection, query: string) {
  const answer = await s3.open("GET", `/-/trace${query}`);
  assert.equal(answer.statusCode, 200);
  let text = "";
  let isEnded = false;
  const read = async (): Promise<void> => {
    try {
      for await (const piece of answer.setEncoding("utf8")) text += String(piece);
    } catch {
      // Stopped, or the server has ended.
    }
    isEnded = true;
  };
  const reading = read();
  await until("the trace has begun", () => text !== "");
  const entries = (): RequestEntry[] => {
    const lines = text.split("\n").slice(0, -1);
    // The server's lines.
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RequestEntry);
  };
  return { entries, reading, isEnded: () => isEnded, stop: () => answer.destroy() };
}

/** Each over a connection of its own, so that the processes share them. */
async function get({ endpoint }: ReadyEvent, path: string): Promise<{ id: string; text: string }> {
  return new Promise((resolve, reject) => {
    request(endpoint + path, { agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      const id = String(response.headers["x-amz-request-id"]);
      response.once("end", () => resolve({ id, text }));
    })
      .once("error", reject)
      .end();
  });
}

test("trace: tells of requests of all processes; an error's id is in answer, log line and trace", async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")], ["--workers", "2"]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  const all = await trace(s3, "");
  const some = await trace(s3, "?errors&bucket=none-such&prefix=k7");
  const ids = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const { id, text } = await get(ready, `/none-such/k${i}?X-Amz-Signature=secret`);
    assert.ok(text.includes(`<RequestId>${id}</RequestId>`), text);
    ids.add(id);
  }
  await until("all are reported", () => all.entries().length >= 40);
  assert.deepEqual(new Set(all.entries().map(({ requestId }) => requestId)), ids);
  const processes = new Set(all.entries().map(({ process }) => process));
  assert.deepEqual(processes, new Set(["front-end-1", "front-end-2"]));
  await until("the filter's is reported", () => some.entries().length > 0);
  assert.deepEqual(
    some.entries().map(({ key, address }) => [key, address]),
    [["k7", "127.0.0.1"]],
  );
  const logLines = () => server.output.split("\n").filter((line) => line.includes('"request"'));
  await until("all are in the log", () => logLines().length >= 40);
  const logged = logLines().map((line) => JSON.parse(line) as RequestEntry); // the server's lines
  assert.deepEqual(new Set(logged.map(({ requestId }) => requestId)), ids);
  assert.doesNotMatch(server.output, /secret/);
  all.stop();
  some.stop();
  await all.reading;
});

test("C6: a trace whose reader stops reading costs neither memory nor requests, and learns how many entries it missed", async () => {
  using scratch = new Scratch();
  const options = ["--workers", "1", "--request-log", "off"];
  await using server = new ServedStore([scratch.directory("a")], options);
  const ready = await started(server);
  const response = await connectionTo(ready).open("GET", "/-/trace");
  const figure = async (pattern: RegExp): Promise<number> => {
    const page = await (await fetch(`${ready.endpoint}/-/metrics`)).text();
    return Number(must(pattern.exec(page)?.[1], `no ${pattern}`));
  };
  const answered =
    /^holdfast_requests_total\{process="front-end-1",operation="GetObject",status="\d+"\} (\d+)$/m;
  const heap = /^holdfast_process_resident_bytes\{process="front-end-1"\} (\d+)$/m;
  // Far more than sockets (4 MiB and a little) and trace hold: entries of two kilobytes.
  const wide = encodeURIComponent("奶".repeat(300));
  const path = `/none-such/${wide}?versionId=${wide}`;
  const agent = { "user-agent": "ä".repeat(200) };
  const some = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await (await fetch(ready.endpoint + path, { headers: agent })).text();
    }
  };
  await some(500);
  const before = await figure(heap);
  await Promise.all(Array.from({ length: 8 }, () => some(500)));
  assert.equal(await figure(answered), 4500);
  assert.ok((await figure(heap)) - before < 64 * 1024 * 1024);
  let text = "";
  response.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  await until("the count of lost entries is written", () => /^\{"lost":\d+\}$/m.test(text));
  response.destroy();
});

test("trace: a request under way is reported with its phase; a trace does not keep a server from ending", async () => {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("a")], ["--workers", "2"]);
  const s3 = connectionTo(await started(server));
  await s3.send("PUT", "/a-bucket");
  const slow = await s3.hold("PUT", "/a-bucket/slow", { body: "some of it" });
  const underWay = async (): Promise<RequestEntry[]> => {
    const { body } = await s3.send("GET", "/-/trace?under-way&bucket=a-bucket");
    const lines = body
      .toString()
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as RequestEntry); // the server's lines
  };
  await until("it is seen", async () => (await underWay())[0]?.phase === "body");
  const [entry] = await underWay();
  assert.deepEqual([entry?.operation, entry?.key, entry?.owner], ["PutObject", "slow", "root"]);
  slow.drop();
  await until("it is gone", async () => (await underWay()).length === 0);
  const { isEnded } = await trace(s3, "");
  await sleep(300);
  assert.equal(await server.stop(), 0, server.output);
  await until("the trace has ended", isEnded);
});
