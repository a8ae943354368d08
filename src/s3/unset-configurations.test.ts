import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { route } from "./operations.ts";
import { type TestS3, createTestS3, elementOf, errorOf } from "./testing/test-s3.ts";

// What AWS answers for a bucket just made: LocalStack's recorded answers
// (test_s3_api.snapshot.json: …_crud, …_exc; test_s3.snapshot.json: test_get_bucket_policy,
// test_delete_bucket_lifecycle_configuration, test_replication_config, test_put_bucket_logging,
// test_s3_analytics_configurations, test_s3_object_retention_exc; test_s3_cors.snapshot.json:
// test_get_cors) and, for the documents' elements, the API reference of each operation.

const hash = createHash();

async function withObject(): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket", as: "alice" });
  await s3.send({ method: "PUT", target: "/bucket/k", body: "x", as: "alice" });
  return s3;
}

const read = (s3: TestS3, target: string, as: "alice" | "bob" = "alice") =>
  s3.send({ method: "GET", target, as });

const missing = [
  ["policy", "NoSuchBucketPolicy: The bucket policy does not exist"],
  ["policyStatus", "NoSuchBucketPolicy: The bucket policy does not exist"],
  ["lifecycle", "NoSuchLifecycleConfiguration: The lifecycle configuration does not exist"],
  ["cors", "NoSuchCORSConfiguration: The CORS configuration does not exist"],
  [
    "website",
    "NoSuchWebsiteConfiguration: The specified bucket does not have a website configuration",
  ],
  [
    "object-lock",
    "ObjectLockConfigurationNotFoundError: Object Lock configuration does not exist for this bucket",
  ],
  [
    "replication",
    "ReplicationConfigurationNotFoundError: The replication configuration was not found",
  ],
  ["metadataTable", "MetadataConfigurationNotFound: The metadata configuration does not exist."],
  [
    "metadataConfiguration",
    "MetadataConfigurationNotFound: The metadata configuration does not exist.",
  ],
  // As AWS answered before it encrypted everything: nothing is encrypted here.
  [
    "encryption",
    "ServerSideEncryptionConfigurationNotFoundError: The server side encryption configuration was not found",
  ],
] as const;

test("a fresh bucket: what is not configured is 404 with the code that S3 has for it", async () => {
  const s3 = await withObject();
  for (const [name, error] of missing) {
    const answer = await read(s3, `/bucket?${name}`);
    assert.deepEqual([answer.status, errorOf(answer)], [404, error]);
    assert.equal(elementOf(answer.text, "BucketName"), "bucket");
  }
  for (const name of ["inventory", "analytics", "metrics", "intelligent-tiering"]) {
    const answer = await read(s3, `/bucket?${name}&id=daily`);
    assert.equal(
      errorOf(answer),
      "NoSuchConfiguration: The specified configuration does not exist.",
    );
    const list = await read(s3, `/bucket?${name}`);
    assert.deepEqual([list.status, elementOf(list.text, "IsTruncated")], [200, "false"]);
  }
});

const documents: readonly (readonly [name: string, content: RegExp])[] = [
  ["abac", /<AbacStatus [^>]*><Status>Disabled<\/Status><\/AbacStatus>$/],
  ["notification", /<NotificationConfiguration [^>]*><\/NotificationConfiguration>$/],
  ["logging", /<BucketLoggingStatus [^>]*><\/BucketLoggingStatus>$/],
  ["accelerate", /<AccelerateConfiguration [^>]*><\/AccelerateConfiguration>$/],
  ["requestPayment", /<RequestPaymentConfiguration [^>]*><Payer>BucketOwner<\/Payer></],
  ["ownershipControls", /<Rule><ObjectOwnership>BucketOwnerEnforced<\/ObjectOwnership><\/Rule>/],
  ["publicAccessBlock", /(<(\w+)>true<\/\2>){4}<\/PublicAccessBlockConfiguration>$/],
];

test("a fresh bucket: what holds by default is answered as a document", async () => {
  const s3 = await withObject();
  for (const [name, content] of documents) {
    const answer = await read(s3, `/bucket?${name}`);
    assert.equal(answer.status, 200, name);
    assert.match(answer.text, content);
  }
});

test("access control lists: the owner alone has access, to the bucket and to what is in it", async () => {
  const s3 = await withObject();
  const owner = "a".repeat(64);
  for (const target of ["/bucket?acl", "/bucket/k?acl"]) {
    const { status, text } = await read(s3, target);
    assert.equal(status, 200);
    assert.match(text, new RegExp(`<Owner><ID>${owner}</ID></Owner>`));
    const grant = `<ID>${owner}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>`;
    assert.ok(text.includes(grant), text);
  }
  assert.match(errorOf(await read(s3, "/bucket/none?acl")), /^NoSuchKey/);
});

test("object lock: a bucket without it says so for each object that is there", async () => {
  const s3 = await withObject();
  for (const name of ["retention", "legal-hold"]) {
    const answer = await read(s3, `/bucket/k?${name}`);
    const expected = "InvalidRequest: Bucket is missing Object Lock Configuration";
    assert.deepEqual([answer.status, errorOf(answer)], [400, expected]);
    assert.match(errorOf(await read(s3, `/bucket/none?${name}`)), /^NoSuchKey/);
  }
});

const isBuilt = (method: string, name: string): boolean => {
  const query = new Map([[name, ""]]);
  return route(method, { kind: "bucket", query }, new Map())?.run !== undefined;
};

test("a fresh bucket: others get no answer about it, and what is not built can't be set", async () => {
  const s3 = await withObject();
  const names = [...missing, ...documents].map(([name]) => name);
  for (const name of [...names, "acl"]) {
    assert.match(errorOf(await read(s3, `/bucket?${name}`, "bob")), /^AccessDenied/);
    assert.match(errorOf(await read(s3, `/none?${name}`)), /^NoSuchBucket:/);
    if (name === "policyStatus") continue;
    const method = name.startsWith("metadata") ? "POST" : "PUT";
    if (isBuilt(method, name)) continue;
    const put = { method, target: `/bucket?${name}`, body: "<x/>", as: "alice" } as const;
    assert.equal((await s3.send(put)).status, 501, name);
  }
});
