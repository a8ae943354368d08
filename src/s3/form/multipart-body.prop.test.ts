import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, encodeUtf8 } from "../../base/bytes.ts";
import { plainPieces } from "../../platform/piece-decoder.ts";
import { S3Error } from "../errors.ts";
import { encodeForm } from "../testing/forms.ts";
import { MultipartBody } from "./multipart-body.ts";

const boundary = "b--b";

async function* split(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  const sorted = places.toSorted((a, b) => a - b);
  for (let i = 1; i < sorted.length; i++) yield bytes.subarray(sorted[i - 1], sorted[i]);
}

/** Every part with its content, or the code of the refusal. */
async function parse(pieces: AsyncIterable<Uint8Array>) {
  const body = new MultipartBody(pieces, plainPieces, boundary);
  const parts = [];
  try {
    for (let head = await body.next(); head !== undefined; head = await body.next()) {
      const bytes = await gather(() => body.read());
      parts.push({ name: head.name, filename: head.filename, bytes });
    }
    const epilogue = await gather(() => body.readEpilogue());
    return { parts, epilogue };
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    return error.code;
  }
}

async function gather(read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let piece = await read(); piece !== undefined; piece = await read()) {
    pieces.push(piece.slice());
  }
  return concatBytes(pieces);
}

/** Much of what a boundary looks like, and half of one. */
const tricky = fc.constantFrom(
  "\r",
  "\n",
  "\r\n",
  "--",
  "\r\n--",
  "\r\n--b",
  "\r\n--b-",
  "b--b",
  "x",
  "é",
);
const content = fc
  .array(fc.oneof(tricky, fc.string({ maxLength: 20 })), { maxLength: 20 })
  .map((texts) => texts.join(""))
  .filter((text) => !`\r\n${text}`.includes(`\r\n--${boundary}`))
  .map((text) => encodeUtf8(text));
const name = fc.stringMatching(/^[a-z0-9$ {};=:é-]{0,12}$/);
const filename = fc.option(name, { nil: undefined });
const part = fc.record({ name, filename, bytes: content }, { noNullPrototype: true });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

test("multipart: parts are what was sent, wherever the network cuts the body", async () => {
  const parts = fc.array(part, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(parts, cuts, async (sent, places) => {
      const result = await parse(split(encodeForm(sent, boundary), places));
      assert.deepEqual(result, { parts: sent, epilogue: encodeUtf8("\r\n") });
    }),
    { numRuns: 500 },
  );
});

test("multipart: byte by byte it is the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 2 }), async (sent) => {
      const encoded = encodeForm(sent, boundary);
      const result = await parse(split(encoded, Array.from(encoded.keys())));
      assert.deepEqual(result, { parts: sent, epilogue: encodeUtf8("\r\n") });
    }),
    { numRuns: 50 },
  );
});

test("multipart: a body that ends before its last boundary is refused, wherever it ends", async () => {
  const encoded = encodeForm(
    [
      { name: "a", bytes: encodeUtf8("1") },
      { name: "file", bytes: encodeUtf8("2") },
    ],
    boundary,
  );
  const closed = encoded.length - "\r\n".length;
  for (let end = 0; end < encoded.length; end++) {
    const result = await parse(split(encoded.subarray(0, end), []));
    if (end < closed) assert.equal(result, "MalformedPOSTRequest", `ended at ${end}`);
    else assert.notEqual(typeof result, "string");
  }
});

test("multipart: whatever is sent is parts or refused", async () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 3 }),
      changes,
      cuts,
      async (sent, list, places) => {
        const encoded = encodeForm(sent, boundary);
        for (const [at, byte] of list) encoded[at % encoded.length] = byte;
        const result = await parse(split(encoded, places));
        assert.ok(typeof result !== "string" || result === "MalformedPOSTRequest");
      },
    ),
    { numRuns: 500 },
  );
});
