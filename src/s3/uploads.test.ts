import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, encodeUtf8, toBase64 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { checksumAlgorithms } from "./request/checksums.ts";
import { type TestRequest, type TestS3, createTestS3 } from "./testing/test-s3.ts";

const hash = createHash();

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

function codeOf(text: string): string {
  return /<Code>([^<]*)</.exec(text)?.[1] ?? "";
}

async function bytesOf(s3: TestS3, key: string): Promise<string> {
  return (await s3.send({ method: "GET", target: `/bucket/${key}` })).text;
}

const put = { method: "PUT", target: "/bucket/k" };

/** A stream as the JavaScript SDK sends it: chunked, with the checksum behind it. */
function chunked(body: string, trailer: string, decodedLength = "12"): TestRequest {
  return {
    ...put,
    headers: [
      ["content-encoding", "aws-chunked"],
      ["transfer-encoding", "chunked"],
      ["x-amz-decoded-content-length", decodedLength],
      ["x-amz-trailer", "x-amz-checksum-crc32"],
    ],
    contentSha256: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    contentLength: undefined,
    body: `${body}0\r\n${trailer}\r\n`,
  };
}

test("upload: a stream with its checksum behind it, as SDKs send it, is verified and kept", async () => {
  const s3 = await withBucket();
  const body = "c\r\nhello stream\r\n";
  const answer = await s3.send(chunked(body, "x-amz-checksum-crc32:gtnkmQ==\r\n"));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get("x-amz-checksum-crc32"), "gtnkmQ==");
  assert.equal(await bytesOf(s3, "k"), "hello stream");
  const head = await s3.send({ method: "HEAD", target: "/bucket/k" });
  assert.equal(head.headers.get("content-encoding"), undefined);
});

test("C3: an upload that proves wrong at its end leaves nothing", async () => {
  const s3 = await withBucket();
  const body = "c\r\nhello stream\r\n";
  const right = "x-amz-checksum-crc32:gtnkmQ==\r\n";
  const cases: readonly (readonly [TestRequest, string])[] = [
    [chunked(body, "x-amz-checksum-crc32:AAAAAA==\r\n"), "BadDigest"],
    [chunked(body, "x-amz-checksum-crc32:AAAA\r\n"), "InvalidRequest"],
    [chunked(body, ""), "MalformedTrailerError"],
    [chunked(body, right, "13"), "IncompleteBody"],
    [chunked("zz\r\n", right), "IncompleteBody"],
    [{ ...put, body: "x", contentSha256: "0".repeat(64) }, "XAmzContentSHA256Mismatch"],
    [{ ...put, body: "x", headers: [["content-md5", `${"A".repeat(22)}==`]] }, "BadDigest"],
    [{ ...put, body: "x", headers: [["x-amz-checksum-sha1", "AAAA"]] }, "InvalidRequest"],
  ];
  for (const [request, code] of cases) {
    const answer = await s3.send(request);
    assert.equal(codeOf(answer.text), code, JSON.stringify(request));
  }
  assert.equal((await s3.send({ method: "HEAD", target: "/bucket/k" })).status, 404);
});

test("upload: a value of parts, or an algorithm without a value, is refused as S3 does", async () => {
  const s3 = await withBucket();
  const refusalOf = async (...header: readonly [string, string]) => {
    const { text } = await s3.send({ ...put, body: "hello", headers: [header] });
    return `${codeOf(text)}: ${/<Message>([^<]*)</.exec(text)?.[1]}`;
  };
  const value = toBase64(hash.digest("crc32", encodeUtf8("hello")));
  assert.equal(
    await refusalOf("x-amz-checksum-crc32", `${value}-3`),
    "InvalidRequest: Value for x-amz-checksum-crc32 header is invalid.",
  );
  assert.equal(
    await refusalOf("x-amz-sdk-checksum-algorithm", "CRC32"),
    "InvalidRequest: x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* " +
      "or x-amz-trailer headers were found.",
  );
});

