import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { percentEncode } from "./canonical-request.ts";
import { createDecoder } from "./decode-payload.ts";
import { decodePieces } from "./testing/decode-pieces.ts";
import { encodeFrames } from "./testing/encode-frames.ts";
import { type FramedPayload } from "./payload.ts";
import { BodyFault } from "../platform/body-fault.ts";
import { type SignedRequest, presignRequest } from "./sign.ts";
import type { FrameSigning } from "./signature-v4.ts";
import {
  exampleHost,
  exampleIdentity,
  exampleTimeMs,
  exampleVerifier,
  signedExample,
} from "./testing/aws-examples.ts";
import { isRefusal } from "../base/refusal.ts";

const hash = createHash();
const verifier = exampleVerifier(hash);

/** Bytes, one character each: what HTTP can carry, escaped or not. */
const bytesText = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((b) => String.fromCharCode(b)),
});
const printable = fc.string({ unit: "grapheme-ascii" });

const path = fc
  .array(
    fc.oneof(bytesText.map(percentEncode), fc.constantFrom("/", "..", ".", "+", "!", "*", "'")),
  )
  .map((parts) => `/${parts.join("/")}`);

const query = fc
  .array(fc.tuple(bytesText.map(percentEncode), fc.option(printable.map(percentEncode))))
  .map((pairs) => pairs.map(([name, value]) => (value === null ? name : `${name}=${value}`)))
  // An empty name is no parameter to some, and one to others; names of Signature V4's own mean
  // themselves.
  .map((pairs) => pairs.filter((pair) => !/^(=|$|X-Amz-|AWSAccessKeyId)/.test(pair)).join("&"));

const request: fc.Arbitrary<SignedRequest> = fc.record({
  method: fc.constantFrom("GET", "PUT", "HEAD", "DELETE", "POST"),
  target: fc.tuple(path, query).map(([p, q]) => (q === "" ? p : `${p}?${q}`)),
  headers: fc
    .array(fc.tuple(fc.constantFrom("x-amz-meta-a", "range", "x-amz-meta-b"), printable))
    .map((headers) => [["host", exampleHost] as const, ...headers]),
});

test("whatever was signed is verified, in the header and in the query", async () => {
  await fc.assert(
    fc.asyncProperty(request, async (each) => {
      const signed = await verifier.verify(signedExample(hash, each, "UNSIGNED-PAYLOAD"));
      assert.ok(!isRefusal(signed), JSON.stringify(signed));
      const options = { timeMs: exampleTimeMs, expiresSeconds: 60 };
      const target = presignRequest(hash, exampleIdentity, each, options);
      assert.ok(!isRefusal(await verifier.verify({ ...each, target })));
    }),
  );
});

test("a signature serves one request only: another target, method or header is refused", async () => {
  await fc.assert(
    fc.asyncProperty(request, request, async (one, other) => {
      const signed = signedExample(hash, one, "UNSIGNED-PAYLOAD");
      const different = signedExample(hash, other, "UNSIGNED-PAYLOAD");
      const authorization = (of: SignedRequest) =>
        of.headers.find(([name]) => name === "authorization");
      fc.pre(String(authorization(signed)) !== String(authorization(different)));
      const headers = different.headers.filter(([name]) => name !== "authorization");
      const stolen = [...headers, authorization(signed) ?? ["authorization", ""]] as const;
      const result = await verifier.verify({ ...different, headers: stolen });
      assert.ok(isRefusal(result));
    }),
  );
});

test("whatever is sent, the verifier answers", async () => {
  const header = fc.tuple(
    fc.constantFrom("authorization", "x-amz-date", "date", "x-amz-content-sha256", "host"),
    fc.oneof(
      bytesText,
      printable.map((text) => `AWS4-HMAC-SHA256 Credential=${text},Signature=`),
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(header), bytesText, async (headers, target) => {
      await verifier.verify({
        method: "GET",
        target: `/${target}?X-Amz-Signature=${target}`,
        headers,
      });
      await verifier.verify({ method: "GET", target: `/${target}`, headers });
    }),
  );
});

