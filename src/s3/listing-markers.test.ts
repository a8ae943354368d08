import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { type TestS3, createTestS3, elementOf, errorOf } from "./testing/test-s3.ts";

// Recorded from AWS: LocalStack's test_s3_list_operations.snapshot.json,
// test_list_objects_marker_common_prefixes, test_list_object_versions_pagination_common_prefixes,
// test_list_multipart_uploads_marker_common_prefixes, test_list_multiparts_next_marker,
// test_list_objects_v2_continuation_start_after. The keys are those of AWS's answers.

const hash = createHash();
const keys = ["folder/aSubfolder/subFile1", "folder/aSubfolder/subFile2", "folder/file1"];

async function withKeys(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  for (const key of keys) {
    await s3.send({ method: "PUT", target: `/bucket/${key}`, body: "content 123" });
    await s3.send({ method: "POST", target: `/bucket/${key}?uploads` });
  }
  return s3;
}

async function listed(s3: TestS3, query: string): Promise<readonly string[]> {
  const target = `/bucket?prefix=folder/&delimiter=/&${query}`;
  const { text } = await s3.send({ method: "GET", target });
  // The first prefix is what was asked for.
  const names = [...text.matchAll(/<(?:Key|CommonPrefixes><Prefix)>([^<]*)</g)];
  return names.map(([, name]) => name ?? "");
}

test("listings: a marker inside a common prefix has passed all of it", async () => {
  const s3 = await withKeys();
  const inside = "folder/aSubfolder/subFile1";
  const { text } = await s3.send({ method: "GET", target: "/bucket?uploads" });
  const upload = elementOf(text, "UploadId");
  for (const query of [
    `marker=${inside}`,
    `versions&key-marker=${inside}`,
    `versions&key-marker=${inside}&version-id-marker=null`,
    `uploads&key-marker=${inside}`,
    `uploads&key-marker=${inside}&upload-id-marker=${upload}`,
  ]) {
    assert.deepEqual(await listed(s3, query), ["folder/file1"], query);
  }
  // V2 begins after a key, and its tokens after a prefix or key that was shown.
  const again = await listed(s3, `list-type=2&start-after=${inside}`);
  assert.deepEqual(again.toSorted(), ["folder/aSubfolder/", "folder/file1"]);
});

test("ListMultipartUploads: an upload-id marker has to be one of its key, though that may have ended", async () => {
  const s3 = await withKeys();
  const { text } = await s3.send({ method: "GET", target: "/bucket?uploads" });
  const ids = [...text.matchAll(/<UploadId>([^<]*)</g)].map(([, id]) => id ?? "");
  const page = (key: string | undefined, id: string | undefined) =>
    s3.send({ method: "GET", target: `/bucket?uploads&key-marker=${key}&upload-id-marker=${id}` });
  const foreign = await page(keys[0], ids[1]);
  assert.equal(foreign.status, 400);
  assert.equal(errorOf(foreign), "InvalidArgument: Invalid uploadId marker");
  assert.equal(elementOf(foreign.text, "ArgumentName"), "upload-id-marker");
  assert.equal(elementOf(foreign.text, "ArgumentValue"), ids[1]);
  // Without a key it is ignored.
  assert.equal((await page("", ids[1])).status, 200);
  // Who lists page by page meets an upload that ends meanwhile.
  await s3.send({ method: "DELETE", target: `/bucket/${keys[0]}?uploadId=${ids[0]}` });
  const rest = await page(keys[0], ids[0]);
  assert.equal(elementOf(rest.text, "UploadId"), ids[1]);
});

test("ListObjectsV2: with a token, StartAfter has no effect and is not repeated", async () => {
  const s3 = await withKeys();
  const list = (query: string) =>
    s3.send({ method: "GET", target: `/bucket?list-type=2&max-keys=1&${query}` });
  const first = await list("start-after=folder/aSubfolder/");
  assert.equal(elementOf(first.text, "StartAfter"), "folder/aSubfolder/");
  const token = elementOf(first.text, "NextContinuationToken");
  const second = await list(`start-after=folder/z&continuation-token=${token}`);
  assert.equal(elementOf(second.text, "Key"), "folder/aSubfolder/subFile2");
  assert.equal(elementOf(second.text, "StartAfter"), undefined);
});