test("upload: without a length it is refused, and so is one of more than 5 GiB, unread", async () => {
  const s3 = await withBucket();
  const unread = { ...put, body: "x", contentSha256: "UNSIGNED-PAYLOAD" };
  const missing = await s3.send({ ...unread, contentLength: undefined });
  assert.deepEqual([missing.status, codeOf(missing.text)], [411, "MissingContentLength"]);
  const large = await s3.send({ ...unread, contentLength: String(5 * 1024 ** 3 + 1) });
  assert.deepEqual([large.status, codeOf(large.text)], [400, "EntityTooLarge"]);
  assert.equal(s3.done.at(-1)?.bytesIn, 0);
});

test("upload: in HTTP's chunks it needs no length", async () => {
  const s3 = await withBucket();
  const chunks = { contentLength: undefined, headers: [["transfer-encoding", "chunked"]] } as const;
  assert.equal((await s3.send({ ...put, body: "unannounced", ...chunks })).status, 200);
  assert.equal((await s3.send({ ...put, method: "GET" })).text, "unannounced");
});

test("upload: the checksum that the client names is the one that is kept", async () => {
  const s3 = await withBucket();
  for (const algorithm of checksumAlgorithms) {
    const header = `x-amz-checksum-${algorithm}`;
    const value = toBase64(hash.digest(algorithm, encodeUtf8("hello")));
    const answer = await s3.send({ ...put, body: "hello", headers: [[header, value]] });
    assert.equal(answer.headers.get(header), value);
    const mode = [["x-amz-checksum-mode", "ENABLED"]] as const;
    const head = await s3.send({ method: "HEAD", target: "/bucket/k", headers: mode });
    assert.equal(head.headers.get(header), value);
    assert.equal(head.headers.get("x-amz-checksum-type"), "FULL_OBJECT");
  }
});

test("upload: requests in XML have a limit, known before the body is read or found out on the way", async () => {
  const s3 = await withBucket();
  const xml = `<Delete>${" ".repeat(2 * 1024 * 1024)}</Delete>`;
  const request = { method: "POST", target: "/bucket?delete", body: xml, md5: true };
  assert.equal(codeOf((await s3.send(request)).text), "MaxMessageLengthExceeded");
  assert.equal(s3.done.at(-1)?.bytesIn, 0);
  const chunks = { contentLength: undefined, headers: [["transfer-encoding", "chunked"]] } as const;
  const unannounced = await s3.send({ ...request, ...chunks });
  assert.equal(codeOf(unannounced.text), "MaxMessageLengthExceeded");
});

test("upload: 1,001 keys in one deletion are refused, 1,000 are not", async () => {
  const s3 = await withBucket();
  const remove = (count: number) => {
    const keys = Array.from({ length: count }, (_, i) => `<Object><Key>k${i}</Key></Object>`);
    const body = `<Delete><Quiet>true</Quiet>${keys.join("")}</Delete>`;
    return s3.send({ method: "POST", target: "/bucket?delete", body, md5: true });
  };
  assert.equal((await remove(1000)).status, 200);
  assert.equal(codeOf((await remove(1001)).text), "MalformedXML");
});

test("multipart: checksums that are composite only, and those that never are, as S3 has them", async () => {
  const s3 = await withBucket();
  const create = (algorithm: string, type?: string) => {
    const headers: [string, string][] = [["x-amz-checksum-algorithm", algorithm]];
    if (type !== undefined) headers.push(["x-amz-checksum-type", type]);
    return s3.send({ method: "POST", target: "/bucket/k?uploads", headers });
  };
  const composite = ["SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"];
  for (const algorithm of composite) {
    const created = await create(algorithm);
    assert.equal(created.headers.get("x-amz-checksum-algorithm"), algorithm);
    assert.equal(created.headers.get("x-amz-checksum-type"), "COMPOSITE");
    const { text } = await create(algorithm, "FULL_OBJECT");
    const words = `The FULL_OBJECT checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`;
    assert.ok(text.includes(words), text);
  }
  const { text } = await create("CRC64NVME", "COMPOSITE");
  assert.ok(text.includes("The COMPOSITE checksum type cannot be used with the crc64nvme"), text);
});

