import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64 } from "../base/bytes.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import { createHash } from "../node/platform/hash.ts";
import { partBytesMin } from "../object/upload/choose-parts.ts";
import type { HeaderList } from "../platform/http.ts";
import { type TestResponse, type TestS3, createTestS3 } from "./testing/test-s3.ts";
import { elementOf, errorOf } from "./testing/test-s3.ts";

const hash = createHash();
const large = new Uint8Array(partBytesMin).fill(1);
const small = encodeUtf8("small");
const digest = (algorithm: ChecksumAlgorithm, bytes: Uint8Array) =>
  toBase64(hash.digest(algorithm, bytes));

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

/** /bucket/k of three parts, two of them large. */
async function putParts(s3: TestS3, headers: HeaderList, element: string): Promise<void> {
  const begun = await s3.send({ method: "POST", target: "/bucket/k?uploads", headers });
  const target = `/bucket/k?uploadId=${elementOf(begun.text, "UploadId")}`;
  const listed: string[] = [];
  for (const [index, body] of [large, large, small].entries()) {
    const part = `${target}&partNumber=${index + 1}`;
    const stored = await s3.send({ method: "PUT", target: part, body });
    const value = element === "" ? "" : `<${element}>${digest("crc32", body)}</${element}>`;
    const etag = stored.headers.get("etag");
    listed.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag>${value}</Part>`);
  }
  const body = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
  assert.equal((await s3.send({ method: "POST", target, body })).status, 200);
}

function attributes(s3: TestS3, names: string, more: HeaderList = []): Promise<TestResponse> {
  const headers: HeaderList = [["x-amz-object-attributes", names], ...more];
  return s3.send({ method: "GET", target: "/bucket/k?attributes", headers });
}

const all = "ETag, Checksum,ObjectParts,StorageClass,ObjectSize";

test("attributes: of an object stored in one go, those that are asked for", async () => {
  const s3 = await withBucket();
  const headers: HeaderList = [["x-amz-checksum-crc32", digest("crc32", small)]];
  await s3.send({ method: "PUT", target: "/bucket/k", headers, body: small });
  const { text, headers: answered } = await attributes(s3, all);
  const etag = "<ETag>eb5c1399a871211c7e7ed732d15e3a8b</ETag>";
  const checksum = `<ChecksumCRC32>${digest("crc32", small)}</ChecksumCRC32><ChecksumType>FULL_OBJECT</ChecksumType>`;
  assert.ok(
    text.includes(
      `${etag}<Checksum>${checksum}</Checksum><StorageClass>STANDARD</StorageClass><ObjectSize>5<`,
    ),
    text,
  );
  assert.equal(answered.get("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
  assert.doesNotMatch((await attributes(s3, "ObjectSize")).text, /ETag|Checksum|StorageClass/);
});

test("attributes: what to tell must be said, in names that S3 knows", async () => {
  const s3 = await withBucket();
  await s3.send({ method: "PUT", target: "/bucket/k", body: small });
  const lacking =
    "InvalidRequest: The x-amz-object-attributes header specifying the attributes to be retrieved is " +
    "either missing or empty";
  assert.equal(errorOf(await s3.send({ method: "GET", target: "/bucket/k?attributes" })), lacking);
  assert.equal(errorOf(await attributes(s3, "")), lacking);
  const unknown = await attributes(s3, "ETag,Dummy");
  assert.equal(errorOf(unknown), "InvalidArgument: Invalid attribute name specified.");
  assert.equal(elementOf(unknown.text, "ArgumentValue"), "Dummy");
});

test("attributes: the parts of a composite object, page by page", async () => {
  const s3 = await withBucket();
  await putParts(s3, [["x-amz-checksum-algorithm", "CRC32"]], "ChecksumCRC32");
  const { text } = await attributes(s3, all);
  assert.equal(elementOf(text, "PartsCount"), "3");
  assert.equal(text.match(/<Part>/g)?.length, 3);
  assert.doesNotMatch(text, /&quot;|==-3/);
  assert.match(text, /<ChecksumType>COMPOSITE<\/ChecksumType><\/Checksum>/);
  const page = await attributes(s3, "ObjectParts", [
    ["x-amz-max-parts", "1"],
    ["x-amz-part-number-marker", "1"],
  ]);
  const second = `<PartNumber>2</PartNumber><Size>${large.length}</Size>`;
  const value = `<ChecksumCRC32>${digest("crc32", large)}</ChecksumCRC32>`;
  assert.match(
    page.text,
    /<PartNumberMarker>1<.*<NextPartNumberMarker>2<.*<MaxParts>1<.*<IsTruncated>true</,
  );
  assert.ok(page.text.includes(`<Part>${second}${value}</Part></ObjectParts>`), page.text);
  const behind = await attributes(s3, "ObjectParts", [
    ["x-amz-max-parts", "nonsense"],
    ["x-amz-part-number-marker", "10"],
  ]);
  assert.match(
    behind.text,
    /<PartNumberMarker>10<.*<NextPartNumberMarker>0<.*<MaxParts>1000<.*<IsTruncated>false</,
  );
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json,
// test_complete_multipart_parts_checksum_full_object, test_get_object_attributes.
test("attributes: parts are counted and not listed where the checksum is of the whole object", async () => {
  const s3 = await withBucket();
  await putParts(s3, [], "");
  const { text } = await attributes(s3, all);
  assert.equal(elementOf(text, "ChecksumType"), "FULL_OBJECT");
  assert.equal(text.match(/<ChecksumCRC64NVME>/g)?.length, 1);
  assert.match(text, /<ObjectParts><PartsCount>3<\/PartsCount><\/ObjectParts>/);
});

test("parts: a read by number has the checksum of the part, and the whole's type", async () => {
  const s3 = await withBucket();
  await putParts(s3, [["x-amz-checksum-algorithm", "CRC32"]], "ChecksumCRC32");
  const headers: HeaderList = [["x-amz-checksum-mode", "ENABLED"]];
  for (const method of ["GET", "HEAD"]) {
    const part = await s3.send({ method, target: "/bucket/k?partNumber=3", headers });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("x-amz-checksum-crc32"), digest("crc32", small));
    assert.equal(part.headers.get("x-amz-checksum-type"), "COMPOSITE");
    assert.equal(part.headers.get("x-amz-mp-parts-count"), "3");
  }
  const whole = await s3.send({ method: "HEAD", target: "/bucket/k", headers });
  assert.match(whole.headers.get("x-amz-checksum-crc32") ?? "", /==-3$/);
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json,
// test_complete_multipart_parts_checksum_full_object (part 3 of 3),
// test_get_object_part_checksum[FULL_OBJECT] (the only part).
test("parts: a read by part number has a full-object checksum only if the part is the whole object", async () => {
  const s3 = await withBucket();
  await putParts(s3, [], "");
  const headers: HeaderList = [["x-amz-checksum-mode", "ENABLED"]];
  for (const method of ["GET", "HEAD"]) {
    const part = await s3.send({ method, target: "/bucket/k?partNumber=3", headers });
    assert.deepEqual([part.status, part.headers.get("x-amz-mp-parts-count")], [206, "3"]);
    const names = [...part.headers.keys()].filter((name) => name.startsWith("x-amz-checksum-"));
    assert.deepEqual(names, []);
  }
  const begun = await s3.send({ method: "POST", target: "/bucket/one?uploads" });
  const upload = `/bucket/one?uploadId=${elementOf(begun.text, "UploadId")}`;
  const sent = await s3.send({ method: "PUT", target: `${upload}&partNumber=1`, body: small });
  const list = `<Part><PartNumber>1</PartNumber><ETag>${sent.headers.get("etag")}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  await s3.send({ method: "POST", target: upload, body });
  const only = await s3.send({ method: "HEAD", target: "/bucket/one?partNumber=1", headers });
  assert.equal(only.headers.get("x-amz-checksum-crc64nvme"), digest("crc64nvme", small));
  assert.equal(only.headers.get("x-amz-checksum-type"), "FULL_OBJECT");
});
