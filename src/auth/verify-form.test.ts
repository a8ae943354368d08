import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import { signatureV2 } from "./signature-v2.ts";
import { exampleIdentity } from "./testing/aws-examples.ts";
import { createRequestVerifier, verifyClaim } from "./verify-request.ts";
import { isRefusal } from "../base/refusal.ts";

const hash = createHash();
const principal = { owner: "owner", account: "account", name: "root", root: true };
const { accessKeyId, secretAccessKey, region } = exampleIdentity;

// "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)" of S3's API
// reference.
const examplePolicy = toBase64(
  encodeUtf8(
    [
      '{ "expiration": "2015-12-30T12:00:00.000Z",',
      '  "conditions": [',
      '    {"bucket": "sigv4examplebucket"},',
      '    ["starts-with", "$key", "user/user1/"],',
      '    {"acl": "public-read"},',
      '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},',
      '    ["starts-with", "$Content-Type", "image/"],',
      '    {"x-amz-meta-uuid": "14365123651274"},',
      '    {"x-amz-server-side-encryption": "AES256"},',
      '    ["starts-with", "$x-amz-meta-tag", ""],',
      "",
      '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
      '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
      '    {"x-amz-date": "20151229T000000Z" }',
      "  ]",
      "}",
    ].join("\r\n"),
  ),
);
const exampleForm: Readonly<Record<string, string>> = {
  policy: examplePolicy,
  "x-amz-algorithm": "AWS4-HMAC-SHA256",
  "x-amz-credential": `${accessKeyId}/20151229/us-east-1/s3/aws4_request`,
  "x-amz-date": "20151229T000000Z",
  "x-amz-signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
};
const signedAtMs = Date.UTC(2015, 11, 29);
const dayMs = 24 * 60 * 60 * 1000;

async function verify(
  form: Readonly<Record<string, string>>,
  now = signedAtMs + dayMs,
  acceptsV2 = true,
) {
  const verifier = createRequestVerifier({
    hash,
    clock: {
      now: () => now,
      monotonicMs: () => 0,
      sleep: () => Promise.resolve(),
      turn: () => Promise.resolve(),
    },
    region,
    domains: [],
    acceptsV2,
  });
  const claim = verifier.claimForm(new Map(Object.entries(form)));
  const find = (id: string) => (id === accessKeyId ? { ...exampleIdentity, principal } : undefined);
  return verifyClaim(claim, { find });
}

async function refusal(form: Readonly<Record<string, string>>, now?: number): Promise<AuthRefusal> {
  const result = await verify(form, now);
  assert.ok(isRefusal(result), "expected a refusal");
  return result;
}

function without(...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(exampleForm).filter(([name]) => !names.includes(name)));
}

test("form: AWS's example is verified, for seven days", async () => {
  const result = await verify(exampleForm);
  assert.ok(!isRefusal(result), JSON.stringify(result));
  assert.deepEqual(result.principal, principal);
  assert.ok(!isRefusal(await verify(exampleForm, signedAtMs + 7 * dayMs)));
  const late = await refusal(exampleForm, signedAtMs + 7 * dayMs + 1);
  assert.equal(late.refusal, "presign_expired");
});

test("form: Signature V2 is an HMAC-SHA1 of the policy", async () => {
  const signature = signatureV2(hash, secretAccessKey, examplePolicy);
  const form = { policy: examplePolicy, awsaccesskeyid: accessKeyId, signature };
  assert.ok(!isRefusal(await verify(form)));
  const wrong = await refusal({ ...form, policy: `${examplePolicy}=` });
  assert.equal(wrong.refusal, "signature_mismatch");
  assert.ok(wrong.refusal === "signature_mismatch" && wrong.stringToSign === `${examplePolicy}=`);
  const unknown = await refusal({ ...form, awsaccesskeyid: "AKIDOTHER" });
  assert.deepEqual([unknown.refusal], ["access_key_unknown"]);
  const off = await verify(form, undefined, false);
  assert.ok(isRefusal(off) && off.refusal === "signature_version");
});

test("form: without any credentials it is anonymous; with some of them the missing one is named", async () => {
  const nobody = await verify({ policy: examplePolicy });
  assert.ok(!isRefusal(nobody) && nobody.accessKeyId === undefined);
  const missing = async (form: Readonly<Record<string, string>>) => {
    const failure = await refusal(form);
    return failure.refusal === "form_field_missing" ? failure.field : failure.refusal;
  };
  assert.equal(await missing(without("x-amz-signature")), "X-Amz-Signature");
  assert.equal(await missing(without("x-amz-algorithm", "x-amz-credential")), "X-Amz-Algorithm");
  assert.equal(await missing(without("policy")), "Policy");
  assert.equal(await missing({ policy: "x", awsaccesskeyid: accessKeyId }), "Signature");
  assert.equal(await missing({ policy: "x", signature: "x" }), "AWSAccessKeyId");
});

test("form: what its fields say about the signature must be usable, and is named where it is not", async () => {
  const invalid = async (changed: Readonly<Record<string, string>>) => {
    const failure = await refusal({ ...exampleForm, ...changed });
    assert.ok(failure.refusal === "form_field_invalid", failure.refusal);
    return `${failure.field}: ${failure.message}`;
  };
  const elsewhere = `${accessKeyId}/20151229/eu-west-1/s3/aws4_request`;
  assert.equal(
    await invalid({ "x-amz-credential": elsewhere }),
    "X-Amz-Credential: the region 'eu-west-1' is wrong; expecting 'us-east-1'",
  );
  assert.match(await invalid({ "x-amz-credential": "x" }), /the Credential is mal-formed/);
  assert.match(await invalid({ "x-amz-date": "2015-12-29" }), /^X-Amz-Date: X-Amz-Date must be/);
  assert.match(await invalid({ "x-amz-date": "20151230T000000Z" }), /^X-Amz-Date/);
  assert.match(await invalid({ "x-amz-algorithm": "AWS4-X" }), /^X-Amz-Algorithm/);
  const token = await refusal({ ...exampleForm, "x-amz-security-token": "t" });
  assert.equal(token.refusal, "token_invalid");
  const tampered = await refusal({ ...exampleForm, policy: examplePolicy.replace("e", "f") });
  assert.equal(tampered.refusal, "signature_mismatch");
});
