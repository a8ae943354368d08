import assert from "node:assert/strict";
import { test } from "node:test";
import { headOf, presignRequest } from "../../auth/sign.ts";
import { signatureV2, stringToSignV2 } from "../../auth/signature-v2.ts";
import { createHash } from "../../node/platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import {
  createTestS3,
  elementOf,
  errorOf,
  type TestResponse,
  type TestS3,
} from "../testing/test-s3.ts";

// What SDKs move into the query of a URL while they sign it. Where AWS's answer was recorded, the
// test names the record: LocalStack's tests/aws/services/s3/test_s3.py and its snapshot, class
// TestS3PresignedUrl.

const hash = createHash();

async function bucketWith(text?: string): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  if (text !== undefined) await s3.send({ method: "PUT", target: "/bucket/key", body: text });
  return s3;
}

const host = ["host", "s3.test"] as const;

/** Sent with these headers, whatever was signed. */
function open(
  s3: TestS3,
  method: string,
  target: string,
  { headers = [host], body = "new" }: { headers?: HeaderList; body?: string } = {},
): Promise<TestResponse> {
  return s3.send({ method, target, headers, body, signature: "none" });
}

function signedUrl(
  s3: TestS3,
  version: "v4" | "v2",
  request: { readonly method: string; readonly target: string; readonly headers?: HeaderList },
): string {
  const { method, target, headers = [host] } = request;
  const timeMs = s3.store.platform.clock.now();
  const secretAccessKey = "secret";
  if (version === "v4") {
    const identity = { accessKeyId: "root", secretAccessKey, region: "us-east-1" };
    const contentSha256 = headers.find(([name]) => name === "x-amz-content-sha256")?.[1];
    const options = { timeMs, expiresSeconds: 60, contentSha256 };
    return presignRequest(hash, identity, { method, target, headers }, options);
  }
  const expires = String(Math.ceil(timeMs / 1000) + 60);
  const text = stringToSignV2(headOf({ method, target, headers }), {
    date: expires,
    bucket: undefined,
  });
  const signature = encodeURIComponent(signatureV2(hash, secretAccessKey, text));
  const mark = target.includes("?") ? "&" : "?";
  return `${target}${mark}AWSAccessKeyId=root&Expires=${expires}&Signature=${signature}`;
}

