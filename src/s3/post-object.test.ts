import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toBase64, toHex } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import {
  type Fields,
  encodeForm,
  formParts,
  formRequest,
  signPolicyV2,
  signPolicyV4,
  testBoundary,
} from "./testing/forms.ts";
import { type TestS3, createTestS3 } from "./testing/test-s3.ts";

const hash = createHash();

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

const usual = [{ bucket: "bucket" }, ["starts-with", "$key", ""]];

/** Posts fields under a policy of these conditions in addition to the usual ones. */
function post(
  s3: TestS3,
  fields: Fields,
  {
    conditions = [],
    file = "content",
    filename = "a.txt",
  }: {
    readonly conditions?: readonly unknown[];
    readonly file?: string | Uint8Array;
    readonly filename?: string;
  } = {},
) {
  const nowMs = s3.store.platform.clock.now();
  const signing = signPolicyV4(hash, nowMs, [...usual, ...conditions]);
  return s3.send(formRequest(formParts({ ...fields, ...signing }, file, filename)));
}

function head(s3: TestS3, key: string) {
  const headers = [["x-amz-checksum-mode", "ENABLED"]] as const;
  return s3.send({ method: "HEAD", target: `/bucket/${key}`, headers });
}

function errorOf(text: string): string {
  const read = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1] ?? "";
  return `${read("Code")}: ${read("Message").replaceAll("&quot;", '"')}`;
}

async function isStored(s3: TestS3, key: string): Promise<boolean> {
  return (await head(s3, key)).status === 200;
}

test("form: stored as a PUT would have, and answered with 204", async () => {
  const s3 = await withBucket();
  const fields = {
    key: "up/${filename}",
    "Content-Type": "text/plain",
    "Cache-Control": "no-cache",
    Expires: "never",
    acl: "private",
    "x-amz-meta-Colour": "blå ${filename}",
    tagging: "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
  };
  const names = Object.keys(fields).slice(1);
  const conditions = names.map((name) => ["starts-with", `$${name}`, ""]);
  const answer = await post(s3, fields, { conditions, filename: "C:\\my\\ä.txt" });
  assert.deepEqual([answer.status, answer.text], [204, ""], answer.text);
  assert.equal(answer.headers.get("etag"), `"${toHex(hash.digest("md5", encodeUtf8("content")))}"`);
  assert.equal(answer.headers.get("location"), "http://s3.test/bucket/up%2F%C3%A4.txt");
  const stored = await s3.send({ method: "GET", target: "/bucket/up/%C3%A4.txt" });
  assert.equal(stored.text, "content");
  assert.equal(stored.headers.get("content-type"), "text/plain");
  assert.equal(stored.headers.get("cache-control"), "no-cache");
  assert.equal(stored.headers.get("expires"), "never");
  assert.equal(stored.headers.get("x-amz-tagging-count"), "1");
  assert.equal(stored.headers.get("x-amz-meta-colour"), "=?UTF-8?Q?bl=C3=A5_=C3=A4.txt?=");
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json, test_post_object_with_unicode_metadata.
test("form: metadata that looks like an encoded word stays as it is, unlike a header's", async () => {
  const s3 = await withBucket();
  for (const text of ["=?UTF-8?Q?actually-ascii?=", "=?UTF-8?B?YWJj?="]) {
    const conditions = [["eq", "$x-amz-meta-text", text]];
    const answer = await post(s3, { key: "words", "x-amz-meta-text": text }, { conditions });
    assert.equal(answer.status, 204, answer.text);
    const stored = await s3.send({ method: "HEAD", target: "/bucket/words" });
    assert.equal(stored.headers.get("x-amz-meta-text"), text);
  }
});

test("form: signed by Signature V2, with field names in any case", async () => {
  const s3 = await withBucket();
  const expiration = new Date(s3.store.platform.clock.now() + 1000).toISOString();
  const conditions = [{ bUcKeT: "bucket" }, ["StArTs-WiTh", "$KeY", "a"]];
  const { policy = "", ...signing } = signPolicyV2(hash, { expiration, conditions });
  const parts = formParts({ kEy: "a", ...signing, pOLICy: policy }, "content");
  assert.equal((await s3.send(formRequest(parts))).status, 204);
  assert.ok(await isStored(s3, "a"));
});

test("form: as FormData encodes it, which is what browsers send", async () => {
  const s3 = await withBucket();
  const conditions = [...usual, ["starts-with", "$x-amz-meta-text", ""]];
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), conditions);
  const data = new FormData();
  const fields = { key: "k/${filename}", "x-amz-meta-text": "two\nlines", ...signing };
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  const content = `${testBoundary}\r\n--${"x".repeat(200_000)}\r\n`;
  data.append("file", new Blob([content], { type: "text/plain" }), "ä;b.txt");
  data.append("submit", "Upload");
  const encoded = new Response(data);
  const contentType = encoded.headers.get("content-type") ?? "";
  const body = new Uint8Array(await encoded.arrayBuffer());
  const headers = [["content-type", contentType]] as const;
  const answer = await s3.send({ ...formRequest([]), headers, body });
  assert.equal(answer.status, 204, answer.text);
  const stored = await s3.send({ method: "GET", target: "/bucket/k/%C3%A4;b.txt" });
  assert.equal(stored.text, content);
  assert.equal(stored.headers.get("x-amz-meta-text"), "=?UTF-8?Q?two=0D=0Alines?=");
});

