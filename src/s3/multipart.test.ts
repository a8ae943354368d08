import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64, toHex } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import type { HeaderList } from "../platform/http.ts";
import { type TestResponse, type TestS3, createTestS3 } from "./testing/test-s3.ts";
import { elementOf, errorOf } from "./testing/test-s3.ts";

const hash = createHash();
const etag = toHex(hash.digest("md5", encodeUtf8("part")));
const digest = (algorithm: ChecksumAlgorithm, text = "part") =>
  toBase64(hash.digest(algorithm, encodeUtf8(text)));

/** An upload of /bucket/k whose parts are all "part". */
class Upload {
  readonly #s3: TestS3;
  readonly id: string;

  constructor(s3: TestS3, id: string) {
    this.#s3 = s3;
    this.id = id;
  }

  part(headers: HeaderList = []): Promise<TestResponse> {
    const target = `/bucket/k?partNumber=1&uploadId=${this.id}`;
    return this.#s3.send({ method: "PUT", target, headers, body: "part" });
  }

  list(more = ""): Promise<TestResponse> {
    return this.#s3.send({ method: "GET", target: `/bucket/k?uploadId=${this.id}${more}` });
  }

  /** Lists the part with these elements in addition to its number and ETag. */
  complete(elements = "", headers: HeaderList = []): Promise<TestResponse> {
    const part = `<Part><PartNumber>1</PartNumber><ETag>${etag}</ETag>${elements}</Part>`;
    return this.#s3.send({
      method: "POST",
      target: `/bucket/k?uploadId=${this.id}`,
      headers,
      body: `<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`,
    });
  }
}

async function begin(s3: TestS3, headers: HeaderList = []): Promise<Upload> {
  const { text } = await s3.send({ method: "POST", target: "/bucket/k?uploads", headers });
  return new Upload(s3, elementOf(text, "UploadId") ?? text);
}

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

const composite: HeaderList = [["x-amz-checksum-algorithm", "CRC32"]];

test("multipart: without a chosen checksum each part answers with what it came with, and the whole has S3's default", async () => {
  const s3 = await withBucket();
  const upload = await begin(s3);
  assert.equal((await upload.part()).headers.get("x-amz-checksum-crc64nvme"), undefined);
  const sent = await upload.part([["x-amz-checksum-crc32c", digest("crc32c")]]);
  assert.equal(sent.headers.get("x-amz-checksum-crc32c"), digest("crc32c"));
  assert.doesNotMatch((await upload.list()).text, /Checksum/);
  const named = `<ChecksumCRC32C>${digest("crc32c")}</ChecksumCRC32C>`;
  assert.match(errorOf(await upload.complete(named)), /^InvalidPart:/);
  const { text } = await upload.complete();
  assert.equal(elementOf(text, "ChecksumCRC64NVME"), digest("crc64nvme"));
  assert.equal(elementOf(text, "ChecksumType"), "FULL_OBJECT");
});

test("multipart: a checksum that was chosen binds the parts and the list of them, in S3's words", async () => {
  const s3 = await withBucket();
  const upload = await begin(s3, composite);
  assert.equal(
    errorOf(await upload.part([["x-amz-checksum-sha256", digest("sha256")]])),
    "InvalidRequest: Checksum Type mismatch occurred, expected checksum Type: crc32, " +
      "actual checksum Type: sha256",
  );
  const stored = await upload.part();
  assert.equal(stored.headers.get("x-amz-checksum-crc32"), digest("crc32"));
  assert.equal(elementOf((await upload.list()).text, "ChecksumCRC32"), digest("crc32"));
  assert.match(errorOf(await upload.complete()), /^InvalidRequest: .* was missing for part 1 in/);
  assert.equal(
    errorOf(await upload.complete(`<ChecksumSHA256>${digest("sha256")}</ChecksumSHA256>`)),
    "BadDigest: The sha256 you specified for part 1 did not match what we received.",
  );
  const other = `<ChecksumCRC32>${digest("crc32", "other")}</ChecksumCRC32>`;
  assert.match(errorOf(await upload.complete(other)), /^InvalidPart:/);
  const right = `<ChecksumCRC32>${digest("crc32")}</ChecksumCRC32>`;
  assert.equal(
    errorOf(await upload.complete(right, [["x-amz-checksum-type", "FULL_OBJECT"]])),
    "InvalidRequest: The upload was created using the COMPOSITE checksum mode. The complete request must " +
      "use the same checksum mode.",
  );
  assert.equal(
    errorOf(await upload.complete(right, [["x-amz-checksum-crc32", `${digest("crc32", "x")}-1`]])),
    "BadDigest: The crc32 you specified did not match the calculated checksum.",
  );
  assert.equal(
    errorOf(await upload.complete("", [["x-amz-checksum-crc32", "bad"]])),
    "BadDigest: Value for x-amz-checksum-crc32 header is invalid.",
  );
  assert.equal((await upload.complete(right)).status, 200);
});