for (const version of ["v4", "v2"] as const) {
  test(`presigned ${version}: conditions in the query hold, and the object stays as it was`, async () => {
    // Recorded: test_pre_signed_url_if_none_match and test_pre_signed_url_if_match, 412.
    const s3 = await bucketWith("old");
    const cases = [
      ["If-None-Match=%2A", 412],
      ["if-match=d41d8cd98f00b204e9800998ecf8427e", 412],
      // As the same headers of a PUT are answered.
      ["If-None-Match=abc", 501],
      ["If-Unmodified-Since=Sun%2C%2006%20Nov%201994%2008%3A49%3A37%20GMT", 501],
    ] as const;
    for (const [query, status] of cases) {
      const target = signedUrl(s3, version, { method: "PUT", target: `/bucket/key?${query}` });
      assert.equal((await open(s3, "PUT", target)).status, status, query);
    }
    assert.equal((await s3.send({ method: "GET", target: "/bucket/key" })).text, "old");
    const first = { method: "PUT", target: "/bucket/other?If-None-Match=%2A" };
    assert.equal((await open(s3, "PUT", signedUrl(s3, version, first))).status, 200);
    const read = { method: "GET", target: "/bucket/key?If-Match=abc" };
    assert.equal((await open(s3, "GET", signedUrl(s3, version, read))).status, 412);
  });

  test(`presigned ${version}: metadata, tags and encoding of what is stored`, async () => {
    // Recorded: test_presigned_url_v4_x_amz_in_qs, metadata in the query is stored. The Go SDK
    // writes X-Amz-Tagging.
    const s3 = await bucketWith();
    const query = "x-amz-meta-foo=%C3%A9%20b&x-amz-meta-empty=&X-Amz-Tagging=a%3Db";
    const target = signedUrl(s3, version, { method: "PUT", target: `/bucket/key?${query}` });
    assert.equal((await open(s3, "PUT", target)).status, 200);
    const head = await s3.send({ method: "HEAD", target: "/bucket/key" });
    assert.equal(head.headers.get("x-amz-meta-foo"), "=?UTF-8?Q?=C3=A9_b?=");
    assert.equal(head.headers.get("x-amz-meta-empty"), "");
    assert.equal(head.headers.get("x-amz-tagging-count"), "1");
  });

  test(`presigned ${version}: what restricts or protects is done or refused, as in a header`, async () => {
    const s3 = await bucketWith("old");
    for (const [query, status] of [
      ["x-amz-expected-bucket-owner=999999999999", 403],
      ["X-Amz-Expected-Bucket-Owner=999999999999", 403],
      ["x-amz-acl=public-read", 501],
      ["x-amz-object-lock-mode=COMPLIANCE", 501],
      ["X-Amz-Object-Lock-Legal-Hold=ON", 501],
      ["x-amz-server-side-encryption-customer-algorithm=AES256", 501],
      ["x-amz-server-side-encryption=aws%3Akms", 501],
      ["x-amz-grant-read=id%3D1", 501],
      ["x-amz-website-redirect-location=%2Fa", 501],
      ["x-amz-storage-class=NOT_A_CLASS", 400],
      ["x-amz-write-offset-bytes=3", 501],
    ] as const) {
      for (const [method, more] of [
        ["PUT", ""],
        ["POST", "&uploads"],
      ] as const) {
        const url = signedUrl(s3, version, { method, target: `/bucket/key?${query}${more}` });
        const answer = await open(s3, method, url);
        assert.equal(answer.status, status, `${method} ${query}: ${answer.text}`);
      }
    }
    assert.equal((await s3.send({ method: "GET", target: "/bucket/key" })).text, "old");
  });

  test(`presigned ${version}: a copy source in the query is a copy, of a part too`, async () => {
    const s3 = await bucketWith("source bytes");
    const copy = { method: "PUT", target: "/bucket/copy?x-amz-copy-source=bucket%2Fkey" };
    const copied = await open(s3, "PUT", signedUrl(s3, version, copy), { body: "" });
    assert.match(copied.text, /CopyObjectResult/);
    assert.equal((await s3.send({ method: "GET", target: "/bucket/copy" })).text, "source bytes");
    const started = await s3.send({ method: "POST", target: "/bucket/parts?uploads" });
    const upload = elementOf(started.text, "UploadId");
    const target =
      `/bucket/parts?partNumber=1&uploadId=${upload}` +
      "&x-amz-copy-source=bucket%2Fkey&x-amz-copy-source-range=bytes%3D0-5";
    const part = await open(s3, "PUT", signedUrl(s3, version, { method: "PUT", target }), {
      body: "",
    });
    assert.match(part.text, /CopyPartResult/);
    const owned = `/bucket/parts?partNumber=2&uploadId=${upload}&x-amz-expected-bucket-owner=999999999999`;
    const refused = await open(s3, "PUT", signedUrl(s3, version, { method: "PUT", target: owned }));
    assert.equal(refused.status, 403);
  });

  test(`presigned ${version}: a checksum in the query is that of no bytes, and is ignored`, async () => {
    // Recorded: test_presigned_url_v4_x_amz_in_qs, where the JavaScript SDK adds both and AWS keeps
    // CRC64NVME.
    const s3 = await bucketWith();
    const query = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32";
    const target = signedUrl(s3, version, { method: "PUT", target: `/bucket/key?${query}` });
    assert.equal((await open(s3, "PUT", target)).status, 200);
    const shown = { method: "GET", target: "/bucket/key?x-amz-checksum-mode=ENABLED" };
    const answer = await open(s3, "GET", signedUrl(s3, version, shown), { body: "" });
    assert.ok(answer.headers.has("x-amz-checksum-crc64nvme"), JSON.stringify([...answer.headers]));
  });

  test(`presigned ${version}: what no header can hold does not get into one`, async () => {
    const s3 = await bucketWith();
    for (const query of [
      "x-amz-meta-a=%0D%0Ab%3A%20c",
      "x-amz-meta-a%20b=c",
      "x-amz-meta-%C3%A9=c",
    ]) {
      const target = signedUrl(s3, version, { method: "PUT", target: `/bucket/key?${query}` });
      const answer = await open(s3, "PUT", target);
      assert.match(errorOf(answer), /^InvalidArgument/, query);
    }
  });

  test(`presigned ${version}: a signed x-amz-content-sha256 is a digest and never means chunks`, async () => {
    // OpenStack Swift's test/s3api/test_input_errors.py, run against AWS: class
    // NotV4AuthHeadersMixin.
    const s3 = await bucketWith();
    const streaming = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    const framed = "3\r\nnew\r\n0\r\n\r\n";
    for (const [value, length, error] of [
      [streaming, undefined, "MissingContentLength"],
      [streaming, "3", "IncompleteBody"],
      [streaming, String(framed.length), "XAmzContentSHA256Mismatch"],
      ["ab".repeat(32), undefined, "XAmzContentSHA256Mismatch"],
      ["unsigned-payload", undefined, "XAmzContentSHA256Mismatch"],
    ] as const) {
      const headers: HeaderList = [
        host,
        ["x-amz-content-sha256", value],
        ...(length === undefined ? [] : ([["x-amz-decoded-content-length", length]] as const)),
      ];
      const target = signedUrl(s3, version, { method: "PUT", target: "/bucket/key", headers });
      const answer = await open(s3, "PUT", target, { headers, body: framed });
      assert.equal(elementOf(answer.text, "Code"), error, value);
    }
    assert.equal((await s3.send({ method: "GET", target: "/bucket/key" })).status, 404);
  });
}

