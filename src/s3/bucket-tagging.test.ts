import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import {
  createTestS3,
  elementOf,
  errorOf,
  type TestResponse,
  type TestS3,
} from "./testing/test-s3.ts";

// What AWS answers: LocalStack's recorded answers (test_s3_api.snapshot.json:
// test_bucket_tagging_crud, test_bucket_tagging_exc), and versity/versitygw's tests, which were run
// against AWS.

const hash = createHash();
const target = "/bucket?tagging";

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket", as: "alice" });
  return s3;
}

function documentOf(tags: readonly (readonly [key: string, value: string])[]): string {
  const elements = tags.map(
    ([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${elements.join("")}</TagSet></Tagging>`;
}

const put = (s3: TestS3, body: string, as: "alice" | "bob" = "alice"): Promise<TestResponse> =>
  s3.send({ method: "PUT", target, body, as });
const send = (s3: TestS3, method: string, as: "alice" | "bob" = "alice"): Promise<TestResponse> =>
  s3.send({ method, target, as });

/** "key=value", in the order answered, or the error. */
async function tagsOf(s3: TestS3): Promise<readonly string[] | string> {
  const answer = await send(s3, "GET");
  if (answer.status !== 200) return errorOf(answer);
  const tags = answer.text.matchAll(/<Tag><Key>([^<]*)<\/Key><Value>([^<]*)<\/Value><\/Tag>/g);
  return Array.from(tags, ([, key, value]) => `${key}=${value}`);
}

const none = "NoSuchTagSet: The TagSet does not exist";

test("C2: bucket tagging: tags are put, replaced as a whole and deleted; objects stay as they are", async () => {
  const s3 = await withBucket();
  await s3.send({ method: "PUT", target: "/bucket/k", body: "hello", as: "alice" });
  const before = await send(s3, "GET");
  assert.deepEqual([before.status, errorOf(before)], [404, none]);
  assert.equal(elementOf(before.text, "BucketName"), "bucket");
  const tags = [
    ["b", ""],
    ["a", "1 + 2"],
  ] as const;
  assert.equal((await put(s3, documentOf(tags))).status, 204);
  assert.deepEqual(await tagsOf(s3), ["a=1 + 2", "b="]);
  assert.equal((await put(s3, documentOf([["c", "3"]]))).status, 204);
  assert.deepEqual(await tagsOf(s3), ["c=3"]);
  for (const _ of ["deleted", "deleted again"]) {
    assert.equal((await send(s3, "DELETE")).status, 204);
    assert.equal(await tagsOf(s3), none);
  }
  const object = await s3.send({ method: "GET", target: "/bucket/k", as: "alice" });
  assert.equal(object.text, "hello");
});

test("bucket tagging: an empty set counts as no tags", async () => {
  const s3 = await withBucket();
  await put(s3, documentOf([["a", "b"]]));
  assert.equal((await put(s3, documentOf([]))).status, 204);
  assert.equal(await tagsOf(s3), none);
});

test("bucket tagging: what is wrong with tags, in S3's words", async () => {
  const s3 = await withBucket();
  const tagged = (count: number) =>
    documentOf(
      Array.from({ length: count }, (_, index) => [`k${index}`, "v".repeat(256)] as const),
    );
  assert.equal((await put(s3, tagged(50))).status, 204);
  const invalid = (word: string) => `InvalidTag: The ${word} you have provided is invalid`;
  for (const [body, expected] of [
    [tagged(51), "BadRequest: Bucket tag count cannot be greater than 50"],
    [documentOf([["k".repeat(129), ""]]), invalid("TagKey")],
    [documentOf([["", "v"]]), invalid("TagKey")],
    [documentOf([["k", "v".repeat(257)]]), invalid("TagValue")],
    [documentOf([["aws:k", "v"]]), "InvalidTag: System tags cannot be added/updated by requester"],
    [
      documentOf([
        ["k", "1"],
        ["k", "2"],
      ]),
      "InvalidTag: Cannot provide multiple Tags with the same key",
    ],
  ] as const) {
    const answer = await put(s3, body);
    assert.deepEqual([answer.status, errorOf(answer)], [400, expected]);
  }
  assert.match(errorOf(await put(s3, "<Tagging/>")), /^MalformedXML:/);
  assert.equal((await tagsOf(s3)).length, 50);
});

test("bucket tagging: of buckets that are not there, and of others'", async () => {
  const s3 = await withBucket();
  await put(s3, documentOf([["a", "b"]]));
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? documentOf([]) : "";
    const nowhere = await s3.send({ method, target: "/nowhere?tagging", body, as: "alice" });
    assert.deepEqual([nowhere.status, elementOf(nowhere.text, "Code")], [404, "NoSuchBucket"]);
    const foreign = await s3.send({ method, target, body, as: "bob" });
    assert.deepEqual([foreign.status, elementOf(foreign.text, "Code")], [403, "AccessDenied"]);
  }
  assert.deepEqual(await tagsOf(s3), ["a=b"]);
});

test("C5: bucket tagging: a bucket that is made again under a name has none of the old one's tags", async () => {
  const s3 = await withBucket();
  await put(s3, documentOf([["a", "b"]]));
  assert.equal((await s3.send({ method: "DELETE", target: "/bucket", as: "alice" })).status, 204);
  assert.match(errorOf(await send(s3, "GET")), /^NoSuchBucket:/);
  await s3.send({ method: "PUT", target: "/bucket", as: "alice" });
  assert.equal(await tagsOf(s3), none);
});
