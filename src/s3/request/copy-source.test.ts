import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { createTestS3, elementOf, errorOf } from "../testing/test-s3.ts";

// AWS reads the header as forms are: recorded by LocalStack's
// test_copy_object_special_character_plus_for_space (Go writes a space as `+`, and escapes the
// slash behind the bucket). The version follows a literal `?versionId=` (CopyObject, API
// reference).

const hash = createHash();
const keys = ["two words", "two+words", "a/b", "/a", "é", "why?", "50%"] as const;

const cases: readonly [source: string, key: (typeof keys)[number]][] = [
  ["bucket/two+words", "two words"],
  ["bucket/two%20words", "two words"],
  ["bucket%2Ftwo+words", "two words"],
  ["bucket/two%2Bwords", "two+words"],
  ["/bucket/a/b", "a/b"],
  ["bucket%2Fa%2Fb", "a/b"],
  ["%2Fbucket%2Fa%2Fb", "a/b"],
  ["/bucket%2Fa/b", "a/b"],
  ["bucket//a", "/a"],
  ["/bucket/%2Fa", "/a"],
  ["bucket/%C3%A9", "é"],
  ["bucket/\xc3\xa9", "é"], // bytes as sent, one a character
  ["bucket/why?", "why?"],
  ["bucket/why%3F", "why?"],
  ["bucket/why??versionId=null", "why?"],
  ["bucket%2Fa%2Fb?versionId=null", "a/b"],
  ["bucket/50%25", "50%"],
];

test("copy source: read as AWS reads it, for objects and for parts", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  for (const key of keys) {
    await s3.send({ method: "PUT", target: `/bucket/${encodeURIComponent(key)}`, body: key });
  }
  const started = await s3.send({ method: "POST", target: "/bucket/parts?uploads" });
  const part = `/bucket/parts?partNumber=1&uploadId=${elementOf(started.text, "UploadId")}`;
  for (const [source, key] of cases) {
    const headers = [["x-amz-copy-source", source]] as const;
    const copied = await s3.send({ method: "PUT", target: "/bucket/copy", headers });
    assert.equal(copied.status, 200, `${source}: ${copied.text}`);
    const text = (await s3.send({ method: "GET", target: "/bucket/copy" })).text;
    assert.equal(text, key, source);
    const whole = elementOf(copied.text, "ETag");
    const asPart = await s3.send({ method: "PUT", target: part, headers });
    assert.equal(elementOf(asPart.text, "ETag"), whole, `${source}: ${asPart.text}`);
  }
});

test("copy source: what names no bucket and key is refused", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  const bad = [
    "bucket",
    "",
    "/",
    "bucket/",
    "//bucket/a",
    "bucket%2F",
    "a b/c",
    "bucket/%",
    "bucket/%FF",
  ];
  for (const source of bad) {
    const headers = [["x-amz-copy-source", source]] as const;
    const answer = await s3.send({ method: "PUT", target: "/bucket/copy", headers });
    assert.match(errorOf(answer), /^InvalidArgument/, source);
  }
});

// As AWS answers: openstack/swift, swift/common/middleware/s3api/controllers/obj.py, whose tests
// are run against AWS too.
test("copy source: a range is for parts, and never passed over where a whole object is copied", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "hello" });
  const headers = [
    ["x-amz-copy-source", "bucket/k"],
    ["x-amz-copy-source-range", "bytes=0-1"],
  ] as const;
  const refused = await s3.send({ method: "PUT", target: "/bucket/copy", headers });
  assert.deepEqual(
    [refused.status, errorOf(refused)],
    [400, "InvalidArgument: Illegal copy header"],
  );
  assert.equal(elementOf(refused.text, "ArgumentName"), "x-amz-copy-source-range");
  assert.equal(elementOf(refused.text, "ArgumentValue"), "bytes=0-1");
  assert.equal((await s3.send({ method: "GET", target: "/bucket/copy" })).status, 404);
});
