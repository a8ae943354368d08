import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, encodeUtf8, toHex } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { createDecoder } from "./decode-payload.ts";
import { decodePieces } from "./testing/decode-pieces.ts";
import { encodeFrames } from "./testing/encode-frames.ts";
import { type FramedPayload, type PayloadMode } from "./payload.ts";
import { BodyFault, type BodyFaultCode } from "../platform/body-fault.ts";
import {
  framedExample,
  framedExampleBytes,
  exampleIdentity,
  exampleTimeMs,
  trailerExample,
} from "./testing/aws-examples.ts";
import { signRequest } from "./sign.ts";

const hash = createHash();

/** What came out before the end or the error, and which of them it was. */
async function decode(mode: PayloadMode, pieces: readonly Uint8Array[]) {
  const decoder = createDecoder(hash, mode);
  const parts: Uint8Array[] = [];
  let failure: BodyFaultCode | undefined;
  try {
    for await (const part of decodePieces(decoder, streamOf(pieces))) parts.push(part);
  } catch (thrown) {
    assert.ok(thrown instanceof BodyFault, String(thrown));
    failure = thrown.code;
  }
  return { body: concatBytes(parts), trailers: decoder.trailers, failure };
}

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece;
}

/** Framing by hand: unsigned frames with a trailer, `decodedBytes` as declared. */
async function decodeText(decodedBytes: number, text: string, trailer = true) {
  const mode: FramedPayload = { kind: "framed", signing: undefined, trailer, decodedBytes };
  return await decode(mode, [encodeUtf8(text)]);
}

const examples = [framedExample, trailerExample] as const;
const exampleBody = new Uint8Array(framedExampleBytes).fill(0x61);

async function encodedExample(example: (typeof examples)[number]) {
  const { signing } = signRequest(hash, exampleIdentity, example.request, {
    timeMs: exampleTimeMs,
    contentSha256: example.contentSha256,
  });
  const trailer = example === trailerExample;
  const decodedBytes = framedExampleBytes;
  const mode: FramedPayload = { kind: "framed", signing, trailer, decodedBytes };
  const trailers = trailer ? () => new Map([trailerExample.trailer]) : undefined;
  const pieces = [exampleBody.subarray(0, 65_536), exampleBody.subarray(65_536)];
  const encoded = await Array.fromAsync(encodeFrames(hash, pieces, { signing, trailers }));
  return { mode, encoded: concatBytes(encoded) };
}

for (const example of examples) {
  test(`AWS's example of ${example.contentSha256} is decoded`, async () => {
    const { mode, encoded } = await encodedExample(example);
    const { body, trailers, failure } = await decode(mode, [encoded]);
    assert.equal(failure, undefined);
    assert.deepEqual(body, exampleBody);
    const expected = example === trailerExample ? [trailerExample.trailer] : [];
    assert.deepEqual([...trailers], expected);
  });

  test(`${example.contentSha256}: any flipped bit of the framing or the trailer is found`, async () => {
    const { mode, encoded } = await encodedExample(example);
    const framing = [0, 6, 30, 85, 70_000 - 4_300, encoded.length - 90, encoded.length - 5];
    for (const at of framing) {
      const tampered = encoded.slice();
      tampered[at]! ^= 1;
      const { failure } = await decode(mode, [tampered]);
      assert.ok(failure !== undefined, `byte ${at}`);
    }
  });

  test(`${example.contentSha256}: a body that ends early is incomplete, wherever it ends`, async () => {
    const { mode, encoded } = await encodedExample(example);
    const ends = [0, 1, 50, 86, 87, 1000, 65_622, 65_624, encoded.length - 100, encoded.length - 3];
    for (const end of ends) {
      const { failure } = await decode(mode, [encoded.subarray(0, end)]);
      assert.equal(failure, "incomplete", `ended at ${end}`);
    }
  });

  test(`${example.contentSha256}: another request's seed signature is refused`, async () => {
    const { mode, encoded } = await encodedExample(example);
    assert.ok(mode.signing);
    const signing = { ...mode.signing, seedSignature: "0".repeat(64) };
    const { failure } = await decode({ ...mode, signing }, [encoded]);
    assert.equal(failure, "signature_mismatch");
  });
}

test("frames can't change places", async () => {
  const { mode } = await encodedExample(framedExample);
  const { signing } = mode;
  const pieces = [new Uint8Array(8192).fill(1), new Uint8Array(8192).fill(2)];
  const encoded = await Array.fromAsync(encodeFrames(hash, pieces, { signing }));
  const ordered = { ...mode, decodedBytes: 2 * 8192 };
  assert.equal((await decode(ordered, encoded)).failure, undefined);
  const swapped = [...encoded.slice(3, 6), ...encoded.slice(0, 3), ...encoded.slice(6)];
  assert.equal((await decode(ordered, swapped)).failure, "signature_mismatch");
});

test("signed frames below S3's minimum are refused, unless they are the last", async () => {
  const { mode } = await encodedExample(framedExample);
  const { signing } = mode;
  const encode = async (...sizes: number[]) => {
    const pieces = sizes.map((size) => exampleBody.subarray(0, size));
    const encoded = await Array.fromAsync(encodeFrames(hash, pieces, { signing }));
    const decodedBytes = sizes.reduce((sum, size) => sum + size, 0);
    return (await decode({ ...mode, decodedBytes }, encoded)).failure;
  };
  assert.equal(await encode(8191, 8192), "frame_size");
  assert.equal(await encode(8192, 8191), undefined);
  assert.equal(await encode(1), undefined);
  assert.equal(await encode(), undefined);
});