const signing: FrameSigning = {
  key: new Uint8Array(32).fill(7),
  timestamp: "20130524T000000Z",
  scope: "20130524/us-east-1/s3/aws4_request",
  seedSignature: "ab".repeat(32),
};

const body = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 });
const framing = fc.record({
  signing: fc.constantFrom(undefined, signing),
  trailer: fc.boolean(),
});

async function encode(
  pieces: readonly Uint8Array[],
  { signing, trailer }: { signing: FrameSigning | undefined; trailer: boolean },
) {
  // Signed frames but the last are at least 8 KiB: the pieces become one.
  const frames = signing === undefined ? pieces : [concatBytes(pieces)];
  const trailers = trailer ? () => new Map([["x-amz-checksum-crc32", "gtnkmQ=="]]) : undefined;
  const encoded = await Array.fromAsync(encodeFrames(hash, frames, { signing, trailers }));
  const decodedBytes = concatBytes(pieces).length;
  const mode: FramedPayload = { kind: "framed", signing, trailer, decodedBytes };
  return { mode, encoded: concatBytes(encoded) };
}

async function decode(mode: FramedPayload, pieces: readonly Uint8Array[]) {
  const stream = (async function* () {
    yield* pieces;
  })();
  const decoder = createDecoder(hash, mode);
  const parts = await Array.fromAsync(decodePieces(decoder, stream));
  return { body: concatBytes(parts), trailers: decoder.trailers };
}

test("frames decode to what was encoded, wherever the network cuts them", async () => {
  await fc.assert(
    fc.asyncProperty(body, framing, async (pieces, options) => {
      const { mode, encoded } = await encode(pieces, options);
      for (let at = 0; at <= encoded.length; at++) {
        const decoded = await decode(mode, [encoded.subarray(0, at), encoded.subarray(at)]);
        assert.deepEqual(decoded.body, concatBytes(pieces));
        assert.equal(decoded.trailers.size, options.trailer ? 1 : 0);
      }
      const bytes = Array.from(encoded, (byte) => Uint8Array.of(byte));
      assert.deepEqual((await decode(mode, bytes)).body, concatBytes(pieces));
    }),
    { numRuns: 20 },
  );
});

test("signed frames: no byte can be changed, added or taken away unseen", async () => {
  const change = fc.constantFrom("flip", "insert", "remove");
  const options = fc.record({ signing: fc.constant(signing), trailer: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(body, options, change, fc.nat(), async (pieces, each, how, where) => {
      const { mode, encoded } = await encode(pieces, each);
      const at = where % encoded.length;
      const before = encoded.subarray(0, at);
      const after = encoded.subarray(how === "insert" ? at : at + 1);
      const between = how === "remove" ? [] : [Uint8Array.of(encoded[at]! ^ 1)];
      const tampered = concatBytes([before, ...between, after]);
      const result = await decode(mode, [tampered]).catch((thrown: unknown) => thrown);
      if (result instanceof BodyFault) return;
      // White space around a size or a trailer's value means nothing; all else would be a hole.
      assert.ok(!(result instanceof Error), String(result));
      const decoded = result as Awaited<ReturnType<typeof decode>>;
      assert.deepEqual(decoded.body, concatBytes(pieces));
      assert.deepEqual([...decoded.trailers.values()], each.trailer ? ["gtnkmQ=="] : []);
    }),
    { numRuns: 300 },
  );
});

test("hostile framing ends in a BodyFault or in exactly the declared bytes", async () => {
  const token = fc.constantFrom(
    "0",
    "5",
    "a",
    "\r\n",
    "\r",
    "\n",
    ";",
    ":",
    "hello",
    "chunk-signature=",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(token), fc.nat(20), framing, async (tokens, decodedBytes, each) => {
      const mode: FramedPayload = { kind: "framed", ...each, decodedBytes };
      const pieces = tokens.map((text) => new TextEncoder().encode(text));
      const result = await decode(mode, pieces).catch((thrown: unknown) => thrown);
      if (result instanceof BodyFault) return;
      assert.ok(!(result instanceof Error), String(result));
      assert.equal((result as Awaited<ReturnType<typeof decode>>).body.length, decodedBytes);
    }),
    { numRuns: 500 },
  );
});
