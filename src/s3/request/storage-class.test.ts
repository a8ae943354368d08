import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import { formParts, formRequest, signPolicyV4 } from "../testing/forms.ts";
import { type TestS3, createTestS3, elementOf, errorOf } from "../testing/test-s3.ts";

// The answers are those that LocalStack recorded from AWS: test_s3.snapshot.json,
// test_put_object_storage_class, …_outposts, test_s3_copy_object_storage_class,
// test_post_object_with_storage_class.

const hash = createHash();
const header = "x-amz-storage-class";
const instant = ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"];

async function withBucket(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  return s3;
}

function put(s3: TestS3, key: string, headers: HeaderList) {
  return s3.send({ method: "PUT", target: `/bucket/${key}`, headers, body: "body" });
}

/** The class that each way to ask about an object shows; undefined where it shows none. */
async function shown(s3: TestS3, key: string) {
  const header = "x-amz-storage-class";
  const attributes: HeaderList = [["x-amz-object-attributes", "StorageClass"]];
  const get = await s3.send({ method: "GET", target: `/bucket/${key}` });
  const head = await s3.send({ method: "HEAD", target: `/bucket/${key}` });
  assert.equal(get.headers.get(header), head.headers.get(header));
  const targets = [
    `/bucket?prefix=${key}`,
    `/bucket?list-type=2&prefix=${key}`,
    `/bucket?versions&prefix=${key}`,
  ];
  const texts = targets.map(async (target) => (await s3.send({ method: "GET", target })).text);
  const described = { method: "GET", target: `/bucket/${key}?attributes`, headers: attributes };
  texts.push(s3.send(described).then(({ text }) => text));
  const elements = (await Promise.all(texts)).map((text) => elementOf(text, "StorageClass"));
  return { header: get.headers.get(header), elements: [...new Set(elements)] };
}

test("storage classes of instant access are kept, and shown wherever S3 shows them", async () => {
  const s3 = await withBucket();
  for (const name of [...instant, "REDUCED_REDUNDANCY"]) {
    const stored = await put(s3, name, [[header, name]]);
    assert.deepEqual([stored.status, stored.headers.has(header)], [200, false]);
    assert.deepEqual(await shown(s3, name), { header: name, elements: [name] });
  }
  await put(s3, "standard", [[header, "STANDARD"]]);
  await put(s3, "none", []);
  for (const key of ["standard", "none"]) {
    assert.deepEqual(await shown(s3, key), { header: undefined, elements: ["STANDARD"] });
  }
});

test("storage classes: an upload shows its own while it is under way, and the object has it", async () => {
  const s3 = await withBucket();
  const headers: HeaderList = [[header, "GLACIER_IR"]];
  const begun = await s3.send({ method: "POST", target: "/bucket/k?uploads", headers });
  const upload = `/bucket/k?uploadId=${elementOf(begun.text, "UploadId")}`;
  const part = await s3.send({ method: "PUT", target: `${upload}&partNumber=1`, body: "part" });
  for (const target of ["/bucket?uploads", upload]) {
    const { text } = await s3.send({ method: "GET", target });
    assert.equal(elementOf(text, "StorageClass"), "GLACIER_IR");
  }
  const list = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get("etag")}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  assert.equal((await s3.send({ method: "POST", target: upload, body })).status, 200);
  assert.deepEqual(await shown(s3, "k"), { header: "GLACIER_IR", elements: ["GLACIER_IR"] });
});

test("storage classes: a copy has the one that it names, not that of its source", async () => {
  const s3 = await withBucket();
  await put(s3, "source", [[header, "STANDARD_IA"]]);
  const copy = (key: string, ...headers: HeaderList) =>
    s3.send({
      method: "PUT",
      target: `/bucket/${key}`,
      headers: [["x-amz-copy-source", "bucket/source"], ...headers],
    });
  assert.equal((await copy("plain")).status, 200);
  assert.equal((await shown(s3, "plain")).header, undefined);
  assert.equal((await copy("named", [header, "ONEZONE_IA"])).status, 200);
  assert.equal((await shown(s3, "named")).header, "ONEZONE_IA");
  // Onto itself without a class it is illegal, though it would be STANDARD then.
  assert.match(errorOf(await copy("source")), /^InvalidRequest: This copy request is illegal/);
  assert.equal((await copy("source", [header, "STANDARD_IA"])).status, 200);
  assert.equal((await copy("source", [header, "STANDARD"])).status, 200);
  assert.equal((await shown(s3, "source")).header, undefined);
});

test("storage classes: a form names one in a field", async () => {
  const s3 = await withBucket();
  const post = (name: string) => {
    const conditions = [{ bucket: "bucket" }, { key: "k" }, ["starts-with", `$${header}`, ""]];
    const signing = signPolicyV4(hash, s3.store.platform.clock.now(), conditions);
    return s3.send(formRequest(formParts({ key: "k", [header]: name, ...signing }, "content")));
  };
  const refused = await post("FakeClass");
  assert.equal(elementOf(refused.text, "StorageClassRequested"), "FakeClass");
  assert.equal((await post("STANDARD_IA")).status, 204);
  assert.equal((await shown(s3, "k")).header, "STANDARD_IA");
});

test("storage classes that need a restore, or that there are not, are refused as AWS refuses unknown ones", async () => {
  const s3 = await withBucket();
  const names = [
    "GLACIER",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
    "standard_ia",
    "",
  ];
  for (const name of names) {
    const answers = [
      await put(s3, "k", [[header, name]]),
      await s3.send({ method: "POST", target: "/bucket/k?uploads", headers: [[header, name]] }),
    ];
    for (const answer of answers) {
      const expected = "InvalidStorageClass: The storage class you specified is not valid";
      assert.deepEqual([answer.status, errorOf(answer)], [400, expected], name);
      assert.equal(elementOf(answer.text, "StorageClassRequested"), name);
    }
  }
  assert.equal((await s3.send({ method: "GET", target: "/bucket/k" })).status, 404);
});
