import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import { isBucketName } from "./request-target.ts";
import {
  parseDeleteCondition,
  parseRange,
  parseReadConditions,
  parseWriteCondition,
} from "./condition-headers.ts";
import { decodeHeaderText, encodeHeaderText } from "./text-encoding.ts";
import { S3Error } from "../errors.ts";
import { headersByName } from "../../platform/http.ts";
import { formatIsoDate } from "../response/listing.ts";
import { parseObjectAttributes } from "./object-attributes.ts";
import { parseTaggingHeader } from "./tagging.ts";
import { refuseUnsupportedHeaders } from "./header-rules.ts";

const principal = { owner: "o", account: "a", name: "root", root: true };

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return "none";
}

function headers(entries: Record<string, string>) {
  return headersByName(Object.entries(entries));
}

test("dates: in XML without milliseconds", () => {
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(formatIsoDate(ms + 999), "1994-11-06T08:49:37.000Z");
});

test("ranges: one range of bytes, else none", () => {
  assert.deepEqual(parseRange("bytes=1-2"), { kind: "from", first: 1, last: 2 });
  assert.deepEqual(parseRange("bytes=1-"), { kind: "from", first: 1 });
  assert.deepEqual(parseRange("bytes=-15"), { kind: "suffix", length: 15 });
  for (const text of ["bytes=1-0", "bytes=--1-", "bytes=0-1,3-4", "items=0-1", "bytes=-", "0-1"]) {
    assert.equal(parseRange(text), undefined, text);
  }
  const last = Number.MAX_SAFE_INTEGER;
  assert.deepEqual(parseRange(`bytes=0-${"9".repeat(400)}`), { kind: "from", first: 0, last });
});

test("conditions: ETags with and without quotes, in lists, weak or not", () => {
  const { ifMatch, ifNoneMatch } = parseReadConditions(
    headers({ "if-match": '"a", b ,W/"c"', "if-none-match": "*" }),
    "",
  );
  assert.deepEqual(ifMatch, ["a", "b", "c"]);
  assert.deepEqual(ifNoneMatch, ["*"]);
});

test("conditions: a date that can't be read is refused, never the same as none", () => {
  for (const prefix of ["", "x-amz-copy-source-"]) {
    for (const name of ["if-modified-since", "if-unmodified-since"]) {
      for (const [value, ms] of [
        ["Sun, 06 Nov 1994 00:49:37 PST", Date.UTC(1994, 10, 6, 8, 49, 37)],
        ["Sun, 06 Nov 1994 08:49:37 UTC", Date.UTC(1994, 10, 6, 8, 49, 37)],
      ] as const) {
        const read = parseReadConditions(headers({ [`${prefix}${name}`]: value }), prefix);
        assert.ok(read.ifModifiedSinceMs === ms || read.ifUnmodifiedSinceMs === ms);
      }
      for (const value of ["", "yesterday", "Sun, 06 Nov 1994 08:49:37 XYZ", "784111777"]) {
        const sent = headers({ [`${prefix}${name}`]: value });
        assert.equal(
          codeOf(() => parseReadConditions(sent, prefix)),
          "InvalidArgument",
        );
      }
    }
  }
});

test("conditions: a write takes the three cases of S3 and refuses the others", () => {
  const write = (entries: Record<string, string>) => parseWriteCondition(headers(entries));
  assert.deepEqual(write({}), { kind: "always" });
  assert.deepEqual(write({ "if-none-match": "*" }), { kind: "ifAbsent" });
  assert.deepEqual(write({ "if-match": '"a"' }), { kind: "ifMatch", etag: "a" });
  assert.equal(
    codeOf(() => write({ "if-match": '"a","b"' })),
    "InvalidRequest",
  );
  assert.equal(
    codeOf(() => write({ "if-match": "*" })),
    "NotImplemented",
  );
  assert.equal(
    codeOf(() => write({ "if-unmodified-since": "now" })),
    "NotImplemented",
  );
  const deletion = parseDeleteCondition(headers({ "if-match": "*" }));
  assert.deepEqual(deletion, { kind: "ifMatch", etag: "*" });
});

test("bucket names: S3's rules", () => {
  for (const name of ["abc", "a.b-c", "1a2", "a".repeat(63)]) assert.ok(isBucketName(name), name);
  const bad = [
    "ab",
    "a".repeat(64),
    "Abc",
    "a_b",
    "-ab",
    "ab-",
    "a..b",
    "10.0.0.1",
    "xn--a",
    "a-s3alias",
  ];
  for (const name of [...bad, "a/b", "", "a\n", "aa\u0000"]) assert.ok(!isBucketName(name), name);
});

