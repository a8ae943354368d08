import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64 } from "../base/bytes.ts";
import type { HeaderList } from "../platform/http.ts";
import { parseChecksumHeaders, parseTrailingChecksum } from "./checksum-headers.ts";

const crc32 = "gtnkmQ==";
const sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";

function parsed(...headers: HeaderList) {
  const result = parseChecksumHeaders(headers);
  assert.ok(!("kind" in result), JSON.stringify(result));
  return result;
}

function refusal(...headers: HeaderList) {
  const result = parseChecksumHeaders(headers);
  assert.ok("kind" in result, "expected a refusal");
  return `${result.code}: ${result.message}`;
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
  const invalid = "invalid_digest: The Content-MD5 you specified was invalid.";
  for (const value of ["", "x", "1B2M2Y8AsgTpgAmY7PhCfg", crc32]) {
    assert.equal(refusal(["content-md5", value]), invalid, value);
  }
});

test("one checksum only", () => {
  const single = "invalid_request: Expecting a single x-amz-checksum- header";
  const value = ["x-amz-checksum-crc32", crc32] as const;
  assert.equal(refusal(value, ["x-amz-checksum-sha256", sha256]), single);
  assert.equal(refusal(value, value), single);
  assert.equal(refusal(value, ["x-amz-trailer", "x-amz-checksum-crc32"]), single);
  assert.equal(refusal(["x-amz-trailer", "x-amz-checksum-crc32, x-amz-checksum-sha1"]), single);
});

test("values that are not what the algorithm gives are refused by the header's name", () => {
  for (const value of ["", "bad", crc32, `${sha256}-0`, `${sha256}-1-1`, sha256.slice(1)]) {
    const expected = "invalid_request: Value for x-amz-checksum-sha256 header is invalid.";
    assert.equal(refusal(["x-amz-checksum-sha256", value]), expected, value);
  }
  const expected = "invalid_request: Value for x-amz-checksum-type header is invalid.";
  assert.equal(refusal(["x-amz-checksum-type", "PARTIAL"]), expected);
});

test("two algorithms that disagree are refused", () => {
  const expected = "invalid_request: Value for x-amz-sdk-checksum-algorithm header is invalid.";
  const named = ["x-amz-sdk-checksum-algorithm", "SHA256"] as const;
  assert.equal(refusal(named, ["x-amz-checksum-crc32", crc32]), expected);
  assert.equal(refusal(named, ["x-amz-trailer", "x-amz-checksum-crc32"]), expected);
});

test("algorithms S3 lists but this store lacks are named; others are not S3's", () => {
  const lacking = "not_implemented: Checksums by XXHASH3 are not computed by this store.";
  assert.equal(refusal(["x-amz-checksum-xxhash3", crc32]), lacking);
  assert.equal(refusal(["x-amz-checksum-algorithm", "XXHASH3"]), lacking);
  assert.equal(refusal(["x-amz-trailer", "x-amz-checksum-xxhash3"]), lacking);
  assert.match(refusal(["x-amz-checksum-constructor", crc32]), /^invalid_request: The algorithm/);
  assert.match(refusal(["x-amz-sdk-checksum-algorithm", "CRC16"]), /^invalid_request: Checksum/);
  assert.match(refusal(["x-amz-trailer", "x-amz-meta-a"]), /^invalid_request: The value specified/);
});

test("the trailer holds the promised checksum and nothing else", () => {
  const header = "x-amz-checksum-crc32";
  const declared = { kind: "trailer", algorithm: "crc32", header } as const;
  const read = (...trailers: (readonly [string, string])[]) => {
    const value = parseTrailingChecksum(declared, new Map(trailers));
    return "kind" in value ? value.code : value;
  };
  assert.deepEqual(read([header, crc32]), fromBase64(crc32));
  assert.equal(read(), "malformed_trailer");
  assert.equal(read([header, crc32], ["x-amz-meta-a", "b"]), "malformed_trailer");
  assert.equal(read(["x-amz-checksum-crc32c", crc32]), "malformed_trailer");
  assert.equal(read([header, "bad"]), "invalid_request");
});
