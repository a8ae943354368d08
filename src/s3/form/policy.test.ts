import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64 } from "../../base/bytes.ts";
import { S3Error } from "../errors.ts";
import { checkNotAbove, checkNotBelow, checkPolicy, parsePolicy } from "./policy.ts";

const nowMs = Date.UTC(2026, 0, 1);
const expiration = "2026-01-01T00:00:01Z";

function encode(document: unknown): string {
  return toBase64(encodeUtf8(typeof document === "string" ? document : JSON.stringify(document)));
}

/** What S3 answers to a form of these fields under these conditions; "" where it is allowed. */
function judge(conditions: readonly unknown[], fields: Readonly<Record<string, string>>): string {
  const entries = Object.entries(fields).map(([name, value]) => {
    return [name.toLowerCase(), { name, value }] as const;
  });
  return failureOf(() => {
    const policy = parsePolicy(
      encode({ expiration, conditions: [{ bucket: "b" }, ...conditions] }),
    );
    checkPolicy(policy, { fields: new Map(entries), bucket: "b", nowMs });
  });
}

function failureOf(work: () => void): string {
  try {
    work();
    return "";
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    return `${error.code} ${error.message}`;
  }
}

const failed = "AccessDenied Invalid according to Policy: Policy Condition failed: ";

test("policy: a value must be the one, or begin as the policy says; names in any case", () => {
  assert.equal(judge([{ Key: "a" }], { kEy: "a" }), "");
  assert.equal(judge([["EQ", "$KEY", "a"]], { key: "a" }), "");
  assert.equal(judge([{ key: "a" }], { key: "A" }), `${failed}["eq", "$key", "a"]`);
  assert.equal(judge([["Starts-With", "$key", "a/"]], { key: "a/b" }), "");
  const prefix = ["starts-with", "$Key", 'a"/'];
  assert.equal(judge([prefix], { key: "b" }), `${failed}["starts-with", "$Key", "a\\"/"]`);
  assert.equal(judge([["starts-with", "$key", ""]], { key: "anything" }), "");
  assert.equal(judge([["eq", "key", "a"]], { key: "a" }), `${failed}["eq", "key", "a"]`);
});

test("policy: every condition must hold, also of a field that the form lacks", () => {
  const conditions = [
    ["starts-with", "$key", "a"],
    ["starts-with", "$key", "ab"],
  ];
  assert.equal(judge(conditions, { key: "abc" }), "");
  assert.match(
    judge(conditions, { key: "ac" }),
    /Condition failed: \["starts-with", "\$key", "ab"\]/,
  );
  const absent = [{ key: "a" }, ["starts-with", "$Content-Type", ""]];
  assert.equal(judge(absent, { key: "a" }), `${failed}["starts-with", "$Content-Type", ""]`);
});

test("policy: a Content-Type that is a list must be allowed in all its members", () => {
  const images = [["starts-with", "$Content-Type", "image/"]];
  assert.equal(judge(images, { "Content-Type": "image/jpg, image/png,image/gif" }), "");
  assert.match(judge(images, { "Content-Type": "image/jpg,text/plain" }), /Condition failed/);
  const others = [["starts-with", "$x-amz-meta-a", "image/"]];
  assert.equal(judge(others, { "x-amz-meta-a": "image/jpg,text/plain" }), "");
});

test("policy: every field must be named, but for those that sign, are ignored or only check", () => {
  const extra = "AccessDenied Invalid according to Policy: Extra input fields: ";
  assert.equal(judge([], { Filename: "a" }), `${extra}Filename`);
  const free = ["policy", "x-amz-signature", "AWSAccessKeyId", "signature", "x-ignore-a"];
  for (const name of [...free, "x-amz-checksum-sha256"])
    assert.equal(judge([], { [name]: "v" }), "");
  const unnamed = parsePolicy(encode({ expiration, conditions: [] }));
  const subject = { fields: new Map(), bucket: "b", nowMs };
  assert.equal(
    failureOf(() => checkPolicy(unnamed, subject)),
    `${extra}bucket`,
  );
});

test("policy: the bucket is the request's, whatever a field says", () => {
  const policy = parsePolicy(encode({ expiration, conditions: [{ bucket: "b" }] }));
  const fields = new Map([["bucket", { name: "bucket", value: "b" }]]);
  assert.equal(
    failureOf(() => checkPolicy(policy, { fields, bucket: "b", nowMs })),
    "",
  );
  const elsewhere = failureOf(() => checkPolicy(policy, { fields, bucket: "other", nowMs }));
  assert.equal(elsewhere, `${failed}["eq", "$bucket", "b"]`);
});

