import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sdk from "@aws-sdk/client-s3";
import { must } from "../base/assert.ts";
import { Scratch, ServedStore, started } from "../node/testing/served-store.ts";

// The operations on versions, tags and attributes as the JavaScript SDK sends them and reads their
// answers.

const Bucket = "bucket";
const scratch = new Scratch();
let served: ServedStore;
let client: sdk.S3Client;

before(async () => {
  served = new ServedStore([scratch.directory("data")]);
  const { endpoint, accessKeyId, secretAccessKey } = await started(served);
  const credentials = { accessKeyId, secretAccessKey };
  client = new sdk.S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  await client.send(
    new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
  );
});

after(async () => {
  client.destroy();
  await served[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

async function put(Key: string, Body: string): Promise<string> {
  const { VersionId } = await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body }));
  return must(VersionId, "each PUT makes a version");
}

async function read(Key: string, VersionId?: string): Promise<string | undefined> {
  const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key, VersionId }));
  return Body?.transformToString();
}

test("SDK: versions are listed page by page, read, deleted and restored", async () => {
  const first = await put("a/k", "one");
  const second = await put("a/k", "two");
  const status = await client.send(new sdk.GetBucketVersioningCommand({ Bucket }));
  assert.equal(status.Status, "Enabled");
  const removed = await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: "a/k" }));
  assert.equal(removed.DeleteMarker, true);
  await assert.rejects(read("a/k"), (error) => error instanceof sdk.NoSuchKey);
  const marker = must(removed.VersionId, "a delete makes a marker");
  await assert.rejects(read("a/k", marker), /method is not allowed/);
  const listed: (string | undefined)[] = [];
  const pages = { client, pageSize: 1 };
  for await (const page of sdk.paginateListObjectsV2(pages, { Bucket })) {
    assert.equal(page.KeyCount, 0);
  }
  let markers: Pick<sdk.ListObjectVersionsCommandInput, "KeyMarker" | "VersionIdMarker"> = {};
  for (;;) {
    const input = { Bucket, Prefix: "a/", MaxKeys: 1, ...markers };
    const page = await client.send(new sdk.ListObjectVersionsCommand(input));
    listed.push(
      ...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map((v) => v.VersionId),
    );
    if (page.IsTruncated !== true) break;
    markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
  assert.deepEqual(listed, [marker, second, first]);
  const CopySource = `${Bucket}/a/k?versionId=${first}`;
  const copy = await client.send(new sdk.CopyObjectCommand({ Bucket, Key: "a/k", CopySource }));
  assert.equal(copy.CopySourceVersionId, first);
  assert.equal(await read("a/k"), "one");
  const Objects = [first, second, marker].map((VersionId) => ({ Key: "a/k", VersionId }));
  const command = new sdk.DeleteObjectsCommand({
    Bucket,
    Delete: { Objects },
    BypassGovernanceRetention: true,
  });
  const { Deleted = [], Errors } = await client.send(command);
  assert.equal(Errors, undefined);
  assert.deepEqual(
    Deleted.map((each) => each.VersionId),
    [first, second, marker],
  );
  assert.equal(await read("a/k", copy.VersionId), "one");
});

test("SDK: tags of versions", async () => {
  const Key = "tagged";
  const { VersionId } = await client.send(
    new sdk.PutObjectCommand({ Bucket, Key, Body: "x", Tagging: "a=1&b=%C3%A9" }),
  );
  await put(Key, "y");
  const version = { Bucket, Key, VersionId };
  const tags = await client.send(new sdk.GetObjectTaggingCommand(version));
  assert.deepEqual(tags.TagSet, [
    { Key: "a", Value: "1" },
    { Key: "b", Value: "é" },
  ]);
  const TagSet = [{ Key: "c", Value: "" }];
  await client.send(new sdk.PutObjectTaggingCommand({ ...version, Tagging: { TagSet } }));
  const { TagCount } = await client.send(new sdk.HeadObjectCommand(version));
  assert.equal(TagCount, 1);
  const gone = await client.send(new sdk.DeleteObjectTaggingCommand(version));
  assert.equal(gone.VersionId, VersionId);
  const none = await client.send(new sdk.GetObjectTaggingCommand(version));
  assert.deepEqual(none.TagSet, []);
});

test("SDK: attributes of an object of parts, and its parts by number", async () => {
  const Key = "parts";
  const address = { Bucket, Key };
  const { UploadId } = await client.send(
    new sdk.CreateMultipartUploadCommand({ ...address, ChecksumAlgorithm: "SHA256" }),
  );
  const Parts: sdk.CompletedPart[] = [];
  for (const [index, Body] of [new Uint8Array(5 * 1024 ** 2), new Uint8Array(3)].entries()) {
    const PartNumber = index + 1;
    const { ETag, ChecksumSHA256 } = await client.send(
      new sdk.UploadPartCommand({
        ...address,
        UploadId,
        PartNumber,
        Body,
        ChecksumAlgorithm: "SHA256",
      }),
    );
    Parts.push({ PartNumber, ETag, ChecksumSHA256 });
  }
  const completed = await client.send(
    new sdk.CompleteMultipartUploadCommand({ ...address, UploadId, MultipartUpload: { Parts } }),
  );
  const attributes = await client.send(
    new sdk.GetObjectAttributesCommand({
      ...address,
      ObjectAttributes: ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"],
      MaxParts: 1,
    }),
  );
  assert.equal(`"${attributes.ETag}"`, completed.ETag);
  assert.equal(`${attributes.Checksum?.ChecksumSHA256}-2`, completed.ChecksumSHA256);
  assert.equal(attributes.ObjectSize, 5 * 1024 ** 2 + 3);
  assert.equal(attributes.VersionId, completed.VersionId);
  assert.equal(attributes.ObjectParts?.TotalPartsCount, 2);
  assert.equal(attributes.ObjectParts?.IsTruncated, true);
  assert.equal(attributes.ObjectParts?.Parts?.[0]?.ChecksumSHA256, Parts[0]?.ChecksumSHA256);
  // The SDK compares the bytes with the part's checksum.
  const part = await client.send(
    new sdk.GetObjectCommand({ ...address, PartNumber: 2, ChecksumMode: "ENABLED" }),
  );
  assert.equal(part.PartsCount, 2);
  assert.equal((await part.Body?.transformToByteArray())?.length, 3);
});
