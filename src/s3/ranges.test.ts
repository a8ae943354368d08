import assert from "node:assert/strict";
import { test } from "node:test";
import { formatHttpDate, parseHttpDate } from "../base/http-date.ts";
import { createHash } from "../node/platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import { type TestResponse, type TestS3, createTestS3, elementOf } from "./testing/test-s3.ts";

const hash = createHash();

async function withObject(body: string): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send({ method: "PUT", target: "/bucket/k", body });
  return s3;
}

function read(s3: TestS3, headers: HeaderList, method = "GET"): Promise<TestResponse> {
  return s3.send({ method, target: "/bucket/k", headers });
}

// RFC 9110, section 13.1.5, to which the documentation of S3's GET refers for Range; that S3 keeps
// to it is stated in aws/aws-sdk-kotlin#1645.
test("If-Range: a piece only of the object that the client has begun, else the whole with 200", async () => {
  const s3 = await withObject("first version");
  const before = await read(s3, []);
  const etag = before.headers.get("etag") ?? "";
  const modified = before.headers.get("last-modified") ?? "";
  const shift = (ms: number) => formatHttpDate((parseHttpDate(modified) ?? 0) + ms);
  const cases: readonly (readonly [ifRange: string, isPartial: boolean])[] = [
    [etag, true],
    [etag.replaceAll('"', ""), true],
    [modified, true],
    [`W/${etag}`, false],
    [`"${"0".repeat(32)}"`, false],
    [`${etag}, ${etag}`, false],
    ["*", false],
    ["", false],
    ["yesterday", false],
    // Only the date that was shown is that of the client's version: a later one is no better than
    // an earlier one.
    [shift(1000), false],
    [shift(-1000), false],
  ];
  for (const [ifRange, isPartial] of cases) {
    const headers: HeaderList = [
      ["range", "bytes=6-"],
      ["if-range", ifRange],
    ];
    for (const method of ["GET", "HEAD"]) {
      const { status, headers: shown, text } = await read(s3, headers, method);
      const length = isPartial ? "7" : "13";
      assert.deepEqual([status, shown.get("content-length")], [isPartial ? 206 : 200, length]);
      assert.equal(shown.has("content-range"), isPartial, ifRange);
      if (method === "GET") assert.equal(text, isPartial ? "version" : "first version");
    }
  }
});

test("If-Range: a download that goes on after the object was replaced gets all of the new one", async () => {
  const s3 = await withObject("first version");
  const etag = (await read(s3, [])).headers.get("etag") ?? "";
  await s3.send({ method: "PUT", target: "/bucket/k", body: "v2" });
  const resumed: HeaderList = [
    ["range", "bytes=6-"],
    ["if-range", etag],
  ];
  // The new one is even shorter than where the client wants to go on: that is no 416 either.
  const { status, text } = await read(s3, resumed);
  assert.deepEqual([status, text], [200, "v2"]);
  // Without a range there is nothing to be asked; other conditions are asked first.
  assert.equal((await read(s3, [["if-range", etag]])).text, "v2");
  assert.equal((await read(s3, [...resumed, ["if-match", etag]])).status, 412);
});

// What AWS answers to each range of an empty object is listed by versity/versitygw,
// tests/integration/utils.go (…_zero_len_with_range); -0 of ten bytes is recorded in LocalStack's
// test_s3_api.snapshot.json, test_get_object_range.
test("ranges of an empty object: its last bytes are all of it, no byte of it is the first", async () => {
  const s3 = await withObject("");
  for (const [range, status] of [
    ["bytes=-1", 200],
    ["bytes=-1000", 200],
    ["bytes=--1", 200],
    ["bytes=0--1", 200],
    ["bytes=0-0,1-2", 200],
    ["bytes=-0", 416],
    ["bytes=0-", 416],
    ["bytes=0-0", 416],
    ["bytes=00-01", 416],
    ["bytes=5-9", 416],
  ] as const) {
    for (const method of ["GET", "HEAD"]) {
      const answer = await read(s3, [["range", range]], method);
      assert.equal(answer.status, status, range);
      assert.equal(answer.headers.has("content-range"), false, range);
      if (status === 200) assert.equal(answer.headers.get("content-length"), "0");
      else if (method === "GET") assert.equal(elementOf(answer.text, "ActualObjectSize"), "0");
    }
  }
});

// AWS gives no Content-Range for part 1 of an empty object: versity/versitygw,
// tests/integration/GetObject.go.
test("ranges: an empty part of a multipart object has no Content-Range that would name bytes before its first", async () => {
  const s3 = await withObject("");
  const begun = await s3.send({ method: "POST", target: "/bucket/k?uploads" });
  const upload = `/bucket/k?uploadId=${elementOf(begun.text, "UploadId")}`;
  const part = await s3.send({ method: "PUT", target: `${upload}&partNumber=1` });
  const list = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get("etag")}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  assert.equal((await s3.send({ method: "POST", target: upload, body })).status, 200);
  const { status, headers } = await s3.send({ method: "HEAD", target: "/bucket/k?partNumber=1" });
  assert.deepEqual([status, headers.get("content-range")], [200, undefined]);
  assert.equal(headers.get("x-amz-mp-parts-count"), "1");
});