test("multipart: a list without parts, and one that speaks of a checksum where none was chosen", async () => {
  const s3 = await withBucket();
  const upload = await begin(s3);
  await upload.part();
  const target = `/bucket/k?uploadId=${upload.id}`;
  const empty = await s3.send({ method: "POST", target, body: "" });
  assert.equal(errorOf(empty), "InvalidRequest: You must specify at least one part");
  const none = await s3.send({ method: "POST", target, body: "<CompleteMultipartUpload/>" });
  assert.match(errorOf(none), /^MalformedXML:/);
  assert.match(
    errorOf(await upload.complete("", [["x-amz-checksum-type", "COMPOSITE"]])),
    /^InvalidRequest: The upload was created using the null checksum mode\./,
  );
});

test("C2: conditions of a Complete as AWS judges them, 409 only where the very object came in between", async () => {
  const s3 = await withBucket();
  const put = async (body: string) => {
    s3.store.platform.advance(10);
    const { headers } = await s3.send({ method: "PUT", target: "/bucket/k", body });
    s3.store.platform.advance(10);
    return headers.get("etag") ?? "";
  };
  const before = await put("before");
  const upload = await begin(s3);
  await upload.part();
  const during = await put("during");
  const complete = async (name: string, value: string) => {
    const answer = await upload.complete("", [[name, value]]);
    return `${answer.status} ${elementOf(answer.text, "Condition")}`;
  };
  assert.equal(await complete("if-none-match", "*"), "412 If-None-Match");
  assert.equal(await complete("if-match", before), "412 If-Match");
  assert.equal(await complete("if-match", during), "409 If-Match");
  await s3.send({ method: "DELETE", target: "/bucket/k" });
  assert.equal(await complete("if-match", during), "404 undefined");
});

test("multipart: parts are listed from any marker, also an empty one", async () => {
  const s3 = await withBucket();
  const upload = await begin(s3);
  assert.equal(elementOf((await upload.list()).text, "NextPartNumberMarker"), "0");
  await upload.part();
  const { text } = await upload.list("&part-number-marker=&max-parts=");
  assert.equal(elementOf(text, "NextPartNumberMarker"), "1");
  assert.equal(elementOf(text, "MaxParts"), "1000");
  assert.match(errorOf(await upload.list("&max-parts=x")), /^InvalidArgument:/);
});

