import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, decodeUtf8 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { encodeFrames } from "./testing/encode-frames.ts";
import { presignRequest, signRequest } from "./sign.ts";
import {
  framedExample,
  framedExampleBytes,
  exampleIdentity,
  exampleTimeMs,
  headerExamples,
  presignedExample,
  trailerExample,
} from "./testing/aws-examples.ts";

const hash = createHash();
const timeMs = exampleTimeMs;

for (const { title, request, contentSha256, signature } of headerExamples) {
  test(`signRequest gives AWS's signature: ${title}`, () => {
    const signed = signRequest(hash, exampleIdentity, request, { timeMs, contentSha256 });
    assert.equal(signed.signing.seedSignature, signature);
    const authorization = signed.headers.find(([name]) => name === "authorization")?.[1];
    assert.ok(authorization?.endsWith(`, Signature=${signature}`));
  });
}

test("presignRequest gives AWS's signature", () => {
  const { request, expiresSeconds, signature } = presignedExample;
  const target = presignRequest(hash, exampleIdentity, request, { timeMs, expiresSeconds });
  assert.equal(
    target,
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
      "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
      `&X-Amz-Signature=${signature}`,
  );
});

const body = new Uint8Array(framedExampleBytes).fill(0x61);
const pieces = [body.subarray(0, 65_536), body.subarray(65_536)];

test("encodeFrames gives AWS's frame signatures", async () => {
  const { request, contentSha256, seedSignature, frameSignatures } = framedExample;
  const { signing } = signRequest(hash, exampleIdentity, request, { timeMs, contentSha256 });
  assert.equal(signing.seedSignature, seedSignature);
  const encoded = concatBytes(await Array.fromAsync(encodeFrames(hash, pieces, { signing })));
  const [a, b, c] = frameSignatures;
  assert.equal(
    decodeUtf8(encoded),
    `10000;chunk-signature=${a}\r\n${"a".repeat(65_536)}\r\n` +
      `400;chunk-signature=${b}\r\n${"a".repeat(1024)}\r\n0;chunk-signature=${c}\r\n\r\n`,
  );
  assert.equal(encoded.length, 66_824, "the content length of AWS's example");
});

test("encodeFrames gives AWS's signatures of frames and trailer", async () => {
  const { request, contentSha256, seedSignature, frameSignatures } = trailerExample;
  const { signing } = signRequest(hash, exampleIdentity, request, { timeMs, contentSha256 });
  assert.equal(signing.seedSignature, seedSignature);
  const trailers = () => new Map([trailerExample.trailer]);
  const encoded = await Array.fromAsync(encodeFrames(hash, pieces, { signing, trailers }));
  const text = decodeUtf8(concatBytes(encoded));
  for (const each of frameSignatures) assert.ok(text.includes(`;chunk-signature=${each}\r\n`));
  const signature = `x-amz-trailer-signature:${trailerExample.trailerSignature}`;
  assert.ok(text.endsWith(`\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n${signature}\r\n\r\n`), "trailer");
});
