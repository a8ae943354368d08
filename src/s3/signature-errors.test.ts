// The errors about signatures, element by element, as S3 answers them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { headOf, presignRequest, signRequest } from "../auth/sign.ts";
import { signatureV2, stringToSignV2 } from "../auth/signature-v2.ts";
import { percentEncode } from "../auth/canonical-request.ts";
import { formatHttpDate } from "../base/http-date.ts";
import { createHash } from "../node/platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { TestS3 } from "./testing/test-s3.ts";
import { createTestS3 } from "./testing/test-s3.ts";

const hash = createHash();
const identity = { accessKeyId: "alice", secretAccessKey: "secret", region: "us-east-1" };
const host = ["host", "s3.test"] as const;
const contentSha256 = "UNSIGNED-PAYLOAD";
const minuteMs = 60_000;

interface Answer {
  readonly status: number;
  /** The elements of the error by name. */
  readonly error: ReadonlyMap<string, string>;
}

async function ask(s3: TestS3, target: string, headers: HeaderList, method = "GET") {
  const request = { method, target, headers, signature: "none" as const };
  const { status, text } = await s3.send(request);
  const elements = text.slice(text.indexOf("<Error>") + 7).matchAll(/<([\w-]+)>([^<]*)</g);
  const error = new Map([...elements].map(([, name = "", value = ""]) => [name, value]));
  return { status, error } satisfies Answer;
}

interface Signing {
  readonly identity?: typeof identity;
  readonly offsetMs?: number;
  readonly more?: HeaderList;
}

/** A GET signed in the header, with headers of its own. */
function signedHeaders(s3: TestS3, { offsetMs = 0, more = [], ...given }: Signing): HeaderList {
  const timeMs = s3.store.platform.clock.now() + offsetMs;
  const request = { method: "GET", target: "/", headers: [host, ...more] };
  const options = { timeMs, contentSha256 };
  return signRequest(hash, given.identity ?? identity, request, options).headers;
}

function presigned(s3: TestS3, expiresSeconds: number, { offsetMs = 0, ...given }: Signing = {}) {
  const timeMs = s3.store.platform.clock.now() + offsetMs;
  const request = { method: "GET", target: "/", headers: [host] };
  const options = { timeMs, expiresSeconds };
  return presignRequest(hash, given.identity ?? identity, request, options);
}

function codeOf({ status, error }: Answer): string {
  return `${status} ${error.get("Code")}`;
}

test("signature errors: a session token with a key that lasts is InvalidToken, header or query", async () => {
  const s3 = await createTestS3(hash);
  const more = [["x-amz-security-token", "a-token"]] as const;
  const inHeader = await ask(s3, "/", signedHeaders(s3, { more }));
  assert.equal(codeOf(inHeader), "400 InvalidToken");
  assert.equal(inHeader.error.get("Token-0"), "a-token");
  const inQuery = await ask(s3, `${presigned(s3, 60)}&X-Amz-Security-Token=a-token`, [host]);
  assert.equal(codeOf(inQuery), "400 InvalidToken");
});

test("signature errors: a signature for another region is answered with the right one; for another service with none", async () => {
  const s3 = await createTestS3(hash);
  const elsewhere = { ...identity, region: "eu-west-1" };
  const inHeader = await ask(s3, "/", signedHeaders(s3, { identity: elsewhere }));
  assert.equal(codeOf(inHeader), "400 AuthorizationHeaderMalformed");
  assert.equal(inHeader.error.get("Region"), "us-east-1");
  assert.match(inHeader.error.get("Message") ?? "", /'eu-west-1' is wrong; expecting 'us-east-1'/);
  const inQuery = await ask(s3, presigned(s3, 60, { identity: elsewhere }), [host]);
  assert.equal(codeOf(inQuery), "400 AuthorizationQueryParametersError");
  assert.equal(inQuery.error.get("Region"), "us-east-1");
  const headers = signedHeaders(s3, {}).map(
    ([name, value]) => [name, value.replace("/s3/aws4_request", "/ec2/aws4_request")] as const,
  );
  const service = await ask(s3, "/", headers);
  assert.equal(codeOf(service), "400 AuthorizationHeaderMalformed");
  assert.match(service.error.get("Message") ?? "", /incorrect service/);
  assert.equal(service.error.get("Region"), undefined);
});