test("form: without a file name the variable stays in the key; an empty one leaves it empty", async () => {
  const s3 = await withBucket();
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), usual);
  const parts = formParts({ key: "a-${filename}", ...signing }, "content");
  const bare = parts.map((part) => ({ ...part, filename: undefined }));
  assert.equal((await s3.send(formRequest(bare))).status, 204);
  assert.ok(await isStored(s3, "a-$%7Bfilename%7D"));
  assert.equal((await post(s3, { key: "a-${filename}" }, { filename: "" })).status, 204);
  assert.ok(await isStored(s3, "a-"));
});

test("form: the answer is the one it asks for", async () => {
  const s3 = await withBucket();
  const conditions = [["starts-with", "$success_action_status", ""]];
  const status = async (wanted: string) =>
    await post(s3, { key: "a/b c", success_action_status: wanted }, { conditions });
  assert.equal((await status("200")).status, 200);
  assert.equal((await status("404")).status, 204);
  const created = await status("201");
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("content-type"), "application/xml");
  assert.match(
    created.text,
    /<PostResponse><Location>http:\/\/s3.test\/bucket\/a%2Fb%20c<\/Location><Bucket>bucket<\/Bucket><Key>a\/b c<\/Key><ETag>&quot;[0-9a-f]{32}&quot;<\/ETag><\/PostResponse>/,
  );
});

test("form: in a versioned bucket the answer names the version", async () => {
  const s3 = await withBucket();
  const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  await s3.send({ method: "PUT", target: "/bucket?versioning", body });
  const answer = await post(s3, { key: "k" });
  const version = answer.headers.get("x-amz-version-id");
  assert.match(version ?? "", /^[\w-]{32}$/);
  assert.equal((await head(s3, "k")).headers.get("x-amz-version-id"), version);
});

test("form: the browser is sent where the form says, with what was stored", async () => {
  const s3 = await withBucket();
  const etag = toHex(hash.digest("md5", encodeUtf8("content")));
  const redirect = async (field: string, address: string) => {
    const conditions = [["starts-with", `$${field}`, ""]];
    const answer = await post(s3, { key: "a/b c", [field]: address }, { conditions });
    return [answer.status, answer.headers.get("location")];
  };
  const result = `bucket=bucket&key=a%2Fb+c&etag=%22${etag}%22`;
  const name = "success_action_redirect";
  assert.deepEqual(await redirect(name, "http://x.test/y"), [303, `http://x.test/y?${result}`]);
  const queried = await redirect("redirect", "https://x.test/?a=b#c");
  assert.deepEqual(queried, [303, `https://x.test/?a=b&${result}#c`]);
  const split = await redirect(name, "http://x.test/\r\nset-cookie: a=ü");
  assert.deepEqual(split, [303, `http://x.test/%0D%0Aset-cookie: a=%C3%BC?${result}`]);
  assert.equal((await redirect(name, "/relative"))[0], 204);
});

