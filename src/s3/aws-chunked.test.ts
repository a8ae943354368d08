import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import { putChunked } from "./testing/chunked.ts";
import { createTestS3, errorOf, type TestResponse, type TestS3 } from "./testing/test-s3.ts";

// What AWS accepts and what it says first, as OpenStack Swift's test/s3api/test_input_errors.py has
// it, which its authors run against AWS (tests named test_strm_unsgnd_pyld_trl_… and
// test_strm_sgnd_pyld_…, class TestV4AuthHeaders).

const hash = createHash();
const crc32 = (text: string): string => toBase64(hash.digest("crc32", encodeUtf8(text)));
const good = `x-amz-checksum-crc32: ${crc32("hello")}\r\n`;
const bad = `x-amz-checksum-crc32: ${crc32("other")}\r\n`;
const unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const chunk = "5\r\nhello\r\n";
const promise: HeaderList = [["x-amz-trailer", "x-amz-checksum-crc32"]];

async function bucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

/** Unsigned chunks, by hand. */
function put(s3: TestS3, body: string, more: HeaderList = [], length = "5"): Promise<TestResponse> {
  const headers: HeaderList = [["x-amz-decoded-content-length", length], ...more];
  const request = { method: "PUT", target: "/bucket/k", body, headers, contentSha256: unsigned };
  return s3.send(request);
}

const incomplete = "IncompleteBody: The request body terminated unexpectedly";
const malformed = /^MalformedTrailerError: /;
const unsupported =
  "InvalidRequest: The value specified in the x-amz-trailer header is not supported";

const accepted: readonly [what: string, body: string, headers: HeaderList][] = [
  ["no trailer", `${chunk}0\r\n\r\n`, []],
  ["no trailer and no last empty line", `${chunk}0\r\n`, []],
  ["a trailer", `${chunk}0\r\n${good}\r\n`, promise],
  ["a trailer and no last empty line", `${chunk}0\r\n${good}`, promise],
  ["empty lines behind it", `${chunk}0\r\n${good}\r\n\r\n\r\n`, promise],
  ["junk behind it", `${chunk}0\r\n${good}\r\n\xff\xde\xad`, promise],
  ["another trailer behind it", `${chunk}0\r\n${good}\r\nbonus: trailer\r\n`, promise],
  ["the last of two values", `${chunk}0\r\n${bad}${good}\r\n`, promise],
  ...["x-amz-checksum-crc32,", "x-amz-checksum-crc32,,", "x-amz-checksum-crc32, "].map(
    (value): [string, string, HeaderList] => [
      `x-amz-trailer: ${value}`,
      `${chunk}0\r\n${good}`,
      [["x-amz-trailer", value]],
    ],
  ),
];

test("aws-chunked: what AWS accepts is accepted", async () => {
  for (const [what, body, headers] of accepted) {
    const s3 = await bucket();
    const answer = await put(s3, body, headers);
    assert.equal(answer.status, 200, `${what}: ${answer.text}`);
    assert.equal((await s3.send({ method: "GET", target: "/bucket/k" })).text, "hello", what);
  }
});

const refused: readonly [
  what: string,
  body: string,
  headers: HeaderList,
  error: string | RegExp,
][] = [
  ["no chunks at all", "hello", [], incomplete],
  ["line feeds alone", "5\nhello\n0\n\n", [], incomplete],
  ["carriage returns alone", "5\rhello\r0\r\r", [], incomplete],
  ["half a line end", `${chunk}0\r\n\r`, [], incomplete],
  ["no last chunk", chunk, [], incomplete],
  ["a size that is none", `x\r\nhello\r\n0\r\n\r\n`, [], incomplete],
  ["a chunk longer than its size", "5\r\nhello!\r\n0\r\n\r\n", [], incomplete],
  ["a trailer line cut off", `${chunk}0\r\n${good.trim()}`, promise, incomplete],
  ["a trailer line with a line feed", `${chunk}0\r\n${good.trim()}\n`, promise, incomplete],
  ["an empty line before the trailer", `${chunk}0\r\n\r\n${good}`, promise, malformed],
  ["no trailer, though promised", `${chunk}0\r\n\r\n`, promise, malformed],
  ["a trailer too many", `${chunk}0\r\n${good}bonus: trailer\r\n`, promise, malformed],
  ["another trailer", `${chunk}0\r\nx-amz-checksum-bad: a\r\n`, promise, malformed],
  ["the last of two values", `${chunk}0\r\n${good}${bad}`, promise, /^BadDigest: /],
  ...[", x-amz-checksum-crc32", ",x-amz-checksum-crc32", "x-amz-checksum-crc32, ,", "foo"].map(
    (value): [string, string, HeaderList, string] => [
      `x-amz-trailer: ${value}`,
      `${chunk}0\r\n${good}`,
      [["x-amz-trailer", value]],
      unsupported,
    ],
  ),
  [
    "a promise of another header as well",
    `${chunk}0\r\n${good}`,
    [["x-amz-trailer", "x-amz-checksum-crc32, x-amz-foo"]],
    unsupported,
  ],
  [
    "two checksums promised",
    `${chunk}0\r\n${good}`,
    [["x-amz-trailer", "x-amz-checksum-crc32, x-amz-checksum-sha256"]],
    "InvalidRequest: Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
  ],
];