test("policy: it holds up to its last moment", () => {
  const policy = parsePolicy(encode({ expiration, conditions: [{ bucket: "b" }] }));
  const at = (time: number) =>
    failureOf(() => checkPolicy(policy, { fields: new Map(), bucket: "b", nowMs: time }));
  assert.equal(at(nowMs + 1000), "");
  assert.equal(at(nowMs + 1001), "AccessDenied Invalid according to Policy: Policy expired.");
});

test("policy: sizes are bounded on both sides, the bounds included", () => {
  for (const range of [
    [5, 10],
    ["5", "10"],
  ]) {
    const condition = ["content-length-range", ...range];
    const policy = parsePolicy(encode({ expiration, conditions: [condition] }));
    for (const size of [5, 10]) {
      checkNotAbove(policy, size);
      checkNotBelow(policy, size);
    }
    const above = { code: "EntityTooLarge", details: { ProposedSize: 12, MaxSizeAllowed: 10 } };
    assert.throws(() => checkNotAbove(policy, 12), above);
    const below = { code: "EntityTooSmall", details: { ProposedSize: 4, MinSizeAllowed: 5 } };
    assert.throws(() => checkNotBelow(policy, 4), below);
  }
  assert.equal(
    judge([["content-length-range", "test", "10"]], {}),
    `${failed}["content-length-range", "test", "10"]`,
  );
});

test("policy: a document that cannot be read is refused with the reason", () => {
  const problem = (document: unknown) => {
    const failure = failureOf(() => parsePolicy(encode(document)));
    assert.match(failure, /^InvalidPolicyDocument Invalid Policy: /, JSON.stringify(document));
    return failure.slice("InvalidPolicyDocument Invalid Policy: ".length);
  };
  const conditions: readonly unknown[] = [];
  for (const text of ["{", "null", "[]", "1", '{"a": 1,}', `{'a': 1}`, "é".slice(1)]) {
    if (text !== "") assert.equal(problem(text), "Invalid JSON.");
  }
  assert.equal(problem(" "), "Invalid JSON.");
  assert.equal(problem({ conditions }), "Policy missing expiration.");
  assert.equal(problem({ expiration }), "Policy missing conditions.");
  assert.equal(problem({ EXPIRATION: expiration, conditions }), "Unexpected: 'expiration'");
  assert.equal(problem({ expiration, conditions, Statement: [] }), "Unexpected: 'statement'");
  assert.equal(
    problem({ expiration, conditions: {} }),
    "Invalid 'conditions' value: must be a List.",
  );
  const times = [
    "2026-01-01 00:00:00 UTC",
    "2026-01-01T00:00:00+02:00",
    "2026-13-01T00:00:00Z",
    "",
  ];
  for (const time of times) {
    assert.equal(
      problem({ expiration: time, conditions }),
      `Invalid 'expiration' value: '${time}'`,
    );
  }
  const condition = (one: unknown) => problem({ expiration, conditions: [one] });
  const single =
    "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
  assert.equal(condition({}), single);
  assert.equal(condition({ a: "1", b: "2" }), single);
  assert.equal(condition({ a: 1 }), "Invalid Simple-Condition: value must be a string.");
  assert.equal(condition("a"), "Invalid condition test: must be a List or Object.");
  assert.equal(condition([]), "Invalid Condition: missing operation identifier.");
  assert.equal(condition(["ne", "$a", "b"]), "Invalid Condition: unknown operation 'ne'.");
  assert.equal(condition(["eq", "$a"]), "Invalid eq: wrong number of arguments.");
  assert.equal(
    condition(["content-length-range", 0]),
    "Invalid content-length-range: wrong number of arguments.",
  );
  for (const bounds of [
    [-1, 0],
    [0, 1.5],
    [null, 1],
    [0, [1]],
    [true, 1],
  ]) {
    assert.equal(condition(["content-length-range", ...bounds]), "Invalid JSON.");
  }
  assert.equal(condition(["eq", "$a", null]), "Invalid JSON.");
  const nested = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
  const deep = `{"expiration": "${expiration}", "conditions": [["content-length-range", "a", ${nested}]]}`;
  assert.equal(problem(deep), "Invalid JSON.");
  const base64 = failureOf(() => parsePolicy("a$"));
  assert.equal(base64, "InvalidPolicyDocument Invalid Policy: invalid Base64 encoding.");
});

test("policy: names that mean something to JavaScript are names", () => {
  assert.match(judge([{ constructor: "a" }], {}), /Condition failed/);
  assert.equal(judge([["eq", "$__proto__", "a"]], { ["__proto__"]: "a" }), "");
});