test("form: what the policy does not allow is refused, and nothing is stored", async () => {
  const s3 = await withBucket();
  const refused = "AccessDenied: Invalid according to Policy: ";
  const wrong = await post(s3, { key: "b" }, { conditions: [["eq", "$key", "a"]] });
  assert.equal(wrong.status, 403);
  assert.equal(errorOf(wrong.text), `${refused}Policy Condition failed: ["eq", "$key", "a"]`);
  const extra = await post(s3, { key: "b", "x-amz-meta-a": "b" });
  assert.equal(errorOf(extra.text), `${refused}Extra input fields: x-amz-meta-a`);
  const signing = signPolicyV4(hash, s3.store.platform.clock.now() - 3_600_001, usual);
  const expired = await s3.send(formRequest(formParts({ key: "b", ...signing }, "x")));
  assert.equal(errorOf(expired.text), `${refused}Policy expired.`);
  assert.equal(await isStored(s3, "b"), false);
});

test("form: a wrong or missing signature is refused", async () => {
  const s3 = await withBucket();
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), usual);
  const send = (changed: Fields) =>
    s3.send(formRequest(formParts({ key: "b", ...signing, ...changed }, "x")));
  const tampered = await send({ "x-amz-signature": "0".repeat(64) });
  assert.match(errorOf(tampered.text), /^SignatureDoesNotMatch/);
  assert.ok(tampered.text.includes(`<StringToSign>${signing["policy"]}</StringToSign>`));
  const anonymous = await s3.send(formRequest(formParts({ key: "b" }, "x")));
  assert.deepEqual(
    [anonymous.status, errorOf(anonymous.text)],
    [403, "AccessDenied: Access Denied"],
  );
  const { "x-amz-signature": _, ...unsigned } = signing;
  const missing = await s3.send(formRequest(formParts({ key: "b", ...unsigned }, "x")));
  assert.equal(
    errorOf(missing.text),
    "InvalidArgument: Bucket POST must contain a field named 'X-Amz-Signature'.  " +
      "If it is specified, please check the order of the fields.",
  );
  const keyless = await s3.send(formRequest(formParts(signing, "x")));
  assert.match(
    errorOf(keyless.text),
    /^InvalidArgument: Bucket POST must contain a field named 'key'/,
  );
  const twice = {
    ...formRequest(formParts({ key: "b", ...signing }, "x")),
    signature: "header",
  } as const;
  assert.match(errorOf((await s3.send(twice)).text), /^InvalidArgument: Only one auth mechanism/);
  assert.equal(await isStored(s3, "b"), false);
});

test("form: the request around it may be signed in its place, and then vouches for its bytes", async () => {
  const s3 = await withBucket();
  const request = {
    ...formRequest(formParts({ key: "b" }, "content")),
    signature: "header",
  } as const;
  const wrong = await s3.send({ ...request, contentSha256: "0".repeat(64) });
  assert.match(errorOf(wrong.text), /^XAmzContentSHA256Mismatch/);
  assert.equal(await isStored(s3, "b"), false);
  assert.equal((await s3.send(request)).status, 204);
  assert.ok(await isStored(s3, "b"));
});

test("form: the file's size must be what the policy says, and no more of it is read", async () => {
  const s3 = await withBucket();
  const conditions = [["content-length-range", 5, 10]];
  const small = await post(s3, { key: "b" }, { conditions, file: "1234" });
  assert.match(small.text, /<Code>EntityTooSmall<.*<ProposedSize>4<.*<MinSizeAllowed>5</);
  const large = await post(s3, { key: "b" }, { conditions, file: "12345678901" });
  assert.match(large.text, /<Code>EntityTooLarge<.*<ProposedSize>\d+<.*<MaxSizeAllowed>10</);
  assert.equal(await isStored(s3, "b"), false);
  assert.equal((await post(s3, { key: "b" }, { conditions, file: "1234567890" })).status, 204);
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), [...usual, ...conditions]);
  const whole = encodeForm(formParts({ key: "endless", ...signing }, ""));
  let pulled = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield whole.subarray(0, whole.length - `\r\n--${testBoundary}--\r\n`.length);
    for (;;) {
      pulled += 1;
      yield new Uint8Array(1000);
    }
  }
  const request = { ...formRequest([]), contentLength: undefined, stream: endless() };
  assert.match(errorOf((await s3.send(request)).text), /^EntityTooLarge/);
  assert.equal(pulled, 1);
});

