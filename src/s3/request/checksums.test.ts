import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64 } from "../../base/bytes.ts";
import { type HeaderList, headersByName } from "../../platform/http.ts";
import { S3Error } from "../errors.ts";
import { parseChecksumHeaders, parseTrailingChecksum } from "./checksums.ts";

const crc32 = "gtnkmQ==";
const sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";

function parsed(...headers: HeaderList) {
  return parseChecksumHeaders(headersByName(headers));
}

function refused(parse: () => unknown): S3Error {
  try {
    parse();
  } catch (thrown) {
    assert.ok(thrown instanceof S3Error, String(thrown));
    return thrown;
  }
  assert.fail("expected a refusal");
}

function refusal(...headers: HeaderList) {
  const { code, message } = refused(() => parseChecksumHeaders(headersByName(headers)));
  return `${code}: ${message}`;
}

test("no checksum headers: nothing is declared", () => {
  assert.deepEqual(parsed(["host", "x"], ["x-amz-checksum-mode", "ENABLED"]), {
    md5: undefined,
    checksum: undefined,
    type: undefined,
  });
});

test("a value in a header, as SDKs send it, with its algorithm named again", () => {
  const { checksum } = parsed(
    ["x-amz-sdk-checksum-algorithm", "CRC32"],
    ["x-amz-checksum-crc32", crc32],
  );
  const value = fromBase64(crc32);
  assert.deepEqual(checksum, { kind: "value", algorithm: "crc32", value, parts: undefined });
});

test("a composite value says of how many parts", () => {
  const { checksum, type } = parsed(
    ["x-amz-checksum-sha256", `${sha256}-12`],
    ["x-amz-checksum-type", "COMPOSITE"],
  );
  assert.equal(type, "composite");
  assert.ok(checksum?.kind === "value" && checksum.parts === 12);
});

test("a promise of a trailer, and only an algorithm", () => {
  const trailer = parsed(
    ["x-amz-trailer", "x-amz-checksum-CRC64NVME"],
    ["x-amz-sdk-checksum-algorithm", "CRC64NVME"],
  );
  const header = "x-amz-checksum-crc64nvme";
  assert.deepEqual(trailer.checksum, { kind: "trailer", algorithm: "crc64nvme", header });
  const named = parsed(["x-amz-checksum-algorithm", "SHA1"]);
  assert.deepEqual(named.checksum, { kind: "algorithm", algorithm: "sha1" });
});

test("Content-MD5 is sixteen bytes of base64", () => {
  assert.equal(parsed(["content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="]).md5?.length, 16);
  const invalid = "InvalidDigest: The Content-MD5 you specified was invalid.";
  for (const value of ["", "x", "1B2M2Y8AsgTpgAmY7PhCfg", crc32]) {
    assert.equal(refusal(["content-md5", value]), invalid, value);
  }
});

test("one checksum only", () => {
  const single = "InvalidRequest: Expecting a single x-amz-checksum- header";
  const several = `${single}. Multiple checksum Types are not allowed.`;
  const value = ["x-amz-checksum-crc32", crc32] as const;
  assert.equal(refusal(value, ["x-amz-checksum-sha256", sha256]), several);
  assert.equal(refusal(value, value), several);
  assert.equal(refusal(value, ["x-amz-trailer", "x-amz-checksum-crc32"]), single);
  assert.equal(refusal(["x-amz-trailer", "x-amz-checksum-crc32, x-amz-checksum-sha1"]), several);
});

test("values that are not what the algorithm gives are refused by the header's name", () => {
  for (const value of ["", "bad", crc32, `${sha256}-0`, `${sha256}-1-1`, sha256.slice(1)]) {
    const expected = "InvalidRequest: Value for x-amz-checksum-sha256 header is invalid.";
    assert.equal(refusal(["x-amz-checksum-sha256", value]), expected, value);
  }
  const expected = "InvalidRequest: Value for x-amz-checksum-type header is invalid.";
  assert.equal(refusal(["x-amz-checksum-type", "PARTIAL"]), expected);
});

test("two algorithms that disagree are refused", () => {
  const expected = "InvalidRequest: Value for x-amz-sdk-checksum-algorithm header is invalid.";
  const named = ["x-amz-sdk-checksum-algorithm", "SHA256"] as const;
  assert.equal(refusal(named, ["x-amz-checksum-crc32", crc32]), expected);
  assert.equal(refusal(named, ["x-amz-trailer", "x-amz-checksum-crc32"]), expected);
});

test("every algorithm S3 lists is taken as a value, a promise and a name", () => {
  const digestBytes = { sha512: 64, md5: 16, xxhash64: 8, xxhash3: 8, xxhash128: 16 };
  for (const [algorithm, length] of Object.entries(digestBytes)) {
    const header = `x-amz-checksum-${algorithm}`;
    const value = parsed([header, new Uint8Array(length).toBase64()]).checksum;
    const promise = parsed(["x-amz-trailer", header]).checksum;
    const name = parsed(["x-amz-checksum-algorithm", algorithm.toUpperCase()]).checksum;
    for (const checksum of [value, promise, name]) assert.equal(checksum?.algorithm, algorithm);
    const short = new Uint8Array(length - 1).toBase64();
    const invalid = `InvalidRequest: Value for ${header} header is invalid.`;
    assert.equal(refusal([header, short]), invalid);
  }
});

test("an algorithm that S3 does not list is refused", () => {
  assert.match(refusal(["x-amz-checksum-constructor", crc32]), /^InvalidRequest: The algorithm/);
  assert.equal(
    refusal(["x-amz-sdk-checksum-algorithm", "CRC16"]),
    "InvalidRequest: Checksum algorithm provided is unsupported. Please try again with any of the valid " +
      "types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]",
  );
  assert.match(refusal(["x-amz-trailer", "x-amz-meta-a"]), /^InvalidRequest: The value specified/);
});

test("the trailer holds the promised checksum and nothing else", () => {
  const header = "x-amz-checksum-crc32";
  const declared = { kind: "trailer", algorithm: "crc32", header } as const;
  const read = (...trailers: (readonly [string, string])[]) => {
    return parseTrailingChecksum(declared, new Map(trailers));
  };
  assert.deepEqual(read([header, crc32]), fromBase64(crc32));
  const code = (...trailers: (readonly [string, string])[]) =>
    refused(() => read(...trailers)).code;
  assert.equal(code(), "MalformedTrailerError");
  assert.equal(code([header, crc32], ["x-amz-meta-a", "b"]), "MalformedTrailerError");
  assert.equal(code(["x-amz-checksum-crc32c", crc32]), "MalformedTrailerError");
  assert.equal(code([header, "bad"]), "InvalidRequest");
});
