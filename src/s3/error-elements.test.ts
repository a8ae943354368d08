import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64, toHex } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { putChunked } from "./testing/chunked.ts";
import { type TestS3, createTestS3, elementOf, errorOf } from "./testing/test-s3.ts";

// The elements of errors in addition to Code and Message. Recorded from AWS: LocalStack's
// test_s3.snapshot.json, test_s3_invalid_content_md5, test_get_object_attributes_versioned,
// test_multipart_parts_checksum_exceptions_composite. Of the more than 500 errors recorded there,
// none has an element Resource.

const hash = createHash();

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

test("errors: an invalid Content-MD5 is shown, a wrong one together with the right one", async () => {
  const s3 = await withBucket();
  const begun = await s3.send({ method: "POST", target: "/bucket/k?uploads" });
  const part = `/bucket/k?partNumber=1&uploadId=${elementOf(begun.text, "UploadId")}`;
  for (const target of ["/bucket/k", part]) {
    const put = (md5: string) =>
      s3.send({ method: "PUT", target, headers: [["content-md5", md5]], body: "something" });
    for (const md5 of ["__invalid__", "000", "not base64 encoded checksum", "MTIz"]) {
      const invalid = await put(md5);
      assert.match(errorOf(invalid), /^InvalidDigest: The Content-MD5 you specified was invalid/);
      assert.equal(elementOf(invalid.text, "Content-MD5"), md5);
    }
    const other = await put(toBase64(hash.digest("md5", encodeUtf8("other"))));
    assert.match(errorOf(other), /^BadDigest/);
    // The one in hexadecimal, the other in base64, as AWS has them.
    assert.equal(elementOf(other.text, "ExpectedDigest"), "795f3202b17cb6bc3d4b771d8c6c9eaf");
    assert.equal(elementOf(other.text, "CalculatedDigest"), "Q3uTDbhLgHnC3YBKcZNrXw==");
  }
});

test("errors: NoSuchKey names the key, also where a delete marker stands there", async () => {
  const s3 = await withBucket();
  const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  await s3.send({ method: "PUT", target: "/bucket?versioning", body });
  await s3.send({ method: "DELETE", target: "/bucket/marked" });
  for (const key of ["marked", "never"]) {
    for (const query of ["", "?attributes", "?partNumber=1"]) {
      const target = `/bucket/${key}${query}`;
      const headers = [["x-amz-object-attributes", "ETag"]] as const;
      const { status, text } = await s3.send({ method: "GET", target, headers });
      assert.deepEqual([status, elementOf(text, "Key")], [404, key]);
      assert.equal(elementOf(text, "DeleteMarker"), undefined);
    }
  }
});

test("errors: no Resource, which AWS's have not", async () => {
  const s3 = await withBucket();
  const denied = await s3.send({ method: "GET", target: "/bucket/k", as: "bob" });
  const malformed = await s3.send({ method: "PUT", target: "/bucket?versioning", body: "<" });
  const notBuilt = await s3.send({ method: "PUT", target: "/bucket?cors", body: "<x/>" });
  for (const { text } of [denied, malformed, notBuilt]) {
    assert.match(text, /<Error><Code>.*<\/Message><RequestId>.*<\/HostId><\/Error>$/);
  }
});

test("checksums: an unknown algorithm is ignored except where one is chosen", async () => {
  const s3 = await withBucket();
  const headers = [["x-amz-checksum-algorithm", "TEST"]] as const;
  const stored = await s3.send({ method: "PUT", target: "/bucket/k", headers, body: "x" });
  assert.equal(stored.status, 200);
  const unsupported = /^InvalidRequest: Checksum algorithm provided is unsupported/;
  const begun = await s3.send({ method: "POST", target: "/bucket/k?uploads", headers });
  assert.match(errorOf(begun), unsupported);
  const source = ["x-amz-copy-source", "bucket/k"] as const;
  const copy = { method: "PUT", target: "/bucket/c", headers: [...headers, source] };
  assert.match(errorOf(await s3.send(copy)), unsupported);
});

// versity/versitygw, s3api/utils/signed-chunk-reader.go, after AWS's answers; the string is that of
// AWS's API reference, "Transferring Payload in Multiple Chunks".
test("errors: a chunk whose signature is wrong shows what it should have signed, as requests do", async () => {
  const s3 = await withBucket();
  const put = { mode: "signed", body: "hello" } as const;
  const { text } = await putChunked(s3, {
    ...put,
    tamper: (sent) => sent.replace("hello", "jello"),
  });
  assert.equal(elementOf(text, "Code"), "SignatureDoesNotMatch");
  assert.equal(elementOf(text, "AWSAccessKeyId"), "root");
  const signed = (elementOf(text, "StringToSign") ?? "").split("&#xa;");
  assert.equal(signed[0], "AWS4-HMAC-SHA256-PAYLOAD");
  assert.equal(signed.at(-1), toHex(hash.digest("sha256", encodeUtf8("jello"))));
  assert.match(elementOf(text, "StringToSignBytes") ?? "", /^41 57 53 34 /);
  assert.match(elementOf(text, "SignatureProvided") ?? "", /^[0-9a-f]{64}$/);
});
