import { describeObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, permit, xmlResponse } from "../call.ts";
import { S3Error, type S3ErrorCode } from "../errors.ts";
import type { OperationName } from "../operations.ts";
import {
  parseVersion,
  refusedVersion,
  versionAction,
  versionHeaders,
} from "../request/object-parameters.ts";
import {
  type Xml,
  element,
  granteeElement,
  plainElement,
  textElement,
  xmlDocument,
} from "../xml/xml-write.ts";

// Reads of configurations that no bucket here can have, since the operations that set them are not
// built. What S3 says of a bucket just made is the truth then: an error that there is none, or a
// document that says what holds by itself. Tools that look at all there is of a bucket (Terraform,
// mc, inventories) go on after either, and stop at NotImplemented.

/** The answer to a read of a configuration that is not set. */
interface Unset {
  readonly action: string;
  readonly answer: S3ErrorCode | ((owner: string) => Uint8Array);
}

const unsetOfBuckets = {
  GetBucketPolicy: { action: "GetBucketPolicy", answer: "NoSuchBucketPolicy" },
  GetBucketPolicyStatus: { action: "GetBucketPolicyStatus", answer: "NoSuchBucketPolicy" },
  GetBucketLifecycleConfiguration: {
    action: "GetLifecycleConfiguration",
    answer: "NoSuchLifecycleConfiguration",
  },
  GetBucketCors: { action: "GetBucketCORS", answer: "NoSuchCORSConfiguration" },
  GetBucketWebsite: { action: "GetBucketWebsite", answer: "NoSuchWebsiteConfiguration" },
  GetObjectLockConfiguration: {
    action: "GetBucketObjectLockConfiguration",
    answer: "ObjectLockConfigurationNotFoundError",
  },
  GetBucketReplication: {
    action: "GetReplicationConfiguration",
    answer: "ReplicationConfigurationNotFoundError",
  },
  // AWS encrypts what is in every bucket, and says so; here, bytes lie as they came.
  GetBucketEncryption: {
    action: "GetEncryptionConfiguration",
    answer: "ServerSideEncryptionConfigurationNotFoundError",
  },
  // Both versions of the configuration are read with the permission of the first.
  GetBucketMetadataTableConfiguration: {
    action: "GetBucketMetadataTableConfiguration",
    answer: "MetadataConfigurationNotFound",
  },
  GetBucketMetadataConfiguration: {
    action: "GetBucketMetadataTableConfiguration",
    answer: "MetadataConfigurationNotFound",
  },
  GetBucketInventoryConfiguration: {
    action: "GetInventoryConfiguration",
    answer: "NoSuchConfiguration",
  },
  GetBucketAnalyticsConfiguration: {
    action: "GetAnalyticsConfiguration",
    answer: "NoSuchConfiguration",
  },
  GetBucketMetricsConfiguration: {
    action: "GetMetricsConfiguration",
    answer: "NoSuchConfiguration",
  },
  GetBucketIntelligentTieringConfiguration: {
    action: "GetIntelligentTieringConfiguration",
    answer: "NoSuchConfiguration",
  },
  ListBucketInventoryConfigurations: {
    action: "GetInventoryConfiguration",
    answer: emptyList("ListInventoryConfigurationsResult"),
  },
  ListBucketAnalyticsConfigurations: {
    action: "GetAnalyticsConfiguration",
    answer: emptyList("ListBucketAnalyticsConfigurationResult"),
  },
  ListBucketMetricsConfigurations: {
    action: "GetMetricsConfiguration",
    answer: emptyList("ListMetricsConfigurationsResult"),
  },
  ListBucketIntelligentTieringConfigurations: {
    action: "GetIntelligentTieringConfiguration",
    answer: emptyList("ListBucketIntelligentTieringConfigurationsOutput"),
  },
  GetBucketAbac: {
    action: "GetBucketAbac",
    answer: () => xmlDocument("AbacStatus", [plainElement("Status", "Disabled")]),
  },
  GetBucketNotificationConfiguration: {
    action: "GetBucketNotification",
    answer: () => xmlDocument("NotificationConfiguration", []),
  },
  GetBucketLogging: {
    action: "GetBucketLogging",
    answer: () => xmlDocument("BucketLoggingStatus", []),
  },
  GetBucketAccelerateConfiguration: {
    action: "GetAccelerateConfiguration",
    answer: () => xmlDocument("AccelerateConfiguration", []),
  },
  GetBucketRequestPayment: {
    action: "GetBucketRequestPayment",
    answer: () =>
      xmlDocument("RequestPaymentConfiguration", [plainElement("Payer", "BucketOwner")]),
  },
  // There are no access control lists here, and nothing can be made public: S3's defaults since
  // April 2023 hold.
  GetBucketOwnershipControls: {
    action: "GetBucketOwnershipControls",
    answer: () =>
      xmlDocument("OwnershipControls", [
        element("Rule", [plainElement("ObjectOwnership", "BucketOwnerEnforced")]),
      ]),
  },
  GetPublicAccessBlock: {
    action: "GetBucketPublicAccessBlock",
    answer: () => xmlDocument("PublicAccessBlockConfiguration", allBlocked()),
  },
  GetBucketAcl: { action: "GetBucketAcl", answer: ownersAccess },
} satisfies Readonly<Partial<Record<OperationName, Unset>>>;

/** The operations that read them, by name; a sender who may not read them is refused first. */
export const readUnsetConfigurations: Readonly<Partial<Record<OperationName, Operation>>> = {
  ...Object.fromEntries(
    Object.entries<Unset>(unsetOfBuckets).map(([name, unset]) => [name, readOfBucket(unset)]),
  ),
  GetObjectAcl: readOfObject("s3:GetObjectAcl", ownersAccess),
  GetObjectRetention: readOfObject("s3:GetObjectRetention", withoutLock),
  GetObjectLegalHold: readOfObject("s3:GetObjectLegalHold", withoutLock),
};

function readOfBucket({ action, answer }: Unset): Operation {
  return async (call) => {
    const { bucket } = call.target;
    const { owner } = await permit(call, `s3:${action}`, { bucket });
    if (typeof answer === "function") return xmlResponse(answer(owner));
    const details = answer === "NoSuchConfiguration" ? {} : { BucketName: bucket };
    throw new S3Error(answer, { details });
  };
}

/** The object has to be there all the same. */
function readOfObject(action: string, answer: (owner: string) => Uint8Array): Operation {
  return async (call) => {
    const { bucket, key } = call.target;
    const found = await permit(call, versionAction(action, call), { bucket, key });
    const version = parseVersion(call, found);
    const object = await describeObject(call.objects, { bucket, key, version });
    if (isRefusal(object)) throw refusedVersion(object, call);
    const { row, versionId } = object;
    return xmlResponse(answer(row.attributes.owner), versionHeaders(versionId));
  };
}

function withoutLock(): never {
  const message = "Bucket is missing Object Lock Configuration";
  throw new S3Error("InvalidRequest", { message });
}

function emptyList(root: string): () => Uint8Array {
  return () => xmlDocument(root, [textElement("IsTruncated", false)]);
}

function allBlocked(): readonly Xml[] {
  const names = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
  ];
  return names.map((name) => textElement(name, true));
}

/** An access control list as all are where lists are not in use: the owner may do everything. */
function ownersAccess(owner: string): Uint8Array {
  const id = textElement("ID", owner);
  return xmlDocument("AccessControlPolicy", [
    element("Owner", [id]),
    element("AccessControlList", [
      element("Grant", [granteeElement(id), plainElement("Permission", "FULL_CONTROL")]),
    ]),
  ]);
}
