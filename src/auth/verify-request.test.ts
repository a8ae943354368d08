import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { createHash } from "../node/platform/hash.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import type { Verified } from "./claim.ts";
import { anonymous } from "./authorize.ts";
import { type SignedRequest, presignRequest, signRequest } from "./sign.ts";
import {
  framedExample,
  framedExampleBytes,
  exampleCredential,
  exampleHost,
  exampleIdentity,
  exampleTimeMs,
  exampleVerifier,
  headerExamples,
  presignedExample,
  signedExample,
  trailerExample,
  withHeader,
} from "./testing/aws-examples.ts";
import { isRefusal } from "../base/refusal.ts";

const hash = createHash();
const verifier = exampleVerifier(hash);
const minuteMs = 60_000;
const unsigned = "UNSIGNED-PAYLOAD";

async function verified(request: SignedRequest): Promise<Verified> {
  const result = await verifier.verify(request);
  assert.ok(!isRefusal(result), JSON.stringify(result));
  return result;
}

async function refused(
  request: SignedRequest,
  code: AuthRefusal["refusal"],
  nowMs = exampleTimeMs,
): Promise<AuthRefusal> {
  const result = await exampleVerifier(hash, nowMs).verify(request);
  assert.ok(isRefusal(result), "expected a refusal");
  assert.equal(result.refusal, code, JSON.stringify(result));
  return result;
}

function messageIn(failure: AuthRefusal): string {
  return failure.message ?? "";
}

const get: SignedRequest = { method: "GET", target: "/key", headers: [["host", exampleHost]] };
const signedGet = signedExample(hash, get, unsigned);

for (const { title, request, contentSha256 } of headerExamples) {
  test(`AWS's example is verified: ${title}`, async () => {
    const result = await verified(signedExample(hash, request, contentSha256));
    assert.equal(result.principal, exampleCredential.principal);
    assert.equal(result.accessKeyId, exampleIdentity.accessKeyId);
    assert.equal(result.payload.kind, "signed");
    assert.equal(result.presigned, false);
  });
}

test("AWS's presigned example is verified, from a little before its time to the last second", async () => {
  const { request, signature, expiresSeconds } = presignedExample;
  const target =
    `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request` +
    `&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`;
  const result = await verified({ ...request, target });
  assert.equal(result.presigned, true);
  assert.deepEqual(result.payload, { kind: "unsigned" });
  const lastMs = exampleTimeMs + expiresSeconds * 1000;
  for (const nowMs of [exampleTimeMs - 15 * minuteMs, lastMs]) {
    assert.ok(!isRefusal(await exampleVerifier(hash, nowMs).verify({ ...request, target })));
  }
  const late = await refused({ ...request, target }, "presign_expired", lastMs + 1);
  assert.deepEqual(late, {
    refusal: "presign_expired",
    expiresAtMs: lastMs,
    expiresSeconds,
    serverTimeMs: lastMs + 1,
  });
  await refused({ ...request, target }, "presign_early", exampleTimeMs - 15 * minuteMs - 1);
  await refused({ ...request, target, method: "HEAD" }, "signature_mismatch");
});

test("bodies in frames come with what their signatures are chained to", async () => {
  for (const example of [framedExample, trailerExample]) {
    const request = signedExample(hash, example.request, example.contentSha256);
    const { payload } = await verified(request);
    assert.ok(payload.kind === "framed");
    assert.equal(payload.decodedBytes, framedExampleBytes);
    assert.equal(payload.trailer, example === trailerExample);
    assert.equal(payload.signing?.seedSignature, example.seedSignature);
    assert.equal(payload.signing?.scope, "20130524/us-east-1/s3/aws4_request");
  }
});

test("unsigned frames with a trailer need the decoded length", async () => {
  const mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const put = (decodedLength: string): SignedRequest => ({
    method: "PUT",
    target: "/key",
    headers: [...get.headers, ["x-amz-decoded-content-length", decodedLength]],
  });
  const { payload } = await verified(signedExample(hash, put("12"), mode));
  assert.deepEqual(payload, {
    kind: "framed",
    signing: undefined,
    trailer: true,
    decodedBytes: 12,
  });
  await refused(signedExample(hash, get, mode), "decoded_length_missing");
  for (const wrong of ["", "-1", "1e3", "9999999999999999"]) {
    await refused(signedExample(hash, put(wrong), mode), "decoded_length_missing");
  }
  await refused(signedExample(hash, put("999999999999999"), mode), "decoded_length_invalid");
});

