import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8 } from "../../base/bytes.ts";
import { S3Error } from "../errors.ts";
import { headersByName, requestHead } from "../../platform/http.ts";
import { checkTarget, parseRequestTarget } from "./request-target.ts";

function parse(target: string, host?: string) {
  const headers = host === undefined ? [] : ([["host", host]] as const);
  const head = requestHead("GET", target, headersByName(headers));
  const parsed = parseRequestTarget(head, ["s3.test", "other"]);
  checkTarget(parsed);
  const { kind, bucket, key, query } = parsed;
  return { kind, bucket, key: decodeUtf8(key), query: Object.fromEntries(query) };
}

function place(target: string, host?: string): string {
  const { kind, bucket, key } = parse(target, host);
  return `${kind} ${bucket} ${key}`.trimEnd();
}

function codeOf(target: string): string {
  try {
    parse(target);
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return "none";
}

test("target: in path style the first name is the bucket, with or without a slash behind it", () => {
  assert.equal(place("/"), "service");
  assert.equal(place("/b"), "bucket b");
  assert.equal(place("/b/"), "bucket b");
  assert.equal(place("/b/k", "localhost:9000"), "object b k");
  assert.equal(place("/b/k", "s3.test"), "object b k");
});

test("target: <bucket>.<domain> names the bucket, dots and port and all", () => {
  assert.equal(place("/", "b.s3.test"), "bucket b");
  assert.equal(place("/a/b", "My.Bucket.S3.Test:9000"), "object my.bucket a/b");
  assert.equal(place("//a", "b.other"), "object b /a");
  assert.equal(place("/b/k", "xs3.test"), "object b k");
  // With the dot of the root it is the same host (RFC 3986, section 3.2.2).
  assert.equal(place("/k", "b.s3.test."), "object b k");
  assert.equal(place("/k", "b.s3.test.:443"), "object b k");
});

test("target: keys are decoded once and otherwise left alone", () => {
  assert.equal(parse("/b/a%2Fb").key, "a/b");
  assert.equal(parse("/b/a%252Fb").key, "a%2Fb");
  assert.equal(parse("/b/a+b").key, "a+b");
  assert.equal(parse("/b//").key, "/");
  assert.equal(parse("/b/a/..//.").key, "a/..//.");
  assert.equal(parse("/b/a/").key, "a/");
  assert.equal(parse("/b/%F0%9F%98%80").key, "😀");
});

test("target: ?acl and ?acl= are alike, + is a space, the first of several counts", () => {
  assert.deepEqual(parse("/b?acl").query, parse("/b?acl=").query);
  assert.deepEqual(parse("/b?prefix=a+b%2B&prefix=c&&x").query, { prefix: "a b+", x: "" });
});

test("target: what is not percent-encoded UTF-8 is refused", () => {
  for (const target of ["/b/%zz", "/b/%f", "/b/%ff", "/%ff", "/b?a=%ff", "*", "http://b/k"]) {
    assert.equal(codeOf(target), "InvalidURI", target);
  }
});

test("target: a key that leads out of its bucket is refused, wherever the dots are", () => {
  // AWS answers 400 (CLI against AWS, floci-io/floci#1231 and #1320; versitygw's
  // PutObject_invalid_object_names).
  for (const key of ["..", "../x", "../../etc/passwd", "a/../../b", "a/a/../../../x", "%2e%2e/x"]) {
    assert.equal(codeOf(`/b/${key}`), "BadRequest", key);
  }
  for (const key of [
    ".",
    "./x",
    "a/..",
    "a/../b",
    "...",
    "..a/x",
    "a/b/../../c",
    ".../..",
    "//../x",
  ]) {
    assert.equal(parse(`/b/${key}`).key, key);
  }
});

test("target: a key has at most 1,024 bytes, not characters", () => {
  assert.equal(codeOf(`/b/${"a".repeat(1024)}`), "none");
  assert.equal(codeOf(`/b/${"a".repeat(1025)}`), "KeyTooLongError");
  assert.equal(codeOf(`/b/${"%C3%A9".repeat(512)}`), "none");
  assert.equal(codeOf(`/b/${"%C3%A9".repeat(513)}`), "KeyTooLongError");
});

test("target: a key without a bucket, or a hundred and one parameters, are refused", () => {
  assert.equal(codeOf("//k"), "InvalidBucketName");
  assert.equal(codeOf(`/b?${"a=1&".repeat(100)}`), "InvalidURI");
});
