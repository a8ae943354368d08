import assert from "node:assert/strict";
import { test } from "node:test";
import { type Authorize } from "../auth/authorize.ts";
import { presignRequest, signRequest } from "../auth/sign.ts";
import { AssertionError } from "../base/assert.ts";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import { StoreError, type StoreErrorCode } from "../base/errors.ts";
import { chunkBytesMax } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { type TestS3, createTestS3 } from "./testing/test-s3.ts";
import { httpRequest } from "../platform/testing/http-requests.ts";

const hash = createHash();

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  assert.equal((await s3.send({ method: "PUT", target: "/bucket" })).status, 200);
  return s3;
}

function failing(s3: TestS3, error: Error): void {
  s3.store.writer.before = () => {
    throw error;
  };
}

const putObject = { method: "PUT", target: "/bucket/k", body: "hello" };

test("handler: each answer has ids of its own, a date and a server, and errors repeat the ids", async () => {
  const s3 = await createTestS3(hash);
  const first = await s3.send({ method: "GET", target: "/nowhere" });
  const second = await s3.send({ method: "GET", target: "/nowhere" });
  const id = first.headers.get("x-amz-request-id") ?? "";
  assert.match(id, /^[0-9A-F]{16}$/);
  assert.notEqual(id, second.headers.get("x-amz-request-id"));
  assert.equal(first.headers.get("date"), "Tue, 14 Nov 2023 22:13:20 GMT");
  assert.equal(first.headers.get("server"), "Holdfast");
  assert.ok(first.text.includes(`<RequestId>${id}</RequestId>`));
  assert.ok(first.text.includes(`<HostId>${first.headers.get("x-amz-id-2")}</HostId>`));
});

test("handler: HEAD has no body, neither with an object nor with an error", async () => {
  const s3 = await withBucket();
  await s3.send(putObject);
  const head = await s3.send({ method: "HEAD", target: "/bucket/k" });
  assert.equal(head.headers.get("content-length"), "5");
  assert.equal(head.body.length, 0);
  const missing = await s3.send({ method: "HEAD", target: "/bucket/other" });
  assert.equal(missing.status, 404);
  assert.equal(missing.body.length, 0);
});

test("handler: a signed request whose rows are at hand is answered at once, without a promise", async () => {
  const s3 = await withBucket();
  await s3.send(putObject);
  const identity = { accessKeyId: "root", secretAccessKey: "secret", region: "us-east-1" };
  const request = { method: "HEAD", target: "/bucket/k", headers: [["host", "s3.test"]] as const };
  const contentSha256 = toHex(hash.digest("sha256", new Uint8Array()));
  const options = { timeMs: s3.store.platform.clock.now(), contentSha256 };
  const { headers } = signRequest(hash, identity, request, options);
  const answer = s3.handler(httpRequest({ ...request, headers }));
  assert.ok(!(answer instanceof Promise), "the handler waits for something");
  assert.equal(answer.status, 200);
});

test("handler: what is not built answers 501 in XML and is not passed to another operation", async () => {
  const s3 = await withBucket();
  const answer = await s3.send({ method: "DELETE", target: "/bucket?policy" });
  assert.equal(answer.status, 501);
  assert.match(answer.text, /<Code>NotImplemented<\/Code>.*DeleteBucketPolicy/);
  assert.equal((await s3.send({ method: "HEAD", target: "/bucket" })).status, 200);
});

test("handler: an operation that is not built is AccessDenied to senders without access", async () => {
  const s3 = await withBucket();
  for (const [method, target] of [
    ["PUT", "/bucket/k?acl"],
    ["DELETE", "/bucket?policy"],
  ] as const) {
    const answer = await s3.send({ method, target, signature: "none" });
    assert.equal(answer.status, 403, target);
    assert.match(answer.text, /<Code>AccessDenied</);
  }
});

test("handler: a failure of the store becomes S3's error, and only our own faults are logged", async () => {
  const expected: readonly (readonly [StoreErrorCode, number, string, boolean])[] = [
    ["overloaded", 503, "SlowDown", true],
    ["unavailable", 503, "ServiceUnavailable", true],
    ["storage_full", 507, "InsufficientStorage", true],
    ["unknown", 503, "ServiceUnavailable", true],
    ["read_only", 503, "ServiceUnavailable", true],
    ["corrupt", 500, "InternalError", true],
    ["io", 500, "InternalError", true],
    ["cancelled", 503, "ServiceUnavailable", false],
  ];
  for (const [code, status, name, logged] of expected) {
    const s3 = await withBucket();
    failing(s3, new StoreError(code, "/data/secret-path is the matter"));
    const answer = await s3.send(putObject);
    assert.equal(answer.status, status, code);
    assert.ok(answer.text.includes(`<Code>${name}</Code>`), code);
    assert.ok(!answer.text.includes("secret-path"), code);
    assert.equal(answer.headers.get("retry-after"), status === 503 ? "1" : undefined, code);
    const events = s3.store.platform.logged.map(({ event }) => event);
    assert.equal(events.includes("s3_request_failed"), logged, code);
  }
});