test("metadata: UTF-8 bytes and encoded words come in, encoded words go out", () => {
  assert.equal(decodeHeaderText("caf\u00c3\u00a9"), "café");
  assert.equal(decodeHeaderText("caf\u00e9"), "caf\u00e9");
  assert.equal(decodeHeaderText("=?UTF-8?B?Y2Fmw6k=?="), "café");
  assert.equal(decodeHeaderText("=?utf-8?q?a_b=C3=A9?= =?UTF-8?Q?c?= d"), "a béc d");
  assert.equal(decodeHeaderText("=?UTF-8?B?###?="), "=?UTF-8?B?###?=");
  assert.equal(encodeHeaderText("plain text"), "plain text");
  for (const text of ["café", "a\r\nb: c", "日本"]) {
    const header = encodeHeaderText(text);
    assert.match(header, /^[\x20-\x7e]*$/);
    assert.equal(decodeHeaderText(header), text);
  }
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json, test_user_metadata_rfc2047_encoded. Long
// text comes in several words, each half of a half: aws-amplify/aws-sdk-ios#241.
test("metadata: comes back as AWS encodes it, ASCII as it was", () => {
  const encoded = (text: string) => encodeHeaderText(decodeHeaderText(text));
  const bytesOf = (text: string) =>
    Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join("");
  for (const [sent, shown] of [
    [
      bytesOf("test_—_file%E2%80%94_é_2?.pdf"),
      "=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=3F.pdf?=",
    ],
    [bytesOf("ÄMÄZÕÑ S3"), "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?="],
    ["\u0000\u0001\u0002\u0003", "=?UTF-8?B?AAECAw==?="],
    [bytesOf("\ufffd".repeat(7)), "=?UTF-8?B?77+977+977+977+977+977+977+9?="],
    ["=?UTF-8?Q?actually-ascii?=", "actually-ascii"],
    ["=?UTF-8?B?YWJj?=", "abc"],
    [`!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~ \t`, `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~ \t`],
    ["a\tb", "a\tb"],
    // What only looks like an encoded word.
    ["=?x?=", "=?x?="],
    ["=?UTF-16?Q?x?=", "=?UTF-16?Q?x?="],
    ["=?UTF-8?X?x?= =?", "=?UTF-8?X?x?= =?"],
    // Bytes and words in one value.
    [`${bytesOf("é")} and =?UTF-8?Q?=C3=A9?=`, "=?UTF-8?Q?=C3=A9_and_=C3=A9?="],
  ] as const) {
    assert.equal(encoded(sent), shown);
    assert.equal(encoded(shown), shown);
  }
  for (const text of ["“quoted” ".repeat(20), "日本".repeat(40), "😀".repeat(30)]) {
    const words = encodeHeaderText(text).split(" ");
    assert.ok(words.length > 1 && words.every((word) => word.length <= 75));
    assert.equal(decodeHeaderText(words.join(" ")), text);
  }
});

test("metadata: names and values together have at most 2 KiB", () => {
  const fits = headers({ "x-amz-meta-a": "x".repeat(2047) });
  assert.deepEqual(parseObjectAttributes(fits, principal).metadata[0]?.[0], "a");
  const over = headers({ "x-amz-meta-a": "x".repeat(2048) });
  assert.equal(
    codeOf(() => parseObjectAttributes(over, principal)),
    "MetadataTooLarge",
  );
});

test("content headers: kept verbatim, aws-chunked left out of a body that came so", () => {
  const read = (encoding: string) =>
    parseObjectAttributes(headers({ "content-encoding": encoding }), principal, true).headers;
  assert.deepEqual(read("aws-chunked"), []);
  assert.deepEqual(read("gzip, aws-chunked"), [["content-encoding", "gzip"]]);
  assert.deepEqual(read("gzip,br"), [["content-encoding", "gzip,br"]]);
});

test("tags: read as a form, ten at most, each key once", () => {
  assert.deepEqual(parseTaggingHeader("a=1%202&b=&c+d=e"), [
    ["a", "1 2"],
    ["b", ""],
    ["c d", "e"],
  ]);
  const eleven = Array.from({ length: 11 }, (_, i) => `k${i}=1`).join("&");
  assert.equal(
    codeOf(() => parseTaggingHeader(eleven)),
    "BadRequest",
  );
  for (const header of ["aws:a=1", `${"k".repeat(129)}=1`, `a=${"v".repeat(257)}`]) {
    assert.equal(
      codeOf(() => parseTaggingHeader(header)),
      "InvalidTag",
      header,
    );
  }
  for (const header of ["=1", "a=%ff", "a=1&a=2", "a=1,b=2"]) {
    assert.equal(
      codeOf(() => parseTaggingHeader(header)),
      "InvalidArgument",
      header,
    );
  }
});

test("headers of what is not built are refused, those that change nothing are not", () => {
  const refused = (name: string, value: string) =>
    codeOf(() => refuseUnsupportedHeaders(headers({ [name]: value })));
  for (const [name, value] of [
    ["x-amz-server-side-encryption", "AES256"],
    ["x-amz-server-side-encryption-customer-key", "k"],
    ["x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256"],
    ["x-amz-object-lock-mode", "COMPLIANCE"],
    ["x-amz-object-lock-legal-hold", "ON"],
    ["x-amz-grant-read", "id=1"],
    ["x-amz-acl", "public-read"],
    ["x-amz-website-redirect-location", "/"],
    ["x-amz-write-offset-bytes", "5"],
    ["x-amz-bucket-object-lock-enabled", "true"],
    ["x-amz-object-ownership", "ObjectWriter"],
  ] as const) {
    assert.equal(refused(name, value), "NotImplemented", name);
  }
  for (const [name, value] of [
    ["x-amz-acl", "private"],
    ["x-amz-acl", "bucket-owner-full-control"],
    ["x-amz-bucket-object-lock-enabled", "false"],
    ["x-amz-request-payer", "requester"],
    ["x-amz-meta-x-amz-object-lock-mode", "1"],
  ] as const) {
    assert.equal(refused(name, value), "none", name);
  }
});
