import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type TestResponse, type TestS3, createTestS3 } from "../testing/test-s3.ts";
import { elementOf, errorOf } from "../testing/test-s3.ts";

const hash = createHash();

async function withObject(versioning = false): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  if (versioning) await s3.send({ method: "PUT", target: "/bucket?versioning", body });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "hello" });
  return s3;
}

function documentOf(tags: readonly (readonly [key: string, value: string])[]): string {
  const elements = tags.map(
    ([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${elements.join("")}</TagSet></Tagging>`;
}

function put(s3: TestS3, body: string, target = "/bucket/k?tagging"): Promise<TestResponse> {
  return s3.send({ method: "PUT", target, body });
}

/** "key=value", in the order answered. */
async function tagsOf(s3: TestS3, target = "/bucket/k?tagging"): Promise<string[]> {
  const { text } = await s3.send({ method: "GET", target });
  const tags = text.matchAll(/<Tag><Key>([^<]*)<\/Key><Value>([^<]*)<\/Value><\/Tag>/g);
  return Array.from(tags, ([, key, value]) => `${key}=${value}`);
}

test("tagging: put, counted, replaced and deleted; the object stays as it is", async () => {
  const s3 = await withObject();
  const before = await s3.send({ method: "HEAD", target: "/bucket/k" });
  assert.deepEqual(await tagsOf(s3), []);
  s3.store.platform.advance(60_000);
  assert.equal(
    (
      await put(
        s3,
        documentOf([
          ["b", ""],
          ["a", "1 + 2"],
        ]),
      )
    ).status,
    200,
  );
  assert.deepEqual(await tagsOf(s3), ["a=1 + 2", "b="]);
  const tagged = await s3.send({ method: "HEAD", target: "/bucket/k" });
  assert.equal(tagged.headers.get("x-amz-tagging-count"), "2");
  assert.equal(tagged.headers.get("last-modified"), before.headers.get("last-modified"));
  assert.equal((await put(s3, documentOf([["c", "3"]]))).status, 200);
  assert.deepEqual(await tagsOf(s3), ["c=3"]);
  assert.equal((await s3.send({ method: "DELETE", target: "/bucket/k?tagging" })).status, 204);
  assert.deepEqual(await tagsOf(s3), []);
  assert.equal((await s3.send({ method: "GET", target: "/bucket/k" })).text, "hello");
});

test("tagging: what is wrong with tags, in S3's words", async () => {
  const s3 = await withObject();
  const longest = [["k".repeat(128), "v".repeat(256)]] as const;
  assert.equal((await put(s3, documentOf(longest))).status, 200);
  const invalid = (word: string) => `InvalidTag: The ${word} you have provided is invalid`;
  const many = Array.from({ length: 11 }, (_, index) => [`${index}`, ""] as const);
  for (const [body, expected] of [
    // Here and of empty keys: versity/versitygw, s3err/s3err.go and backend/common.go, which follow
    // AWS's answers.
    [documentOf(many), "BadRequest: Object tags cannot be greater than 10"],
    [documentOf([["k".repeat(129), ""]]), invalid("TagKey")],
    [documentOf([["", "v"]]), invalid("TagKey")],
    [documentOf([["k1,k2", "v"]]), invalid("TagKey")],
    [documentOf([["k", "v".repeat(257)]]), invalid("TagValue")],
    [documentOf([["k", "v1,v2"]]), invalid("TagValue")],
    [documentOf([["aws:k", "v"]]), "InvalidTag: Your TagKey cannot be prefixed with aws:"],
    [
      documentOf([
        ["k", "1"],
        ["k", "2"],
      ]),
      "InvalidTag: Cannot provide multiple Tags with the same key",
    ],
  ] as const) {
    assert.equal(errorOf(await put(s3, body)), expected);
  }
  for (const body of [
    "",
    "<Tagging/>",
    "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
  ]) {
    assert.match(errorOf(await put(s3, body)), /^MalformedXML:/);
  }
  assert.deepEqual(await tagsOf(s3), [longest[0].join("=")]);
});

test("tagging: of what is not there", async () => {
  const s3 = await withObject();
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? documentOf([]) : "";
    const key = await s3.send({ method, target: "/bucket/other?tagging", body });
    assert.match(key.text, /<Code>NoSuchKey<.*<Key>other</);
    const bucket = await s3.send({ method, target: "/nowhere/k?tagging", body });
    assert.match(bucket.text, /<Code>NoSuchBucket<.*<BucketName>nowhere</);
  }
});

test("tagging: each version has its own; delete markers have none, also as the latest", async () => {
  const s3 = await withObject(true);
  const first = (await s3.send({ method: "HEAD", target: "/bucket/k" })).headers.get(
    "x-amz-version-id",
  );
  await s3.send({ method: "PUT", target: "/bucket/k", body: "two" });
  const older = `/bucket/k?tagging&versionId=${first}`;
  const done = await put(s3, documentOf([["of", "first"]]), older);
  assert.equal(done.headers.get("x-amz-version-id"), first);
  assert.deepEqual(await tagsOf(s3), []);
  assert.deepEqual(await tagsOf(s3, older), ["of=first"]);
  const marker = (await s3.send({ method: "DELETE", target: "/bucket/k" })).headers.get(
    "x-amz-version-id",
  );
  for (const target of ["/bucket/k?tagging", `/bucket/k?tagging&versionId=${marker}`]) {
    const answer = await s3.send({ method: "GET", target });
    assert.equal(answer.status, 405);
    assert.equal(elementOf(answer.text, "ResourceType"), "DeleteMarker");
    assert.equal(answer.headers.get("x-amz-delete-marker"), "true");
  }
});

test("tagging: tags that come with a PUT, an upload or a copy", async () => {
  const s3 = await withObject();
  const tagging = (value: string): HeaderList => [["x-amz-tagging", value]];
  const send = (method: string, target: string, headers: HeaderList) =>
    s3.send({ method, target, headers });
  await send("PUT", "/bucket/k", tagging("foo=bar&bar"));
  assert.deepEqual(await tagsOf(s3), ["bar=", "foo=bar"]);
  const words =
    "InvalidArgument: The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query " +
    "parameters without tag name duplicates.";
  for (const value of ["a=1&a=2", "a=1,b=2", "a=%zz", "=v", "a=1&="]) {
    assert.equal(errorOf(await send("PUT", "/bucket/k", tagging(value))), words);
    assert.equal(errorOf(await send("POST", "/bucket/k?uploads", tagging(value))), words);
  }
  const many = Array.from({ length: 11 }, (_, index) => `t${index}=`).join("&");
  const tooMany = "BadRequest: Object tags cannot be greater than 10";
  assert.equal(errorOf(await send("PUT", "/bucket/k", tagging(many))), tooMany);
  const source = ["x-amz-copy-source", "bucket/k"] as const;
  await send("PUT", "/bucket/c", [source, ...tagging("other=1")]);
  assert.deepEqual(await tagsOf(s3, "/bucket/c?tagging"), ["bar=", "foo=bar"]);
  const replace = ["x-amz-tagging-directive", "REPLACE"] as const;
  await send("PUT", "/bucket/c", [source, replace, ...tagging("other=1")]);
  assert.deepEqual(await tagsOf(s3, "/bucket/c?tagging"), ["other=1"]);
  await send("PUT", "/bucket/c", [source, replace]);
  assert.deepEqual(await tagsOf(s3, "/bucket/c?tagging"), []);
});

test("tagging: tags on a copy need the right to put tags", async () => {
  const s3 = await createTestS3(hash, {
    authorize: (_, action) => Promise.resolve(action !== "s3:PutObjectTagging"),
  });
  await s3.send({ method: "PUT", target: "/bucket" });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "hello" });
  const headers: HeaderList = [
    ["x-amz-copy-source", "bucket/k"],
    ["x-amz-tagging-directive", "REPLACE"],
    ["x-amz-tagging", "a=b"],
  ];
  assert.equal((await s3.send({ method: "PUT", target: "/bucket/c", headers })).status, 403);
});
