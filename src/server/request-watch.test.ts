import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, prometheusText } from "../admin/metrics.ts";
import { entryBytesMax, type RequestEntry } from "../admin/request-entry.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import { createTestMachine } from "../object/testing/test-store.ts";
import { createTestS3 } from "../s3/testing/test-s3.ts";
import type { ObservedRequest } from "../s3/observed-request.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { type RequestLog, RequestWatch } from "./request-watch.ts";

const hash = createHash();

async function create(which: RequestLog["which"] = "all") {
  const objects = await createTestMachine(hash).frontEnd();
  const logged: RequestEntry[] = [];
  const metrics = new Metrics();
  const watch = new RequestWatch({
    clock: objects.platform.clock,
    process: "front-end-1",
    requests: new RequestMetrics(metrics),
    log: { which, write: (entry) => logged.push(entry) },
  });
  const s3 = await createTestS3(hash, { objects, observer: watch });
  const text = () => prometheusText([{ process: "p", families: metrics.read() }]);
  return { platform: objects.platform, watch, logged, send: s3.send.bind(s3), text };
}

test("request log: a line has sender, operation and outcome, with the id that the answer carries", async () => {
  const { logged, send } = await create();
  await send({ method: "PUT", target: "/bucket", as: "alice" });
  const put = { method: "PUT", target: "/bucket/a%0Ab", body: "hello", as: "alice" } as const;
  const { headers } = await send({ ...put, headers: [["user-agent", "test\u{9b}31m"]] });
  const line = logged.at(-1);
  assert.equal(line?.requestId, headers.get("x-amz-request-id"));
  const { operation, method, bucket, key, status, bytesIn, accessKey, owner, address, userAgent } =
    line!;
  assert.deepEqual(
    { operation, method, bucket, key, status, bytesIn, accessKey, owner, address, userAgent },
    {
      operation: "PutObject",
      method: "PUT",
      bucket: "bucket",
      key: String.raw`a\u{a}b`,
      status: 200,
      bytesIn: 5,
      accessKey: "alice",
      owner: "alice",
      address: "192.0.2.1",
      userAgent: String.raw`test\u{9b}31m`,
    },
  );
  const { text } = await send({ method: "GET", target: "/bucket/none?versionId=null" });
  assert.ok(text.includes(`<RequestId>${logged.at(-1)?.requestId}</RequestId>`));
  assert.deepEqual([logged.at(-1)?.code, logged.at(-1)?.versionId], ["NoSuchVersion", "null"]);
});

test("request log: it has no signature, credential or token, nor the id of an unknown key", async () => {
  const { logged, send } = await create();
  await send({ method: "PUT", target: "/bucket" });
  await send({
    method: "GET",
    target: "/bucket/k?X-Amz-Security-Token=TOKEN",
    signature: "presigned",
  });
  const authorization = "AWS SECRET-IN-THE-WRONG-PLACE:SIGNATURE=";
  const headers = [
    ["authorization", authorization],
    ["x-amz-date", "20231114T221320Z"],
  ] as const;
  await send({ method: "GET", target: "/bucket/k", signature: "none", headers });
  const text = JSON.stringify(logged);
  assert.equal(logged.length, 3);
  assert.doesNotMatch(text, /TOKEN|SECRET|SIGNATURE|signature|X-Amz|Credential/);
});

test("C6: request log: a line is short, whatever a client sends", async () => {
  const { logged, send } = await create();
  const texts = ["%F0%9F%A7%80", "%0A", "%5C", "%E2%80%AE", "%C3%A4"];
  for (const text of texts) {
    const long = text.repeat(150);
    const headers = [["user-agent", "\\\u{85}".repeat(4000)]] as const;
    await send({ method: "GET", target: `/bucket/${long}?versionId=${long}${long}`, headers });
    await send({ method: "GET", target: `/${long}/x`, headers });
  }
  for (const entry of logged) {
    assert.ok(Buffer.byteLength(JSON.stringify(entry)) < entryBytesMax - 200);
  }
});

test("request log: errors are what failed, also once the answer had begun; off is off", async () => {
  const errors = await create("errors");
  await errors.send({ method: "PUT", target: "/bucket" });
  await errors.send({ method: "GET", target: "/bucket/none" });
  await errors.send({ method: "HEAD", target: "/bucket/none" });
  assert.deepEqual(
    errors.logged.map(({ operation, status }) => [operation, status]),
    [
      ["GetObject", 404],
      ["HeadObject", 404],
    ],
  );
  const off = await create("off");
  await off.send({ method: "GET", target: "/bucket/none" });
  assert.equal(off.logged.length, 0);
});

test("trace: a request under way is reported with its age and phase, and counted by operation", async () => {
  const { platform, watch, send, text } = await create("off");
  const underWay = () => watch.answer({ kind: "under_way", filter: { bucket: "bucket" } }).entries;
  await send({ method: "PUT", target: "/bucket" });
  const body = async function* () {
    yield encodeUtf8("he");
    platform.advance(70);
    const [entry, more] = underWay() ?? [];
    assert.equal(more, undefined);
    assert.deepEqual([entry?.operation, entry?.key, entry?.status], ["PutObject", "k", undefined]);
    assert.deepEqual([entry?.phase, entry?.totalMs, entry?.phasesMs], ["body", 70, { body: 70 }]);
    assert.match(text(), /requests_under_way\{process="p",operation="PutObject"\} 1\n/);
    yield encodeUtf8("llo");
  };
  const put = { method: "PUT", target: "/bucket/k", body: "hello", stream: body() } as const;
  assert.equal((await send(put)).status, 200);
  assert.deepEqual(underWay(), []);
  assert.match(text(), /requests_under_way\{process="p",operation="PutObject"\} 0\n/);
  assert.match(
    text(),
    /phase_seconds_total\{process="p",operation="PutObject",phase="body"\} 0.07\n/,
  );
});

test("load: the time with requests under way, also of one that goes on, is added up", async () => {
  const machine = createTestMachine(hash);
  const clock = new ManualClock();
  const requests = new RequestMetrics(new Metrics());
  const log: RequestLog = { which: "off", write: () => undefined };
  const watch = new RequestWatch({ clock, process: "front-end-1", requests, log });
  const busyMs = () => watch.answer({ kind: "load" }).busyMs;
  const objects = await machine.frontEnd();
  const observed: ObservedRequest[] = [];
  const observer = { began: (one: ObservedRequest) => observed.push(one), ended: () => undefined };
  const s3 = await createTestS3(hash, { objects, observer });
  await s3.send({ method: "PUT", target: "/one" });
  await s3.send({ method: "PUT", target: "/two" });
  const [first, second] = observed;
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(busyMs(), 0);
  watch.began(first);
  await clock.advance(2000);
  watch.began(second);
  await clock.advance(1000);
  watch.ended(first);
  await clock.advance(1000);
  assert.equal(busyMs(), 4000);
  watch.ended(second);
  await clock.advance(5000);
  assert.equal(busyMs(), 4000);
});