test("multipart: a composite checksum of each newer algorithm is of the parts' checksums", async () => {
  const s3 = await withBucket();
  const target = "/bucket/composite";
  const bodies = [new Uint8Array(5 * 1024 ** 2).fill(65), encodeUtf8("rest")];
  for (const algorithm of ["sha512", "md5", "xxhash64", "xxhash3", "xxhash128"] as const) {
    const name = algorithm.toUpperCase();
    const headers = [["x-amz-checksum-algorithm", name]] as const;
    const created = await s3.send({ method: "POST", target: `${target}?uploads`, headers });
    const upload = /<UploadId>([^<]*)</.exec(created.text)?.[1];
    const digests = bodies.map((body) => hash.digest(algorithm, body));
    const listed: string[] = [];
    for (const [index, body] of bodies.entries()) {
      const value = toBase64(digests[index]!);
      const query = `?partNumber=${index + 1}&uploadId=${upload}`;
      const stored = await s3.send({
        method: "PUT",
        target: target + query,
        headers: [[`x-amz-checksum-${algorithm}`, value]],
        body,
      });
      assert.equal(stored.headers.get(`x-amz-checksum-${algorithm}`), value, stored.text);
      listed.push(
        `<Part><PartNumber>${index + 1}</PartNumber><ETag>${stored.headers.get("etag")}</ETag>` +
          `<Checksum${name}>${value}</Checksum${name}></Part>`,
      );
    }
    const parts = await s3.send({ method: "GET", target: `${target}?uploadId=${upload}` });
    assert.ok(parts.text.includes(`<Checksum${name}>${toBase64(digests[0]!)}</Checksum${name}>`));
    const body = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
    const completed = await s3.send({
      method: "POST",
      target: `${target}?uploadId=${upload}`,
      body,
    });
    const whole = toBase64(hash.digest(algorithm, concatBytes(digests)));
    assert.ok(completed.text.includes(`<Checksum${name}>${whole}-2</Checksum${name}>`));
    const listing = await s3.send({ method: "GET", target: "/bucket?prefix=composite" });
    assert.ok(listing.text.includes(`<ChecksumAlgorithm>${name}</ChecksumAlgorithm>`));
    assert.ok(listing.text.includes("<ChecksumType>COMPOSITE</ChecksumType>"));
  }
});

test("multipart: parts of 5 MiB and a rest become one object, with the checksum in full", async () => {
  const s3 = await withBucket();
  const parts = [5 * 1024 ** 2, 10].map((size, i) => new Uint8Array(size).fill(65 + i));
  const target = "/bucket/big";
  const created = await s3.send({
    method: "POST",
    target: `${target}?uploads`,
    headers: [
      ["x-amz-checksum-algorithm", "CRC32"],
      ["x-amz-checksum-type", "FULL_OBJECT"],
    ],
  });
  const upload = /<UploadId>([^<]*)</.exec(created.text)?.[1];
  const listed: string[] = [];
  for (const [index, body] of parts.entries()) {
    const query = `?partNumber=${index + 1}&uploadId=${upload}`;
    const stored = await s3.send({ method: "PUT", target: target + query, body });
    listed.push(
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${stored.headers.get("etag")}</ETag></Part>`,
    );
  }
  const body = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
  const query = `?uploadId=${upload}`;
  const expected = toBase64(hash.digest("crc32", concatBytes(parts)));
  const complete = { method: "POST", target: target + query, body };
  const wrong = [["x-amz-checksum-crc32", "AAAAAA=="]] as const;
  assert.equal((await s3.send({ ...complete, headers: wrong })).status, 400);
  const right = [["x-amz-checksum-crc32", expected]] as const;
  const completed = await s3.send({ ...complete, headers: right });
  assert.match(completed.text, /<ETag>&quot;[0-9a-f]{32}-2&quot;<\/ETag>/);
  assert.ok(completed.text.includes(`<ChecksumCRC32>${expected}</ChecksumCRC32>`));
  const second = await s3.send({ method: "GET", target: `${target}?partNumber=2` });
  assert.deepEqual([second.status, second.text], [206, "B".repeat(10)]);
  assert.equal(second.headers.get("x-amz-mp-parts-count"), "2");
});