test("the body the JavaScript SDK sends, frames of any size and all", async () => {
  const text = "c\r\nhello stream\r\n0\r\nx-amz-checksum-crc32:gtnkmQ==\r\n\r\n";
  const { body, trailers, failure } = await decodeText(12, text);
  assert.equal(failure, undefined);
  assert.deepEqual(body, encodeUtf8("hello stream"));
  assert.deepEqual([...trailers], [["x-amz-checksum-crc32", "gtnkmQ=="]]);
});

test("the payload is not copied: what comes out are views of what went in", async () => {
  const piece = encodeUtf8("c\r\nhello stream\r\n0\r\n\r\n");
  const mode: FramedPayload = {
    kind: "framed",
    signing: undefined,
    trailer: true,
    decodedBytes: 12,
  };
  const parts = createDecoder(hash, mode).push(piece);
  assert.deepEqual(
    parts.map((part) => part.buffer),
    [piece.buffer],
  );
});

test("sizes in either case, extensions and spaces are read as HTTP's are", async () => {
  const text = "0A;other=1\r\n0123456789\r\n0 ; x\r\n\r\n";
  assert.equal((await decodeText(10, text)).failure, undefined);
});

test("framing that is not aws-chunked is refused", async () => {
  const cases: readonly (readonly [string, BodyFaultCode])[] = [
    ["hello", "incomplete"],
    ["hello\r\n", "framing"],
    ["-1\r\n\r\n", "framing"],
    ["\r\n", "framing"],
    ["0x5\r\nhello\r\n0\r\n\r\n", "framing"],
    ["fffffffffffffff\r\n", "framing"],
    ["1fffffffffffff\r\n", "framing"],
    ["5\r\nhello0\r\n\r\n", "framing"],
    ["5\r\nhello\n\n0\r\n\r\n", "framing"],
    ["6\r\nhello!\r\n0\r\n\r\n", "length"],
    ["4\r\nhell\r\n0\r\n\r\n", "length"],
    ["5\r\nhello\r\n0\r\n\r", "incomplete"],
    [`5;${"x".repeat(300)}\r\nhello\r\n0\r\n\r\n`, "framing"],
    ["5".repeat(300), "framing"],
    ["5;\r\nhello\r\n0\r\n\r\n", "framing"],
    ["5 ;; chunk-signature=a\r\nhello\r\n0\r\n\r\n", "framing"],
    ["5;chunk-signature=\r\nhello\r\n0\r\n\r\n", "framing"],
  ];
  for (const [text, code] of cases) {
    assert.equal((await decodeText(5, text)).failure, code, JSON.stringify(text));
  }
});

test("a trailer must be announced, well-formed and short", async () => {
  const cases: readonly (readonly [string, BodyFaultCode | undefined])[] = [
    ["", undefined],
    ["a:b\r\nc:d\r\n", undefined],
    ["a:b\n\r\n", undefined],
    ["a\r\n", "trailer"],
    [":b\r\n", "trailer"],
    ["a b:c\r\n", "trailer"],
    ["a:b\r\nA:c\r\n", undefined],
    [`a:${"b".repeat(5000)}\r\n`, "trailer"],
    [Array.from({ length: 1000 }, (_, i) => `a${i}:b\r\n`).join(""), "trailer"],
  ];
  for (const [lines, code] of cases) {
    const { failure, trailers } = await decodeText(0, `0\r\n${lines}\r\n`);
    assert.equal(failure, code, JSON.stringify(lines.slice(0, 20)));
    assert.equal(trailers.size > 0, code === undefined && lines !== "");
  }
  assert.equal((await decodeText(0, "0\r\na:b\r\n\r\n", false)).failure, "framing");
});

test("a signed trailer needs its signature, and frames theirs", async () => {
  const { mode, encoded } = await encodedExample(trailerExample);
  const text = new TextDecoder().decode(encoded);
  const unsigned = text.replace(/x-amz-trailer-signature:\w+\r\n/, "");
  assert.equal((await decode(mode, [encodeUtf8(unsigned)])).failure, "incomplete");
  const frameless = text.replace(/;chunk-signature=\w+/, "");
  assert.equal((await decode(mode, [encodeUtf8(frameless)])).failure, "framing");
});

test("a signed digest is compared with the body's, and the error has both", async () => {
  const body = encodeUtf8("Welcome to Amazon S3.");
  const sha256 = hash.digest("sha256", body);
  const declared = toHex(sha256).toUpperCase();
  assert.equal((await decode({ kind: "signed", declared, sha256 }, [body])).failure, undefined);
  const none = { kind: "signed", declared: "none", sha256: undefined } as const;
  assert.equal((await decode(none, [body])).failure, "sha256_mismatch");
  const other = streamOf([encodeUtf8("Welcome.")]);
  const decoder = createDecoder(hash, { kind: "signed", declared, sha256 });
  await assert.rejects(Array.fromAsync(decodePieces(decoder, other)), {
    code: "sha256_mismatch",
    quoted: {
      kind: "sha256",
      declared: "44CE7DD67C959E0D3524FFAC1771DFBBA87D2B6B4B4E99E42034A8B803F8B072",
      computed: "3fc2118d352cbb01db0d8b015d9df5926e416c4b75379601277187da80329c6b",
    },
  });
});
