import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import { percentEncode } from "./canonical-request.ts";
import { type SignedRequest, headOf } from "./sign.ts";
import { signatureV2, stringToSignV2 } from "./signature-v2.ts";
import { exampleIdentity, exampleVerifier, withHeader } from "./testing/aws-examples.ts";
import { isRefusal } from "../base/refusal.ts";

const hash = createHash();
const { accessKeyId, secretAccessKey } = exampleIdentity;
const minuteMs = 60_000;

interface Example extends SignedRequest {
  readonly title: string;
  readonly date: string;
  readonly signature: string;
}

const bucketHost = "johnsmith.s3.amazonaws.com";

/** "Signing and authenticating REST requests" in S3's user guide. */
const examples: readonly Example[] = [
  {
    title: "GET of an object",
    method: "GET",
    target: "/photos/puppy.jpg",
    headers: [["host", bucketHost]],
    date: "Tue, 27 Mar 2007 19:36:42 +0000",
    signature: "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
  },
  {
    title: "PUT of an object",
    method: "PUT",
    target: "/photos/puppy.jpg",
    headers: [
      ["host", bucketHost],
      ["content-type", "image/jpeg"],
      ["content-length", "94328"],
    ],
    date: "Tue, 27 Mar 2007 21:15:45 +0000",
    signature: "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
  },
  {
    title: "a listing, whose parameters are not signed",
    method: "GET",
    target: "/?prefix=photos&max-keys=50&marker=puppy",
    headers: [["host", bucketHost]],
    date: "Tue, 27 Mar 2007 19:42:41 +0000",
    signature: "htDYFYduRNen8P9ZfE/s9SuKy0U=",
  },
  {
    title: "a sub-resource, which is signed",
    method: "GET",
    target: "/?acl",
    headers: [["host", bucketHost]],
    date: "Tue, 27 Mar 2007 19:44:46 +0000",
    signature: "c2WLPFtWHVgbEmeEG93a4cG37dM=",
  },
  {
    title: "the list of buckets",
    method: "GET",
    target: "/",
    headers: [["host", "s3.amazonaws.com"]],
    date: "Wed, 28 Mar 2007 01:29:59 +0000",
    signature: "qGdzdERIC03wnaRNKh6OqZehG9s=",
  },
  {
    title: "a path in UTF-8, signed as it is escaped",
    method: "GET",
    target: "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
    headers: [["host", "s3.amazonaws.com"]],
    date: "Wed, 28 Mar 2007 01:49:49 +0000",
    signature: "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
  },
];

const [get] = examples as [Example];
const signedMs = Date.parse(get.date);

function withSignature(request: SignedRequest, date: string, signature: string): SignedRequest {
  const authorization = `AWS ${accessKeyId}:${signature}`;
  const headers: HeaderList = [
    ...request.headers,
    ["date", date],
    ["authorization", authorization],
  ];
  return { ...request, headers };
}

async function refusal(request: SignedRequest, nowMs: number): Promise<AuthRefusal> {
  const result = await exampleVerifier(hash, nowMs).verify(request);
  assert.ok(isRefusal(result), "expected a refusal");
  return result;
}

for (const { title, date, signature, ...request } of examples) {
  test(`V2: AWS's example is verified: ${title}`, async () => {
    const signed = withSignature(request, date, signature);
    const result = await exampleVerifier(hash, Date.parse(date)).verify(signed);
    assert.ok(!isRefusal(result), JSON.stringify(result));
    assert.deepEqual(result.payload, { kind: "unsigned" });
    assert.deepEqual([result.accessKeyId, result.presigned], [accessKeyId, false]);
    for (const changed of [
      { ...signed, method: "POST" },
      { ...signed, target: `/other${request.target}` },
      { ...signed, target: `${request.target.split("?")[0]}?uploads` },
      { ...signed, headers: [...signed.headers, ["x-amz-acl", "public-read"] as const] },
      { ...signed, headers: withHeader(signed.headers, "content-type", "text/other") },
    ]) {
      const failure = await refusal(changed, Date.parse(date));
      assert.equal(failure.refusal, "signature_mismatch", JSON.stringify(changed));
    }
  });
}