test("C3: a form that proves wrong at its end leaves nothing", async () => {
  const s3 = await withBucket();
  const conditions = [["content-length-range", 0, 100]];
  const value = toBase64(hash.digest("sha256", encodeUtf8("content")));
  const sum = "x-amz-checksum-sha256";
  const bad = await post(s3, { key: "b", [sum]: toBase64(new Uint8Array(32)) }, { conditions });
  assert.match(errorOf(bad.text), /^BadDigest/);
  const invalid = await post(s3, { key: "b", [sum]: "sailor" });
  assert.match(errorOf(invalid.text), /^InvalidRequest: Value for x-amz-checksum-sha256/);
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), usual);
  const whole = encodeForm(formParts({ key: "b", ...signing }, "content"));
  const cut = await s3.send({ ...formRequest([]), body: whole.subarray(0, whole.length - 5) });
  assert.match(errorOf(cut.text), /^MalformedPOSTRequest/);
  assert.equal(await isStored(s3, "b"), false);
  assert.equal((await post(s3, { key: "b", [sum]: value }, { conditions })).status, 204);
  assert.equal((await head(s3, "b")).headers.get(sum), value);
});

test("form: a request that is no form is refused in S3's words", async () => {
  const s3 = await withBucket();
  const request = formRequest(formParts({ key: "b" }, "x"));
  const html = await s3.send({ ...request, headers: [["content-type", "text/html"]] });
  assert.equal(html.status, 412);
  assert.match(
    html.text,
    /<Condition>Bucket POST must be of the enclosure-type multipart\/form-data</,
  );
  const boundless = await s3.send({
    ...request,
    headers: [["content-type", "multipart/form-data"]],
  });
  assert.match(errorOf(boundless.text), /^MalformedPOSTRequest/);
});

test("form: what this store does not do is refused, as in a PUT", async () => {
  const s3 = await withBucket();
  const refusal = async (name: string, value: string) => {
    const { text } = await post(
      s3,
      { key: "b", [name]: value },
      {
        conditions: [["starts-with", `$${name}`, ""]],
      },
    );
    return errorOf(text).split(":")[0];
  };
  assert.equal(await refusal("acl", "public-read"), "NotImplemented");
  assert.equal(await refusal("x-amz-server-side-encryption", "AES256"), "NotImplemented");
  assert.equal(await refusal("x-amz-storage-class", "NONE"), "InvalidStorageClass");
  assert.equal(await refusal("tagging", "not-xml"), "MalformedXML");
  assert.equal(await refusal("Content-Type", "a\r\nset-cookie: b"), "InvalidArgument");
  assert.equal(await refusal("x-amz-meta-a b", "c"), "InvalidArgument");
  assert.equal(await refusal("x-amz-security-token", "t"), "InvalidToken");
  assert.equal(await isStored(s3, "b"), false);
});

// Recorded from AWS: LocalStack's test_s3.snapshot.json, test_post_object_with_tags[invalid] and
// [notxml].
test("form: a tagging field with another document means no tags; one that is not XML is refused", async () => {
  const s3 = await withBucket();
  const tagged = (tagging: string) =>
    post(s3, { key: "b", tagging }, { conditions: [["eq", "$tagging", tagging]] });
  const malformed = await tagged("not-xml");
  assert.equal(malformed.status, 400);
  assert.match(errorOf(malformed.text), /^MalformedXML/);
  assert.equal(await isStored(s3, "b"), false);
  assert.equal((await tagged("<InvalidXmlTagging></InvalidXmlTagging>")).status, 204);
  const stored = await s3.send({ method: "HEAD", target: "/bucket/b" });
  assert.deepEqual([stored.status, stored.headers.has("x-amz-tagging-count")], [200, false]);
});

test("form: a key of more than 1,024 bytes is refused, and what must not be replaced is not", async () => {
  const s3 = await withBucket();
  const long = await post(s3, { key: "é".repeat(513) });
  assert.match(errorOf(long.text), /^KeyTooLongError/);
  assert.equal((await post(s3, { key: "b" })).status, 204);
  const signing = signPolicyV4(hash, s3.store.platform.clock.now(), usual);
  const request = formRequest(formParts({ key: "b", ...signing }, "other"));
  const headers = [...(request.headers ?? []), ["if-none-match", "*"]] as const;
  assert.equal((await s3.send({ ...request, headers })).status, 412);
  assert.equal((await s3.send({ method: "GET", target: "/bucket/b" })).text, "content");
});
