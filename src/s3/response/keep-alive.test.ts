import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../../base/errors.ts";
import { createHash } from "../../node/platform/hash.ts";
import { type TestRequest, type TestS3, createTestS3 } from "../testing/test-s3.ts";

const hash = createHash();
const prolog = '<?xml version="1.0" encoding="UTF-8"?>\n';
const copy: TestRequest = {
  method: "PUT",
  target: "/bucket/copy",
  headers: [["x-amz-copy-source", "bucket/k"]],
};

/** Appends wait until so many spells have gone by, and then go on or fail. */
async function slowStore(spells: number, failure?: Error): Promise<TestS3> {
  const waiting = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  let gone = 0;
  const s3 = await createTestS3(hash, {
    sleep: async (_, signal) => {
      await Promise.race([waiting.promise, ended(signal)]);
      if (gone++ < spells) return;
      over.resolve();
      await ended(signal);
    },
  });
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "hello" });
  s3.store.writer.before = async () => {
    waiting.resolve();
    await over.promise;
    if (failure !== undefined) throw failure;
  };
  return s3;
}

function ended(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

test("keep-alive: a copy that takes long answers first, then spaces, then the result", async () => {
  const s3 = await slowStore(3);
  const { status, headers, text } = await s3.send(copy);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/xml");
  assert.ok(text.startsWith(`${prolog}  <CopyObjectResult xmlns=`), text);
  assert.match(text, /<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;<\/ETag>/);
  assert.equal((await s3.send({ method: "GET", target: "/bucket/copy" })).text, "hello");
});

test("keep-alive: a failure that comes late is the document, with its own code", async () => {
  const s3 = await slowStore(2, new StoreError("storage_full", "full"));
  const { status, text } = await s3.send(copy);
  assert.equal(status, 200);
  assert.ok(text.startsWith(`${prolog} <Error><Code>InsufficientStorage</Code>`), text);
  assert.equal(s3.done.at(-1)?.code, "InsufficientStorage");
  assert.equal((await s3.send({ method: "HEAD", target: "/bucket/copy" })).status, 404);
});

test("keep-alive: what is found out early has its true status, and the result its headers", async () => {
  const failing = await slowStore(0, new StoreError("storage_full", "full"));
  assert.equal((await failing.send(copy)).status, 507);
  const missing = await slowStore(3);
  const other: TestRequest["headers"] = [["x-amz-copy-source", "bucket/other"]];
  assert.equal((await missing.send({ ...copy, headers: other })).status, 404);
  const { text } = await (await slowStore(0)).send(copy);
  assert.ok(text.startsWith(`${prolog}<CopyObjectResult`), text);
});

test("keep-alive: parts that are copied and uploads that are completed are answered alike", async () => {
  for (const failure of [undefined, new StoreError("io", "broken")]) {
    const s3 = await slowStore(3, failure);
    const begun = await s3.send({ method: "POST", target: "/bucket/long?uploads" });
    const id = /<UploadId>([^<]*)</.exec(begun.text)?.[1];
    const part = { ...copy, target: `/bucket/long?partNumber=1&uploadId=${id}` };
    const copied = await s3.send(part);
    assert.equal(copied.status, 200);
    const partDocument = failure === undefined ? "<CopyPartResult" : "<Error><Code>InternalError<";
    assert.ok(copied.text.startsWith(`${prolog}  ${partDocument}`), copied.text);
  }
  const s3 = await slowStore(3);
  const before = s3.store.writer.before;
  s3.store.writer.before = () => {};
  const begun = await s3.send({ method: "POST", target: "/bucket/long?uploads" });
  const id = /<UploadId>([^<]*)</.exec(begun.text)?.[1];
  const target = `/bucket/long?partNumber=1&uploadId=${id}`;
  const { headers } = await s3.send({ method: "PUT", target, body: "part" });
  const part = `<Part><PartNumber>1</PartNumber><ETag>${headers.get("etag")}</ETag></Part>`;
  s3.store.writer.before = before;
  const completed = await s3.send({
    method: "POST",
    target: `/bucket/long?uploadId=${id}`,
    body: `<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`,
  });
  assert.equal(completed.status, 200);
  assert.ok(completed.text.startsWith(`${prolog}  <CompleteMultipartUploadResult`), completed.text);
  assert.equal((await s3.send({ method: "GET", target: "/bucket/long" })).text, "part");
});