test("V2: a bucket in the path may be signed with a slash behind it, as boto3 does, and nothing else may", async () => {
  const verifies = async (sent: string, signed: string): Promise<boolean> => {
    const headers = [["host", "s3.amazonaws.com"]] as const;
    const request = { method: "GET", target: sent, headers };
    const parts = { date: get.date, bucket: undefined };
    const text = stringToSignV2(headOf({ ...request, target: signed }), parts);
    const signature = signatureV2(hash, secretAccessKey, text);
    const result = await exampleVerifier(hash, signedMs).verify(
      withSignature(request, get.date, signature),
    );
    return !isRefusal(result);
  };
  assert.equal(await verifies("/bucket", "/bucket/"), true);
  assert.equal(await verifies("/bucket?acl&prefix=a", "/bucket/?acl"), true);
  assert.equal(await verifies("/bucket/", "/bucket"), false);
  assert.equal(await verifies("/bucket/k", "/bucket/k/"), false);
  assert.equal(await verifies("/bucket", "/bucke/"), false);
});

test("V2: a wrong signature is answered with the text to sign", async () => {
  const [{ date, ...request }] = examples as [Example];
  const failure = await refusal(withSignature(request, date, "wrong"), Date.parse(date));
  assert.deepEqual(failure, {
    refusal: "signature_mismatch",
    accessKeyId,
    signatureProvided: "wrong",
    stringToSign: `GET\n\n\n${date}\n/johnsmith/photos/puppy.jpg`,
    canonicalRequest: undefined,
  });
});

test("V2: what is signed: amz headers in order and joined, x-amz-date in the date's place, sub-resources", () => {
  const request: SignedRequest = {
    method: "PUT",
    target: "/b/k%20?uploadId=a%2Fb&x=1&partNumber=2&response-content-type=text%2Fx&acl=&policy",
    headers: [
      ["x-amz-meta-b", " one "],
      ["x-amz-acl", "private"],
      ["content-md5", "md5=="],
      ["x-amz-meta-b", "two"],
      ["x-amz-date", "now"],
      ["date", "unsigned"],
    ],
  };
  assert.equal(
    stringToSignV2(headOf(request), { date: "", bucket: undefined }),
    "PUT\nmd5==\n\n\nx-amz-acl:private\nx-amz-date:now\nx-amz-meta-b:one,two\n" +
      "/b/k%20?acl=&partNumber=2&policy&response-content-type=text/x&uploadId=a/b",
  );
});

function presigned(expires: string, more = "", method = "GET"): SignedRequest {
  const request = { method, target: `${get.target}${more}`, headers: get.headers };
  const text = stringToSignV2(headOf(request), { date: expires, bucket: "johnsmith" });
  const signature = percentEncode(signatureV2(hash, secretAccessKey, text));
  const parameters = `AWSAccessKeyId=${accessKeyId}&Signature=${signature}&Expires=${expires}`;
  return { ...request, target: `${request.target}${more === "" ? "?" : "&"}${parameters}` };
}

test("V2: AWS's presigned example is verified, to its last second", async () => {
  const signature = "NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D";
  const query = `AWSAccessKeyId=${accessKeyId}&Signature=${signature}&Expires=1175139620`;
  const request = { ...get, target: `${get.target}?${query}` };
  const lastMs = 1_175_139_620_000;
  const result = await exampleVerifier(hash, lastMs).verify(request);
  assert.ok(!isRefusal(result) && result.presigned, JSON.stringify(result));
  assert.deepEqual(await refusal(request, lastMs + 1), {
    refusal: "presign_expired",
    expiresAtMs: lastMs,
    expiresSeconds: undefined,
    serverTimeMs: lastMs + 1,
  });
  assert.equal(
    (await refusal({ ...request, method: "HEAD" }, lastMs)).refusal,
    "signature_mismatch",
  );
});

test("V2: a presigned URL covers its overrides, and amz headers that went into the query", async () => {
  const more = "?response-content-type=text%2Fx&x-amz-acl=private&x-id=GetObject";
  const request = presigned("1175139620", more);
  const verifier = exampleVerifier(hash, signedMs);
  assert.ok(!isRefusal(await verifier.verify(request)));
  const unsigned = { ...request, target: request.target.replace("x-id=GetObject", "x-id=") };
  assert.ok(!isRefusal(await verifier.verify(unsigned)));
  for (const [from, to] of [
    ["text%2Fx", "text%2Fy"],
    ["x-amz-acl=private", "x-amz-acl=public-read"],
    ["Expires=1175139620", "Expires=1175139621"],
  ] as const) {
    const changed = { ...request, target: request.target.replace(from, to) };
    assert.equal((await refusal(changed, signedMs)).refusal, "signature_mismatch", to);
  }
});