test("no credentials at all: anonymous, whatever the body's mode", async () => {
  const plain = await verified(get);
  assert.equal(plain.principal, anonymous);
  assert.deepEqual(plain.payload, { kind: "unsigned" });
  assert.deepEqual(plain.signedHeaders, []);
  const mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const headers = [
    ["x-amz-decoded-content-length", "1"],
    ["x-amz-content-sha256", mode],
  ] as const;
  assert.equal((await verified({ ...get, headers })).payload.kind, "framed");
  const signed = withHeader(headers, "x-amz-content-sha256", framedExample.contentSha256);
  await refused({ ...get, headers: signed }, "content_sha256_invalid");
});

test("verification: more or fewer percent escapes than the rules ask for are accepted", async () => {
  const headers = get.headers;
  const sent = { method: "GET", target: "/a%20b/c%2Bd!e?prefix=x%20y&list-type=2&acl", headers };
  const { headers: signed } = signedExample(hash, sent, unsigned);
  for (const target of [
    "/a%20b/c+d%21e?list-type=2&prefix=x+y&acl=",
    "/%61%20b/c%2bd!e?acl&&prefix=x%20y&list-type=2&",
  ]) {
    await verified({ ...sent, target, headers: signed });
  }
});

test("verification: the order of query parameters does not matter", async () => {
  const { headers } = signedExample(hash, { ...get, target: "/k?b=1&a=2&a=10&a" }, unsigned);
  for (const target of ["/k?a&a=10&a=2&b=1", "/k?a=2&b=1&a=&a=10"]) {
    await verified({ ...get, target, headers });
  }
});

test("legal keys that look like paths to be tidied are left as they are", async () => {
  const targets = ["/b//x", "/b/../x", "/b/./x", "/b/x/", "/b/%2e%2e/x", "/b/%252F", "//"];
  for (const target of targets) {
    const signed = signedExample(hash, { ...get, target }, unsigned);
    await verified(signed);
    for (const other of targets.filter((each) => each !== target)) {
      const same = other.replaceAll("%2e", ".") === target.replaceAll("%2e", ".");
      if (!same) await refused({ ...signed, target: other }, "signature_mismatch");
    }
  }
});

test("header values are folded, repeated headers joined", async () => {
  const headers = [...get.headers, ["x-amz-meta-a", "one two"], ["x-amz-meta-b", "1,2"]] as const;
  const signed = signedExample(hash, { ...get, headers }, unsigned);
  const folded = withHeader(signed.headers, "x-amz-meta-a", "  one \t  two ");
  const repeated = [
    ...withHeader(folded, "x-amz-meta-b", "1"),
    ["x-amz-meta-b", " 2"],
  ] as SignedRequest["headers"];
  await verified({ ...signed, headers: repeated });
});

test("header bytes outside ASCII are signed as they are on the wire", async () => {
  // "é" in UTF-8, one character a byte, as HTTP hands it over.
  const headers = [...get.headers, ["x-amz-meta-a", "\u00c3\u00a9"]] as const;
  const { signing } = signRequest(
    hash,
    exampleIdentity,
    { ...get, headers },
    { timeMs: exampleTimeMs, contentSha256: unsigned },
  );
  // Computed with Python's hmac over the UTF-8 bytes of the canonical request.
  assert.equal(
    signing.seedSignature,
    "71b0854b0a180990d212b8bd7590f06d463f96045857b5ef1909c4d9a075968c",
  );
});

test("a Date header serves where x-amz-date is absent; neither: refused", async () => {
  const { request, contentSha256 } = must(headerExamples[1], "the PUT example");
  const signed = signedExample(hash, request, contentSha256);
  const headers = withHeader(signed.headers, "x-amz-date", undefined);
  const failure = await refused({ ...signed, headers }, "signature_mismatch");
  assert.ok("stringToSign" in failure && failure.stringToSign.includes("\n20130524T000000Z\n"));
  await refused({ ...signed, headers: withHeader(headers, "date", undefined) }, "date_missing");
  await refused({ ...signed, headers: withHeader(headers, "date", "yesterday") }, "date_missing");
  const impossible = withHeader(headers, "x-amz-date", "20130532T000000Z");
  await refused({ ...signed, headers: impossible }, "date_missing");
});

test("fifteen minutes of skew are accepted, not one millisecond more", async () => {
  for (const sign of [-1, 1]) {
    const nowMs = exampleTimeMs + sign * 15 * minuteMs;
    assert.ok(!isRefusal(await exampleVerifier(hash, nowMs).verify(signedGet)));
    assert.deepEqual(await refused(signedGet, "time_skewed", nowMs + sign), {
      refusal: "time_skewed",
      requestTime: "20130524T000000Z",
      serverTimeMs: nowMs + sign,
      skewMsMax: 15 * minuteMs,
    });
  }
});