test("handler: a client that leaves is no failure of the server, in what is counted and traced", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  const identity = { accessKeyId: "root", secretAccessKey: "secret", region: "us-east-1" };
  const request = { method: "PUT", target: "/bucket/k", headers: [["host", "s3.test"]] as const };
  const time = { timeMs: s3.store.platform.clock.now(), expiresSeconds: 60 };
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield encodeUtf8("ab");
    throw new StoreError("cancelled", "the client left");
  }
  const sent = {
    ...request,
    target: presignRequest(hash, identity, request, time),
    headers: [...request.headers, ["content-length", "4"]] as const,
  };
  const signal = AbortSignal.abort();
  await s3.handler(httpRequest({ ...sent, body: broken(), signal }));
  const last = s3.done.at(-1);
  assert.deepEqual([last?.status, last?.code], [499, "ClientDisconnected"]);
});

test("handler: a bug answers InternalError and leaves its stack in the log", async () => {
  const s3 = await withBucket();
  failing(s3, new AssertionError("cannot be"));
  const answer = await s3.send(putObject);
  assert.equal(answer.status, 500);
  assert.ok(!answer.text.includes("cannot be"));
  const entry = s3.store.platform.logged.find(({ event }) => event === "s3_request_failed");
  assert.match(String(entry?.fields?.["error"]), /cannot be[^]*s3-handler\.test\.ts/);
});

test("C4: a body that fails underway breaks off; it is never completed with other bytes", async () => {
  const s3 = await withBucket();
  await s3.send({ ...putObject, body: new Uint8Array(chunkBytesMax + 1) });
  const other = await damagedFrom(s3, 1);
  await assert.rejects(other.send({ method: "GET", target: "/bucket/k" }), /wrong bytes/);
  assert.equal(other.done.at(-1)?.code, "InternalError");
});

test("handler: an object whose first bytes cannot be read is an error, not a broken connection", async () => {
  const s3 = await withBucket();
  await s3.send({ ...putObject, body: new Uint8Array(chunkBytesMax + 1) });
  const other = await damagedFrom(s3, 0);
  const answer = await other.send({ method: "GET", target: "/bucket/k" });
  assert.equal(answer.status, 500);
  assert.match(answer.text, /<Code>InternalError<\/Code>/);
  assert.equal(answer.headers.get("etag"), undefined);
});

/** The same store, of which chunks can be read up to this one. */
function damagedFrom(s3: TestS3, damaged: number): Promise<TestS3> {
  const { reader } = s3.store;
  const broken: TestS3["store"]["reader"] = {
    ...reader,
    read: (ref, identity, ...range) =>
      identity.chunk < damaged
        ? reader.read(ref, identity, ...range)
        : Promise.reject(new StoreError("corrupt", "wrong bytes")),
  };
  return createTestS3(hash, { objects: { ...s3.store, reader: broken } });
}

test("handler: a sender without access is refused before the body is read", async () => {
  const asked: string[] = [];
  const nobody: Authorize = (_, action, resource) => {
    asked.push(`${action} ${resource.arn}`);
    return Promise.resolve(false);
  };
  const { store } = await withBucket();
  const s3 = await createTestS3(hash, { authorize: nobody, objects: store });
  const pulled: string[] = [];
  async function* body(): AsyncGenerator<Uint8Array> {
    pulled.push("pulled");
    yield encodeUtf8("x");
  }
  for (const [method, target] of [
    ["GET", "/"],
    ["PUT", "/bucket"],
    ["GET", "/bucket?list-type=2"],
    ["PUT", "/bucket/a b"],
    ["POST", "/bucket/k?uploads"],
    ["DELETE", "/bucket/k"],
    ["POST", "/bucket?delete"],
  ] as const) {
    const request = { method, target: encodeURI(target), signature: "none" as const };
    const answer = await s3.send({ ...request, stream: body() });
    assert.equal(answer.status, 403, target);
  }
  assert.deepEqual(pulled, []);
  assert.deepEqual(asked, [
    "s3:ListAllMyBuckets arn:aws:s3:::*",
    "s3:CreateBucket arn:aws:s3:::bucket",
    "s3:ListBucket arn:aws:s3:::bucket",
    "s3:PutObject arn:aws:s3:::bucket/a b",
    "s3:PutObject arn:aws:s3:::bucket/k",
    "s3:DeleteObject arn:aws:s3:::bucket/k",
    "s3:DeleteObject arn:aws:s3:::bucket/*",
  ]);
});