test("V2: a presigned URL without a parameter or an expiry is refused with the reason", async () => {
  const { target } = presigned("1175139620");
  for (const [without, message] of [
    [/AWSAccessKeyId=[^&]*&/, /requires the Signature, Expires and AWSAccessKeyId/],
    [/Signature=[^&]*&/, /requires the Signature, Expires and AWSAccessKeyId/],
    [/&Expires=.*/, /requires the Signature, Expires and AWSAccessKeyId/],
  ] as const) {
    const failure = await refusal({ ...get, target: target.replace(without, "") }, signedMs);
    assert.ok(failure.refusal === "query_unusable");
    assert.match(failure.message, message);
  }
  // Past 31 bits as AWS has it: Swift's suite, _test_expiration_limits_v2.
  for (const expires of ["", "soon", "1e9", "9".repeat(16), String(2 ** 31)]) {
    const failure = await refusal(presigned(expires), signedMs);
    assert.equal(failure.refusal, "query_unusable", expires);
  }
  for (const expires of ["-7", "0"]) {
    assert.equal((await refusal(presigned(expires), signedMs)).refusal, "presign_expired");
  }
});

test("V2: a header that names no key and signature", async () => {
  for (const value of ["AWS HAHAHA", "AWS :", "AWS a:", "AWS :b", "AWS a:b:c", "AWS "]) {
    const failure = await refusal(
      { ...get, headers: [...get.headers, ["authorization", value]] },
      signedMs,
    );
    assert.ok(failure.refusal === "authorization_unsupported", value);
    assert.match(failure.message, /Expected AwsAccessKeyId:signature/);
    assert.equal(failure.value, value);
  }
});

test("V2: the date must be one, of our time", async () => {
  const dated = (date: string) =>
    refusal(
      withSignature({ ...get, headers: [...get.headers, ["x-amz-date", date]] }, get.date, "s"),
      signedMs,
    );
  for (const date of ["", "Bad Date", "Tue, 07 Jul 1950 21:53:04 GMT"]) {
    assert.equal((await dated(date)).refusal, "date_missing", date);
  }
  for (const date of ["Tue, 07 Jul 2010 21:53:04 GMT", "Tue, 07 Jul 9999 21:53:04 GMT"]) {
    assert.equal((await dated(date)).refusal, "time_skewed", date);
  }
  const late = await refusal(
    withSignature(get, get.date, get.signature),
    signedMs + 15 * minuteMs + 1,
  );
  assert.equal(late.refusal, "time_skewed");
});

test("V2: no session token is ours, in header or query; an unknown key is named", async () => {
  const withToken = [...get.headers, ["x-amz-security-token", "t"]] as const;
  const inHeader = withSignature({ ...get, headers: withToken }, get.date, get.signature);
  assert.equal((await refusal(inHeader, signedMs)).refusal, "token_invalid");
  const inQuery = presigned("1175139620", "?x-amz-security-token=t");
  assert.equal((await refusal(inQuery, signedMs)).refusal, "token_invalid");
  const authorization = "AWS AKIDOTHER:signature";
  const other = [...get.headers, ["date", get.date], ["authorization", authorization]] as const;
  const unknown = await refusal({ ...get, headers: other }, signedMs);
  assert.ok(unknown.refusal === "access_key_unknown" && unknown.accessKeyId === "AKIDOTHER");
});

test("V2: the body is not signed, so it is read as it comes, whatever its hash header says", async () => {
  const sent = async (contentSha256: string) => {
    const own = [
      ["x-amz-content-sha256", contentSha256],
      ["x-amz-decoded-content-length", "1"],
    ] as const;
    const headers = [...get.headers, ...own];
    const request = { ...get, headers };
    const text = stringToSignV2(headOf(request), { date: get.date, bucket: "johnsmith" });
    const signature = signatureV2(hash, secretAccessKey, text);
    const result = await exampleVerifier(hash, signedMs).verify(
      withSignature(request, get.date, signature),
    );
    return !isRefusal(result) ? result.payload.kind : result.refusal;
  };
  // Swift's test_input_errors.py, run against AWS: whatever it says is compared as a digest of the
  // body.
  assert.equal(await sent("UNSIGNED-PAYLOAD"), "unsigned");
  assert.equal(await sent("ab".repeat(32)), "signed");
  assert.equal(await sent("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "signed");
});

test("V2: turned off it is refused with V4 named, in header and query", async () => {
  const off = exampleVerifier(hash, signedMs, false);
  for (const request of [withSignature(get, get.date, get.signature), presigned("1175139620")]) {
    const result = await off.verify(request);
    assert.ok(isRefusal(result) && result.refusal === "signature_version");
    assert.match(result.message, /Please use AWS4-HMAC-SHA256/);
  }
});

test("V2: a request signed both in header and query is refused", async () => {
  const { target } = presigned("1175139620");
  const failure = await refusal(withSignature({ ...get, target }, get.date, "s"), signedMs);
  assert.ok(failure.refusal === "authorization_unsupported");
  assert.match(failure.message, /^Only one auth mechanism allowed/);
});