test("a wrong secret: the answer shows what was signed", async () => {
  const identity = { ...exampleIdentity, secretAccessKey: "wrong" };
  const options = { timeMs: exampleTimeMs, contentSha256: unsigned };
  const { headers, signing } = signRequest(hash, identity, get, options);
  const failure = await refused({ ...get, headers }, "signature_mismatch");
  assert.ok(failure.refusal === "signature_mismatch");
  assert.equal(failure.signatureProvided, signing.seedSignature);
  assert.equal(failure.accessKeyId, exampleIdentity.accessKeyId);
  assert.match(failure.stringToSign, /^AWS4-HMAC-SHA256\n20130524T000000Z\n20130524\/us-east-1\//);
  assert.equal(
    failure.canonicalRequest,
    `GET\n/key\n\nhost:${exampleHost}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n` +
      "x-amz-date:20130524T000000Z\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
  );
});

test("verification: an unknown key and a foreign session token are refused", async () => {
  const identity = { ...exampleIdentity, accessKeyId: "AKIDOTHER" };
  const options = { timeMs: exampleTimeMs, contentSha256: unsigned };
  const other = signRequest(hash, identity, get, options);
  const unknown = await refused({ ...get, headers: other.headers }, "access_key_unknown");
  assert.ok("accessKeyId" in unknown && unknown.accessKeyId === "AKIDOTHER");
  const headers = [...get.headers, ["x-amz-security-token", "token"]] as const;
  const withToken = signedExample(hash, { ...get, headers }, unsigned);
  const refusal = await refused(withToken, "token_invalid");
  assert.ok("token" in refusal && refusal.token === "token");
});

test("headers of S3 that were added on the way, and a host that was not signed, are named", async () => {
  const headers = [...signedGet.headers, ["x-amz-acl", "public-read"]] as const;
  const failure = await refused({ ...signedGet, headers }, "headers_not_signed");
  assert.ok("headers" in failure);
  assert.deepEqual(failure.headers, ["x-amz-acl"]);
  const noHost = signedExample(hash, { ...get, headers: [] }, unsigned);
  const hostless = await refused(noHost, "headers_not_signed");
  assert.ok("headers" in hostless);
  assert.deepEqual(hostless.headers, ["host"]);
  await verified({ ...signedGet, headers: [...signedGet.headers, ["user-agent", "x"]] });
});

test("x-amz-content-sha256 must be there and mean something", async () => {
  const without = withHeader(signedGet.headers, "x-amz-content-sha256", undefined);
  await refused({ ...signedGet, headers: without }, "content_sha256_missing");
  for (const value of [
    "",
    "x",
    "unsigned-payload",
    "ab".repeat(31),
    "STREAMING-UNSIGNED-PAYLOAD",
  ]) {
    const failure = await refused(signedExample(hash, get, value), "content_sha256_invalid");
    assert.ok("value" in failure && failure.value === value);
  }
  const ecdsa = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER";
  await refused(signedExample(hash, get, ecdsa), "signature_unsupported");
});

test("other mechanisms are refused each in its own way", async () => {
  const cases: readonly (readonly [string, AuthRefusal["refusal"]])[] = [
    ["Bearer token", "authorization_unsupported"],
    ["AWS4-ECDSA-P256-SHA256 Credential=a", "signature_unsupported"],
  ];
  for (const [value, code] of cases) {
    await refused({ ...get, headers: [...get.headers, ["authorization", value]] }, code);
  }
  const empty = await verified({ ...get, headers: [...get.headers, ["authorization", ""]] });
  assert.equal(empty.principal, anonymous);
  const both = { ...signedGet, target: "/key?X-Amz-Signature=1" };
  assert.match(messageIn(await refused(both, "authorization_unsupported")), /^Only one auth/);
});

test("a malformed Authorization header says what is wrong with it", async () => {
  const scope = "20130524/us-east-1/s3/aws4_request";
  const rest = "SignedHeaders=host, Signature=0";
  const cases: readonly (readonly [string, RegExp])[] = [
    ["Credential=", /three components/],
    [`Credential=a/${scope}, SignedHeaders=host`, /three components/],
    [`Credential=${scope}, ${rest}`, /Credential is mal-formed/],
    [`Credential=AKID, ${rest}`, /Credential is mal-formed/],
    [`Credential=a/2013-05-24/us-east-1/s3/aws4_request, ${rest}`, /incorrect date format/],
    [`Credential=a/20130525/us-east-1/s3/aws4_request, ${rest}`, /not the same as X-Amz-Date/],
    [`Credential=a/20130524/us-east-1/ec2/aws4_request, ${rest}`, /incorrect service "ec2"/],
    [`Credential=a/20130524/us-east-1/s3/aws5_request, ${rest}`, /incorrect terminator/],
    [`Credential=a/20130524/eu-west-1/s3/aws4_request, ${rest}`, /'eu-west-1' is wrong/],
  ];
  for (const [value, expected] of cases) {
    const authorization = `AWS4-HMAC-SHA256 ${value}`;
    const headers = withHeader(signedGet.headers, "authorization", authorization);
    const failure = await refused({ ...get, headers }, "authorization_header_malformed");
    assert.match(messageIn(failure), expected);
    const region = "region" in failure ? failure.region : undefined;
    assert.equal(region, value.includes("eu-west-1") ? "us-east-1" : undefined);
  }
});

test("a malformed presigned URL says what is wrong with it", async () => {
  const good = presignRequest(hash, exampleIdentity, get, {
    timeMs: exampleTimeMs,
    expiresSeconds: 60,
  });
  await verified({ ...get, target: good });
  const cases: readonly (readonly [RegExp, string, RegExp])[] = [
    [/&X-Amz-Expires=60/, "", /requires the X-Amz-Algorithm/],
    [/&X-Amz-Expires=60/, "&X-Amz-Expires=60&X-Amz-Expires=60", /each once/],
    [/Expires=60/, "Expires=x", /should be a number/],
    [/Expires=60/, "Expires=604801", /less than 604800/],
    [/AWS4-HMAC-SHA256/, "AWS4-HMAC-SHA1", /only supports/],
    [/us-east-1/, "eu-west-1", /'eu-west-1' is wrong/],
    [/Date=20130524T000000Z/, "Date=today", /ISO8601 Long Format/],
    [/Date=20130524T000000Z/, "Date=20130523T235959Z", /not the same/],
  ];
  for (const [part, replacement, expected] of cases) {
    const target = good.replace(part, replacement);
    const failure = await refused({ ...get, target }, "authorization_query_malformed");
    assert.match(messageIn(failure), expected, target);
  }
});

test("presigned URL: a negative duration is refused", async () => {
  for (const seconds of ["-1", `-${"9".repeat(30)}`]) {
    const target = presignRequest(hash, exampleIdentity, get, {
      timeMs: exampleTimeMs,
      expiresSeconds: 60,
    }).replace("Expires=60", `Expires=${seconds}`);
    const failure = await refused({ ...get, target }, "authorization_query_malformed");
    assert.equal(messageIn(failure), "X-Amz-Expires must be non-negative");
  }
});

test("a host is verified with and without the default port and the dot of the root, however it was signed", async () => {
  // HTTP libraries add or drop what clients signed without or with: RFC 9110, section 7.2, and RFC
  // 3986, section 3.2.2.
  const same = ["h.test", "h.test:80", "h.test:443", "h.test.", "h.test.:443"];
  const ofPort = ["h.test:9000", "h.test.:9000"];
  for (const group of [same, ofPort]) {
    for (const signedHost of group) {
      const request = { ...get, headers: [["host", signedHost]] as const };
      const { headers } = signedExample(hash, request, unsigned);
      const presigned = presignRequest(hash, exampleIdentity, request, {
        timeMs: exampleTimeMs,
        expiresSeconds: 60,
      });
      for (const sent of group) {
        await verified({ ...request, headers: withHeader(headers, "host", sent) });
        await verified({ ...request, target: presigned, headers: [["host", sent]] });
      }
      for (const sent of ["other.test", "h.test:9001", ...(group === same ? ofPort : same)]) {
        const other = { ...request, headers: withHeader(headers, "host", sent) };
        await refused(other, "signature_mismatch");
      }
    }
  }
});

test("a Date in any zone form serves a signature", async () => {
  const { request, contentSha256 } = must(headerExamples[1], "the PUT example");
  const signed = signedExample(hash, request, contentSha256);
  for (const date of [
    "Fri, 24 May 2013 00:00:00 UTC",
    "Fri, 24 May 2013 00:00:00 -0000",
    "Thu, 23 May 2013 16:00:00 -0800",
    "Thu, 23 May 2013 16:00:00 PST",
    "Fri, 24 May 2013 0:00:00 Z",
  ]) {
    const bare = withHeader(signed.headers, "x-amz-date", undefined);
    const failure = await refused(
      { ...signed, headers: withHeader(bare, "date", date) },
      "signature_mismatch",
    );
    assert.ok("stringToSign" in failure && failure.stringToSign.includes("\n20130524T000000Z\n"));
  }
});

test("a presigned URL lasts a week at most, and may carry its payload's hash and no token", async () => {
  const presign = (target: string) =>
    presignRequest(
      hash,
      exampleIdentity,
      { ...get, target },
      {
        timeMs: exampleTimeMs,
        expiresSeconds: 604_800,
      },
    );
  const target = presign("/key?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=GetObject");
  assert.deepEqual((await verified({ ...get, target })).payload, { kind: "unsigned" });
  await refused({ ...get, target: presign("/key?X-Amz-Security-Token=t") }, "token_invalid");
});
