import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sdk from "@aws-sdk/client-s3";
import { Scratch, ServedStore, started } from "../node/testing/served-store.ts";

// What of a fresh bucket is not configured, as the JavaScript SDK reads it: its parser knows the
// elements of each document.

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
  await client.send(new sdk.PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
});

after(async () => {
  client.destroy();
  await served[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

test("SDK: access control lists, ownership and what is blocked", async () => {
  const acl = await client.send(new sdk.GetBucketAclCommand({ Bucket }));
  const [grant] = acl.Grants ?? [];
  assert.deepEqual(
    [grant?.Grantee?.Type, grant?.Grantee?.ID, grant?.Permission],
    ["CanonicalUser", acl.Owner?.ID, "FULL_CONTROL"],
  );
  const ofObject = await client.send(new sdk.GetObjectAclCommand({ Bucket, Key: "k" }));
  assert.deepEqual(ofObject.Grants, acl.Grants);
  const ownership = await client.send(new sdk.GetBucketOwnershipControlsCommand({ Bucket }));
  assert.equal(ownership.OwnershipControls?.Rules?.[0]?.ObjectOwnership, "BucketOwnerEnforced");
  const access = await client.send(new sdk.GetPublicAccessBlockCommand({ Bucket }));
  assert.deepEqual(access.PublicAccessBlockConfiguration, {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  });
});

test("SDK: documents without content, and lists without configurations", async () => {
  const payment = await client.send(new sdk.GetBucketRequestPaymentCommand({ Bucket }));
  assert.equal(payment.Payer, "BucketOwner");
  const logging = await client.send(new sdk.GetBucketLoggingCommand({ Bucket }));
  assert.equal(logging.LoggingEnabled, undefined);
  const accelerate = await client.send(new sdk.GetBucketAccelerateConfigurationCommand({ Bucket }));
  assert.equal(accelerate.Status, undefined);
  const notification = await client.send(
    new sdk.GetBucketNotificationConfigurationCommand({ Bucket }),
  );
  assert.equal(notification.QueueConfigurations, undefined);
  for (const list of [
    await client.send(new sdk.ListBucketInventoryConfigurationsCommand({ Bucket })),
    await client.send(new sdk.ListBucketAnalyticsConfigurationsCommand({ Bucket })),
    await client.send(new sdk.ListBucketMetricsConfigurationsCommand({ Bucket })),
    await client.send(new sdk.ListBucketIntelligentTieringConfigurationsCommand({ Bucket })),
  ]) {
    assert.equal(list.IsTruncated, false);
  }
});

test("SDK: what is missing has the name that tools look for", async () => {
  for (const [command, name] of [
    [new sdk.GetBucketPolicyCommand({ Bucket }), "NoSuchBucketPolicy"],
    [new sdk.GetBucketTaggingCommand({ Bucket }), "NoSuchTagSet"],
    [new sdk.GetBucketLifecycleConfigurationCommand({ Bucket }), "NoSuchLifecycleConfiguration"],
    [
      new sdk.GetBucketEncryptionCommand({ Bucket }),
      "ServerSideEncryptionConfigurationNotFoundError",
    ],
    [new sdk.GetObjectLockConfigurationCommand({ Bucket }), "ObjectLockConfigurationNotFoundError"],
  ] as const) {
    await assert.rejects(client.send(command as sdk.GetBucketPolicyCommand), { name });
  }
});
