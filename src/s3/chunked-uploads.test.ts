import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64 } from "../base/bytes.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import { createHash } from "../node/platform/hash.ts";
import { checksumAlgorithms } from "./request/checksums.ts";
import { type ChunkedPut, putChunked } from "./testing/chunked.ts";
import { type TestS3, createTestS3 } from "./testing/test-s3.ts";

const hash = createHash();
const trailing = ["signedWithTrailer", "unsignedWithTrailer"] as const;

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

function digestOf(algorithm: ChecksumAlgorithm, text: string): string {
  return toBase64(hash.digest(algorithm, encodeUtf8(text)));
}

/** What is stored of it: "code: message" of the refusal, and then nothing must be. */
async function outcome(put: ChunkedPut): Promise<string> {
  const s3 = await withBucket();
  const answer = await putChunked(s3, put);
  const stored = await s3.send({ method: "GET", target: "/bucket/k" });
  if (answer.status === 200) return stored.text;
  assert.equal(stored.status, 404);
  const read = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(answer.text)?.[1] ?? "";
  return `${read("Code")}: ${read("Message")}`;
}

test("chunked upload: every algorithm, in the trailer where the mode has one, else in a header", async () => {
  const s3 = await withBucket();
  for (const algorithm of checksumAlgorithms) {
    const name = `x-amz-checksum-${algorithm}`;
    const value = digestOf(algorithm, "hello stream");
    for (const mode of ["signed", ...trailing] as const) {
      const sum = [[name, value]] as const;
      const promise = [["x-amz-trailer", name]] as const;
      const put = mode === "signed" ? { headers: sum } : { headers: promise, trailers: sum };
      const answer = await putChunked(s3, { mode, body: "hello stream", ...put });
      assert.equal(answer.status, 200, `${mode} ${algorithm}: ${answer.text}`);
      assert.equal(answer.headers.get(name), value);
    }
  }
});

test("chunked upload: aws-chunked is not part of the stored encoding, what else is named stays", async () => {
  const s3 = await withBucket();
  for (const [sent, kept] of [
    ["aws-chunked", undefined],
    ["gzip,aws-chunked", "gzip"],
    ["aws-chunked, gzip", "gzip"],
  ] as const) {
    const headers = [["content-encoding", sent]] as const;
    const { status } = await putChunked(s3, { mode: "signed", body: "x", headers });
    assert.equal(status, 200);
    const head = await s3.send({ method: "HEAD", target: "/bucket/k" });
    assert.equal(head.headers.get("content-encoding"), kept);
  }
});

test("C3: a trailer that is not what was promised, or of other bytes, leaves nothing", async () => {
  const name = "x-amz-checksum-crc32";
  const value = digestOf("crc32", "hello");
  const headers = [["x-amz-trailer", name]] as const;
  const bogus = `InvalidRequest: Value for ${name} trailing header is invalid.`;
  const malformed = /^MalformedTrailerError: /;
  for (const mode of trailing) {
    const put = { mode, headers, body: "hello" };
    assert.equal(await outcome({ ...put, trailers: [[name, value]] }), "hello");
    assert.match(
      await outcome({ ...put, trailers: [[name, "AAAAAA=="]] }),
      /^BadDigest: The CRC32 /,
    );
    assert.equal(await outcome({ ...put, trailers: [[name, "AAAA"]] }), bogus);
    assert.match(await outcome(put), malformed);
    const other = ["x-amz-checksum-sha1", digestOf("sha1", "hello")] as const;
    assert.match(await outcome({ ...put, trailers: [other] }), malformed);
    assert.match(await outcome({ ...put, trailers: [[name, value], other] }), malformed);
    const unpromised = { mode, body: "hello", trailers: [[name, value]] } as const;
    assert.match(await outcome(unpromised), malformed);
  }
});

test("chunked upload: a trailer that the mode has no place for is refused before the body is read", async () => {
  const s3 = await withBucket();
  const headers = [["x-amz-trailer", "x-amz-checksum-crc32"]] as const;
  const answer = await putChunked(s3, { mode: "signed", headers, body: "hello" });
  assert.match(answer.text, /<Code>MalformedTrailerError</);
  assert.equal(s3.done.at(-1)?.bytesIn, 0);
});

test("C3: signed frames and trailers that were changed on the way leave nothing", async () => {
  const name = "x-amz-checksum-crc32";
  const trailers = [[name, digestOf("crc32", "hello")]] as const;
  const put = {
    mode: "signedWithTrailer",
    headers: [["x-amz-trailer", name]],
    trailers,
    body: "hello",
  } as const;
  const tampered = (tamper: (text: string) => string) => outcome({ ...put, tamper });
  const mismatch = /^SignatureDoesNotMatch: /;
  assert.match(await tampered((text) => text.replace("hello", "jello")), mismatch);
  assert.match(await tampered((text) => text.replace(/(trailer-signature:)./, "$1z")), mismatch);
  assert.match(
    await tampered((text) => text.replace(/x-amz-trailer-s.*\r\n/, "")),
    /^IncompleteBody: /,
  );
  assert.match(await tampered((text) => text.slice(0, -3)), /^IncompleteBody: /);
});

test("C3: a body longer or shorter than it says leaves nothing", async () => {
  for (const mode of ["signed", ...trailing] as const) {
    const put = { mode, body: "hello" };
    assert.match(await outcome({ ...put, decodedLength: 6 }), /^IncompleteBody: /);
    assert.match(await outcome({ ...put, decodedLength: 4 }), /^IncompleteBody: /);
  }
});

test("chunked upload: chunks signed by elliptic curves are refused by name, unread", async () => {
  const s3 = await withBucket();
  for (const suffix of ["", "-TRAILER"]) {
    const contentSha256 = `STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD${suffix}`;
    const answer = await s3.send({ method: "PUT", target: "/bucket/k", body: "x", contentSha256 });
    assert.deepEqual([answer.status, s3.done.at(-1)?.bytesIn], [501, 0]);
  }
});