test("signature errors: clocks too far apart are shown both times and the tolerance", async () => {
  const s3 = await createTestS3(hash);
  for (const offsetMs of [-16 * minuteMs, 16 * minuteMs]) {
    const answer = await ask(s3, "/", signedHeaders(s3, { offsetMs }));
    assert.equal(codeOf(answer), "403 RequestTimeTooSkewed");
    assert.match(answer.error.get("RequestTime") ?? "", /^\d{8}T\d{6}Z$/);
    assert.match(answer.error.get("ServerTime") ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.equal(answer.error.get("MaxAllowedSkewMilliseconds"), "900000");
  }
});

test("signature errors: an expired URL says when it was good; what is out of range is refused", async () => {
  const s3 = await createTestS3(hash);
  const late = await ask(s3, presigned(s3, 60, { offsetMs: -2 * minuteMs }), [host]);
  assert.equal(codeOf(late), "403 AccessDenied");
  assert.equal(late.error.get("Message"), "Request has expired");
  assert.equal(late.error.get("X-Amz-Expires"), "60");
  assert.ok(late.error.has("Expires") && late.error.has("ServerTime"));
  assert.equal((await ask(s3, presigned(s3, 604_800), [host])).status, 200);
  assert.equal(codeOf(await ask(s3, presigned(s3, 0), [host])), "403 AccessDenied");
  // AWS's words: fog/fog#3528 and fog/fog-aws#188, and Swift's suite, _test_expiration_limits_v4.
  const negative = await ask(s3, presigned(s3, -3), [host]);
  assert.equal(codeOf(negative), "400 AuthorizationQueryParametersError");
  assert.equal(negative.error.get("Message"), "X-Amz-Expires must be non-negative");
  const long = await ask(s3, presigned(s3, 604_801), [host]);
  assert.equal(codeOf(long), "400 AuthorizationQueryParametersError");
  const early = await ask(s3, presigned(s3, 60, { offsetMs: 16 * minuteMs }), [host]);
  assert.equal(early.error.get("Message"), "Request is not valid yet");
});

test("signature errors: a wrong secret is shown what was to be signed, an unknown key its id", async () => {
  const s3 = await createTestS3(hash);
  const wrong = { ...identity, secretAccessKey: "wrong" };
  const answer = await ask(s3, "/", signedHeaders(s3, { identity: wrong }));
  assert.equal(codeOf(answer), "403 SignatureDoesNotMatch");
  const names = ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes"];
  for (const name of [...names, "CanonicalRequest", "CanonicalRequestBytes"]) {
    assert.ok(answer.error.has(name), name);
  }
  assert.match(answer.error.get("StringToSignBytes") ?? "", /^41 57 53 34 2d 48 /);
  assert.equal(answer.error.has("Resource"), false);
  const nobody = { ...identity, accessKeyId: "nobody" };
  const unknown = await ask(s3, "/", signedHeaders(s3, { identity: nobody }));
  assert.equal(codeOf(unknown), "403 InvalidAccessKeyId");
  assert.equal(unknown.error.get("AWSAccessKeyId"), "nobody");
});

test("signature errors: unknown mechanisms, and header and query both, repeat the header", async () => {
  const s3 = await createTestS3(hash);
  const both = await ask(s3, presigned(s3, 60), signedHeaders(s3, {}));
  assert.equal(codeOf(both), "400 InvalidArgument");
  assert.equal(both.error.get("ArgumentName"), "Authorization");
  assert.match(both.error.get("ArgumentValue") ?? "", /^AWS4-HMAC-SHA256 Credential=alice/);
  for (const value of ["Bearer x", "AWS HAHAHA"]) {
    const answer = await ask(s3, "/", [host, ["authorization", value]]);
    assert.equal(codeOf(answer), "400 InvalidArgument");
    assert.equal(answer.error.get("ArgumentValue"), value);
  }
  const empty = await ask(s3, "/", [host, ["authorization", ""]]);
  assert.equal(codeOf(empty), "403 AccessDenied");
});

test("signature errors: S3 headers that were not signed are named; a URL serves one method", async () => {
  const s3 = await createTestS3(hash);
  const added = [["x-amz-acl", "public-read"]] as const;
  for (const answer of [
    await ask(s3, "/", [...signedHeaders(s3, {}), ...added]),
    await ask(s3, presigned(s3, 60), [host, ...added]),
  ]) {
    assert.equal(codeOf(answer), "403 AccessDenied");
    assert.equal(answer.error.get("HeadersNotSigned"), "x-amz-acl");
  }
  await s3.send({ method: "PUT", target: "/bucket", as: "alice" });
  const request = { method: "GET", target: "/bucket", headers: [host] };
  const timeMs = s3.store.platform.clock.now();
  const target = presignRequest(hash, identity, request, { timeMs, expiresSeconds: 60 });
  assert.equal((await ask(s3, target, [host])).status, 200);
  assert.equal((await ask(s3, target, [host], "HEAD")).status, 403);
});

test("Signature V2 opens what V4 does, in header and query; its expired URL says when it was good", async () => {
  const s3 = await createTestS3(hash);
  const now = s3.store.platform.clock.now();
  const vhost = ["host", "bucket.s3.test"] as const;
  await s3.send({ method: "PUT", target: "/bucket", as: "alice" });
  const date = formatHttpDate(now);
  const signV2 = (method: string, target: string, bucket: string | undefined, when: string) => {
    const text = stringToSignV2(headOf({ method, target, headers: [] }), { date: when, bucket });
    return signatureV2(hash, identity.secretAccessKey, text);
  };
  const byHeader = (method: string, target: string, signature: string) =>
    ask(s3, target, [vhost, ["date", date], ["authorization", `AWS alice:${signature}`]], method);
  const put = await byHeader("PUT", "/k", signV2("PUT", "/k", "bucket", date));
  assert.equal(put.status, 200);
  const wrong = await byHeader("GET", "/k", "wrong");
  assert.equal(codeOf(wrong), "403 SignatureDoesNotMatch");
  assert.equal(wrong.error.has("CanonicalRequest"), false);
  const byQuery = (seconds: number) => {
    const expires = String(Math.floor(now / 1000) + seconds);
    const signature = percentEncode(signV2("GET", "/bucket/k", undefined, expires));
    const parameters = `AWSAccessKeyId=alice&Signature=${signature}&Expires=${expires}`;
    return ask(s3, `/bucket/k?${parameters}`, [host]);
  };
  assert.equal((await byQuery(60)).status, 200);
  const late = await byQuery(-60);
  assert.equal(codeOf(late), "403 AccessDenied");
  assert.equal(late.error.get("Message"), "Request has expired");
  assert.ok(late.error.has("Expires") && late.error.has("ServerTime"));
  assert.equal(late.error.has("X-Amz-Expires"), false);
});