test("handler: NotImplemented is answered only to senders with access", async () => {
  const s3 = await withBucket();
  const headers = [["x-amz-server-side-encryption", "aws:kms"]] as const;
  const asked = { ...putObject, headers };
  assert.equal((await s3.send(asked)).status, 501);
  assert.equal((await s3.send({ ...asked, signature: "none" })).status, 403);
});

test("handler: a copy needs the right to read its source", async () => {
  const allowed: Authorize = (_, action) => Promise.resolve(action !== "s3:GetObject");
  const s3 = await createTestS3(hash, { authorize: allowed });
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send(putObject);
  const copy = { method: "PUT", target: "/bucket/c" };
  const answer = await s3.send({ ...copy, headers: [["x-amz-copy-source", "bucket/k"]] });
  assert.equal(answer.status, 403);
});

test("handler: deleting many asks for each key, and each is refused on its own", async () => {
  const notB: Authorize = (_, action, resource) =>
    Promise.resolve(action !== "s3:DeleteObject" || !resource.arn.endsWith("/b"));
  const s3 = await createTestS3(hash, { authorize: notB });
  await s3.send({ method: "PUT", target: "/bucket" });
  const answer = await s3.send({
    method: "POST",
    target: "/bucket?delete",
    body: "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>",
    md5: true,
  });
  assert.match(
    answer.text,
    /<Deleted><Key>a<\/Key><\/Deleted><Error><Key>b<\/Key><Code>AccessDenied</,
  );
});

test("handler: reports what it did, bytes and errors included, once the answer is through", async () => {
  const s3 = await withBucket();
  await s3.send(putObject);
  await s3.send({ method: "GET", target: "/bucket/k" });
  await s3.send({ method: "GET", target: "/bucket/other" });
  const [, put, get, missing] = s3.done;
  assert.deepEqual([put?.operation, put?.status, put?.bytesIn], ["PutObject", 200, 5]);
  assert.deepEqual([get?.operation, get?.status, get?.bytesOut], ["GetObject", 200, 5]);
  assert.deepEqual([missing?.status, missing?.code], [404, "NoSuchKey"]);
  assert.deepEqual([put?.sender?.accessKeyId, put?.target?.bucket], ["root", "bucket"]);
});

test("handler: reports where a request's time went, down to the client that takes the answer", async () => {
  const s3 = await withBucket();
  const { platform, writer } = s3.store;
  writer.before = () => platform.advance(100);
  const slowly = async function* () {
    yield encodeUtf8("sl");
    platform.advance(10);
    yield encodeUtf8("ow!");
  };
  await s3.send({ ...putObject, body: "slow!", stream: slowly() });
  const put = s3.done.at(-1);
  assert.deepEqual([put?.phases.spentMs().body, put?.phases.spentMs().write], [10, 100]);
  assert.equal(put?.phases.changedMs, 110);
  assert.equal(put?.firstByteMs, 110);
});

test("handler: overrides of the answer's headers need a signature, and cannot add headers", async () => {
  const s3 = await createTestS3(hash, { authorize: () => Promise.resolve(true) });
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send(putObject);
  const target = "/bucket/k?response-content-type=text/x";
  const signed = await s3.send({ method: "GET", target, signature: "presigned" });
  assert.equal(signed.headers.get("content-type"), "text/x");
  const anonymous = await s3.send({ method: "GET", target, signature: "none" });
  assert.equal(anonymous.status, 400);
  // An empty one is as none: floci-io/floci#923. An unknown one: jamhall/s3rver and
  // versity/versitygw, after AWS's answer.
  const empty = await s3.send({ method: "GET", target: "/bucket/k?response-content-type=" });
  assert.equal(empty.headers.get("content-type"), "binary/octet-stream");
  for (const method of ["GET", "HEAD"]) {
    const unknown = await s3.send({ method, target: "/bucket/k?response-x-y=z" });
    assert.equal(unknown.status, 400);
    if (method === "HEAD") continue;
    assert.match(unknown.text, /response-x-y is not in the set of overridable response headers/);
    assert.match(unknown.text, /<ArgumentName>response-x-y<.*<ArgumentValue>z</);
  }
  const split = "/bucket/k?response-expires=a%0D%0Ax:%20y";
  assert.equal((await s3.send({ method: "GET", target: split })).status, 400);
});

test("GetObjectTorrent: answered as not there, and only to senders with access", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "x" });
  const asked = await s3.send({ method: "GET", target: "/bucket/k?torrent" });
  assert.equal(asked.status, 404);
  assert.match(asked.text, /<Code>NoSuchKey<.*<Key>k</);
  const stranger = await s3.send({ method: "GET", target: "/bucket/k?torrent", as: "alice" });
  assert.equal(stranger.status, 403);
});