test("C3: aws-chunked: what AWS refuses is refused in its words, and leaves nothing", async () => {
  for (const [what, body, headers, error] of refused) {
    const s3 = await bucket();
    const answer = errorOf(await put(s3, body, headers));
    if (typeof error === "string") assert.equal(answer, error, what);
    else assert.match(answer, error, what);
    assert.equal((await s3.send({ method: "GET", target: "/bucket/k" })).status, 404, what);
  }
});

test("C3: aws-chunked: another length than declared is refused with both", async () => {
  const s3 = await bucket();
  for (const [body, provided] of [
    ["4\r\nhell\r\n0\r\n\r\no\r\n", 4],
    ["a\r\nhellohello\r\n0\r\n\r\n", 10],
  ] as const) {
    const { text } = await put(s3, body);
    const counts = `<NumberBytesExpected>5</NumberBytesExpected><NumberBytesProvided>${provided}<`;
    assert.ok(text.includes(counts), text);
  }
  for (const length of ["abc", "12x", ""]) {
    const answer = await put(s3, `${chunk}0\r\n\r\n`, [], length);
    assert.equal(answer.status, 411, length);
  }
});

test("C3: aws-chunked: signed frames and trailers", async () => {
  const outcome = async (tamper: (text: string) => string, hasTrailer = true) => {
    const s3 = await bucket();
    const name = "x-amz-checksum-crc32";
    const trailers: HeaderList = [[name, crc32("hello")]];
    const sent = hasTrailer ? { headers: promise, trailers } : {};
    const answer = await putChunked(s3, {
      mode: "signedWithTrailer",
      body: "hello",
      ...sent,
      tamper,
    });
    return answer.status === 200 ? "OK" : /<Code>(\w+)/.exec(answer.text)?.[1];
  };
  const signature = /;chunk-signature=(\w+)/g;
  assert.equal(await outcome((text) => text.slice(0, -2)), "OK");
  assert.equal(await outcome((text) => text.replace(signature, " ; chunk-signature = $1 ")), "OK");
  assert.equal(await outcome((text) => text.replace(signature, "")), "IncompleteBody");
  assert.equal(
    await outcome((text) => text.replace(signature, ";chunk-signature=")),
    "IncompleteBody",
  );
  assert.equal(
    await outcome((text) => text.replace(signature, ";chunk-signature=invalid")),
    "SignatureDoesNotMatch",
  );
  const noSignature = (text: string) => text.replace(/x-amz-trailer-signature.*\r\n/, "");
  assert.equal(await outcome(noSignature), "IncompleteBody");
  assert.equal(await outcome((text) => text, false), "IncompleteBody");
});

test("aws-chunked: signed frames that are too small are 403, with the count and size AWS names", async () => {
  // test_strm_sgnd_pyld_too_small_chunks: the frame behind the small one is named.
  const s3 = await bucket();
  const answer = await putChunked(s3, {
    mode: "signed",
    body: "x".repeat(1024) + "y".repeat(4096),
    pieceBytes: 1024,
  });
  assert.equal(answer.status, 403);
  assert.match(answer.text, /InvalidChunkSizeError.*<Chunk>2<.*<BadChunkSize>1024</);
});

test("aws-chunked: the name in Content-Encoding means chunks only where there are some", async () => {
  const s3 = await bucket();
  const kept = async (): Promise<string | undefined> => {
    const head = await s3.send({ method: "HEAD", target: "/bucket/k" });
    return head.headers.get("content-encoding");
  };
  for (const [sent, encoding] of [
    ["aws-chunked", undefined],
    ["AWS-Chunked", undefined],
    ["foo, aws-chunked, bar", "foo, bar"],
    ["gzip,Aws-chunked", "gzip"],
    ["gzip", "gzip"],
  ] as const) {
    const answer = await put(s3, `${chunk}0\r\n\r\n`, [["content-encoding", sent]]);
    assert.equal(answer.status, 200);
    assert.equal(await kept(), encoding, sent);
  }
  const plain = { method: "PUT", target: "/bucket/k", body: "hello" };
  await s3.send({ ...plain, headers: [["content-encoding", "aws-chunked"]] });
  assert.equal(await kept(), "aws-chunked");
});