test("presigned v4: an unsigned x-amz-content-sha256 is accepted and ignored", async () => {
  // LocalStack's presigned_url.py has it so of AWS (IGNORED_SIGV4_HEADERS): some clients add it to
  // whatever they send.
  const s3 = await bucketWith();
  for (const value of ["ab".repeat(32), "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]) {
    const target = signedUrl(s3, "v4", { method: "PUT", target: "/bucket/key" });
    const headers = [host, ["x-amz-content-sha256", value]] as const;
    const answer = await open(s3, "PUT", target, { headers });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await s3.send({ method: "GET", target: "/bucket/key" })).text, "new");
  }
});

test("presigned v4: a signed header whose value stands in the query alone verifies with it, and holds", async () => {
  // Recorded: test_presigned_url_v4_signed_headers_in_qs, with x-amz-server-side-encryption by
  // aws-sdk-js v2.
  const s3 = await bucketWith();
  const target = "/bucket/key?x-amz-meta-a=b&x-amz-checksum-crc32=AAAAAA%3D%3D";
  const meta = ["x-amz-meta-a", "b"] as const;
  const url = signedUrl(s3, "v4", { method: "PUT", target, headers: [host, meta] });
  assert.equal((await open(s3, "PUT", url)).status, 200);
  assert.equal((await open(s3, "PUT", url, { headers: [host, meta] })).status, 200);
  const other = await open(s3, "PUT", url, { headers: [host, ["x-amz-meta-a", "c"]] });
  assert.match(errorOf(other), /^SignatureDoesNotMatch/);
  const head = await s3.send({ method: "HEAD", target: "/bucket/key" });
  assert.equal(head.headers.get("x-amz-meta-a"), "b");
  const checksum = ["x-amz-checksum-crc32", "AAAAAA=="] as const;
  const bound = signedUrl(s3, "v4", { method: "PUT", target, headers: [host, checksum] });
  assert.match(errorOf(await open(s3, "PUT", bound)), /^BadDigest/);
});

test("presigned v4: the same header in addition to the query must be signed, and can't undo a signed condition", async () => {
  // Recorded: test_s3_put_presigned_url_same_header_and_qs_parameter.
  const s3 = await bucketWith("old");
  const meta = signedUrl(s3, "v4", { method: "PUT", target: "/bucket/key?x-amz-meta-a=b" });
  const unsigned = await open(s3, "PUT", meta, { headers: [host, ["x-amz-meta-a", "b"]] });
  assert.equal(elementOf(unsigned.text, "HeadersNotSigned"), "x-amz-meta-a");
  const absent = signedUrl(s3, "v4", { method: "PUT", target: "/bucket/key?If-None-Match=%2A" });
  for (const header of ["if-none-match", "if-match"]) {
    const etag = elementOf((await s3.send({ method: "GET", target: "/bucket" })).text, "ETag");
    const value = (etag ?? "").replaceAll("&quot;", '"');
    const answer = await open(s3, "PUT", absent, { headers: [host, [header, value]] });
    assert.notEqual(answer.status, 200, header);
  }
});

test("parameters named like headers mean nothing where the query does not sign", async () => {
  const s3 = await bucketWith("old");
  const target = "/bucket/key?x-amz-meta-a=b&If-None-Match=%2A";
  assert.equal((await s3.send({ method: "PUT", target, body: "new" })).status, 200);
  const head = await s3.send({ method: "HEAD", target: "/bucket/key" });
  assert.equal(head.headers.has("x-amz-meta-a"), false);
});

test("V2: signed with ?uploads and sent with ?uploads=, as some HTTP libraries do", async () => {
  const s3 = await bucketWith();
  const url = signedUrl(s3, "v2", { method: "POST", target: "/bucket/key?uploads" });
  const answer = await open(s3, "POST", url.replace("?uploads&", "?uploads=&"), { body: "" });
  assert.equal(answer.status, 200, answer.text);
});