test("multipart: uploads are listed with markers on every page", async () => {
  const s3 = await withBucket();
  const list = async (more = "") =>
    (await s3.send({ method: "GET", target: `/bucket?uploads${more}` })).text;
  assert.match(await list(), /<NextKeyMarker><\/NextKeyMarker><NextUploadIdMarker><\//);
  const upload = await begin(s3);
  assert.equal(elementOf(await list(), "NextUploadIdMarker"), upload.id);
  const text = await list("&key-marker=k&upload-id-marker=what");
  assert.match(text, /<Message>Invalid uploadId marker<.*<ArgumentName>upload-id-marker</);
});

test("multipart: a copied part shows a checksum only where one was chosen, and its range must be there", async () => {
  const s3 = await withBucket();
  await s3.send({ method: "PUT", target: "/bucket/source", body: "0123456789" });
  const copy = async (upload: Upload, range?: string) => {
    const headers: [string, string][] = [["x-amz-copy-source", "bucket/source"]];
    if (range !== undefined) headers.push(["x-amz-copy-source-range", range]);
    const target = `/bucket/k?partNumber=1&uploadId=${upload.id}`;
    return s3.send({ method: "PUT", target, headers });
  };
  const plain = await begin(s3);
  assert.doesNotMatch((await copy(plain)).text, /Checksum/);
  const { text } = await copy(await begin(s3, composite), "bytes=0-8");
  assert.equal(elementOf(text, "ChecksumCRC32"), digest("crc32", "012345678"));
  const beyond = await copy(plain, "bytes=0-100");
  const words = "Range specified is not valid for source object of size: 10";
  assert.equal(errorOf(beyond), `InvalidArgument: ${words}`);
  assert.equal(elementOf(beyond.text, "ArgumentValue"), "bytes=0-100");
  const outside = "InvalidRequest: The specified copy range is invalid for the source object size";
  assert.equal(errorOf(await copy(plain, "bytes=100-200")), outside);
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json,
// test_complete_multipart_parts_checksum_default.
test("multipart: a checksum header of an upload without an algorithm is ignored by Complete", async () => {
  const s3 = await withBucket();
  for (const [name, value] of [
    ["x-amz-checksum-crc32c", `${digest("crc32c", "other")}-2`],
    ["x-amz-checksum-sha256", digest("sha256", "other")],
    ["x-amz-checksum-crc64nvme", digest("crc64nvme", "other")],
  ] as const) {
    const upload = await begin(s3);
    await upload.part();
    const made = await upload.complete("", [[name, value]]);
    assert.equal(made.status, 200, name);
    assert.equal(elementOf(made.text, "ChecksumCRC64NVME"), digest("crc64nvme"));
  }
});

// Recorded from AWS: LocalStack's test_s3_api.snapshot.json,
// test_multipart_if_none_match_with_delete, …_if_match_with_delete.
test("C2: what is deleted during an upload makes its conditional Complete a conflict", async () => {
  const s3 = await withBucket();
  const absent: HeaderList = [["if-none-match", "*"]];
  const put = () => s3.send({ method: "PUT", target: "/bucket/k", body: "x" });
  const remove = () => s3.send({ method: "DELETE", target: "/bucket/k" });
  await put();
  const upload = await begin(s3);
  await upload.part();
  const early = await upload.complete("", absent);
  assert.deepEqual([early.status, elementOf(early.text, "Condition")], [412, "If-None-Match"]);
  await remove();
  const conflict = await upload.complete("", absent);
  assert.equal(conflict.status, 409);
  assert.match(errorOf(conflict), /^ConditionalRequestConflict: The conditional request cannot/);
  assert.equal(elementOf(conflict.text, "Condition"), "If-None-Match");
  assert.equal(elementOf(conflict.text, "Key"), "k");
  // Another with the same content is another object all the same, to either condition.
  const again = await put();
  const same = [["if-match", again.headers.get("etag") ?? ""]] as const;
  assert.equal((await upload.complete("", same)).status, 409);
  await remove();
  assert.match(errorOf(await upload.complete("", same)), /^NoSuchKey/);
  // An upload that begins after the deletion has nothing in its way, and one without a condition
  // never has.
  const later = await begin(s3);
  await later.part();
  assert.equal((await later.complete("", absent)).status, 200);
  assert.equal((await upload.complete()).status, 200);
});

// That the same list is answered alike: versity/versitygw, tests/integration,
// CompleteMultipartUpload_already_completed. Of another list there is no upload any more: API
// reference of CompleteMultipartUpload, NoSuchUpload.
test("multipart: a Complete is repeated by its own list of parts, and by no other", async () => {
  const s3 = await withBucket();
  const upload = await begin(s3);
  const target = `/bucket/k?uploadId=${upload.id}`;
  for (const part of [1, 2]) {
    const body = part === 1 ? "x".repeat(5 * 1024 ** 2) : "part";
    await s3.send({ method: "PUT", target: `${target}&partNumber=${part}`, body });
  }
  const large = toHex(hash.digest("md5", encodeUtf8("x".repeat(5 * 1024 ** 2))));
  const list = (...parts: readonly (readonly [number: number, etag: string])[]) => {
    const elements = parts.map(
      ([part, tag]) => `<Part><PartNumber>${part}</PartNumber><ETag>${tag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${elements.join("")}</CompleteMultipartUpload>`;
    return s3.send({ method: "POST", target, body });
  };
  const first = await list([1, large], [2, etag]);
  assert.equal(first.status, 200);
  const repeated = await list([1, large], [2, etag]);
  assert.deepEqual([repeated.status, repeated.text], [200, first.text]);
  for (const other of [
    await list([1, large]),
    await list([1, large], [3, etag]),
    await list([1, large], [2, large]),
    await list([1, large], [2, etag], [3, etag]),
  ]) {
    assert.deepEqual([other.status, elementOf(other.text, "Code")], [404, "NoSuchUpload"]);
  }
});

// AWS names the version that was copied (API reference of UploadPartCopy,
// x-amz-copy-source-version-id).
test("multipart: a part copied of the null version by its name says so", async () => {
  const s3 = await withBucket();
  await s3.send({ method: "PUT", target: "/bucket/source", body: "x" });
  const upload = await begin(s3);
  const copy = async (source: string) => {
    const headers: HeaderList = [["x-amz-copy-source", source]];
    const target = `/bucket/k?partNumber=1&uploadId=${upload.id}`;
    const answer = await s3.send({ method: "PUT", target, headers });
    assert.equal(answer.status, 200);
    return answer.headers.get("x-amz-copy-source-version-id");
  };
  assert.equal(await copy("bucket/source?versionId=null"), "null");
  assert.equal(await copy("bucket/source"), undefined);
  const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  await s3.send({ method: "PUT", target: "/bucket?versioning", body });
  assert.equal(await copy("bucket/source?versionId=null"), "null");
});
