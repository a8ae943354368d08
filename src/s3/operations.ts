import type { Headers } from "../platform/http.ts";
import type { ConfigurationOperations } from "./bucket-configuration.ts";
import type { Operation } from "./call.ts";
import {
  abortMultipartUpload,
  createMultipartUpload,
  listParts,
} from "./operations/multipart-upload.ts";
import { bucketTagging } from "./operations/bucket-tagging.ts";
import { bucketVersioning } from "./operations/bucket-versioning.ts";
import { completeMultipartUpload } from "./operations/complete-multipart-upload.ts";
import { copyObject } from "./operations/copy-object.ts";
import { corsPreflight } from "./operations/cors-preflight.ts";
import { createBucket, deleteBucket, getBucketLocation, headBucket } from "./operations/bucket.ts";
import {
  deleteObjectTagging,
  getObjectTagging,
  putObjectTagging,
} from "./operations/object-tagging.ts";
import { deleteObject, deleteObjects } from "./operations/delete-object.ts";
import { getObjectAttributes } from "./operations/get-object-attributes.ts";
import { getObject, getObjectTorrent, headObject } from "./operations/get-object.ts";
import { listBuckets } from "./operations/list-buckets.ts";
import { listMultipartUploads } from "./operations/list-multipart-uploads.ts";
import { listObjectVersions } from "./operations/list-object-versions.ts";
import { listObjects, listObjectsV2 } from "./operations/list-objects.ts";
import { postObject } from "./operations/post-object.ts";
import { putObject } from "./operations/put-object.ts";
import { uploadPart, uploadPartCopy } from "./operations/upload-part.ts";
import {
  allBlocked,
  bucketOwnersAccess,
  defaultDocument,
  emptyList,
  objectOwnersAccess,
  objectWithoutLock,
  ownerEnforced,
  unset,
} from "./operations/unset-configuration.ts";
import type { RequestTarget } from "./request/request-target.ts";
import { plainElement } from "./xml/xml-write.ts";

// Which operation a request asks for, as one table. S3 tells operations apart by method, by what
// the path names, by sub-resources in the query and now and then by a header. A wrong answer is
// dangerous: DELETE /bucket?policy taken for DELETE /bucket, or PUT /key?partNumber=1 for a whole
// object, destroys data. So a row matches only if the request names no sub-resource but the row's
// own, and a request that fits no row is refused. Each row names the function that carries out its
// operation; one without a function is not built, and answers NotImplemented.

interface OperationRow {
  readonly operation: string;
  /** Undefined where the operation is not built. */
  readonly run: Operation | undefined;
  readonly method: string;
  readonly target: RequestTarget["kind"];
  /** Parameters that must be there. */
  readonly query: readonly Parameter[];
  /** Sub-resources of other operations that this one takes as options. */
  readonly optional?: readonly string[] | "any";
  /** A header that must be there. */
  readonly header?: string;
  /** True if nobody signs such a request, whatever signature it carries. */
  readonly isUnsigned?: boolean;
}

interface Parameter {
  readonly name: string;
  /** Where the value counts too. */
  readonly value: string | undefined;
}

/** A row of a target: "PUT ?acl" is method and query. */
type ShortRow<Name extends string> = readonly [
  Name,
  string,
  (Operation | undefined)?,
  Pick<OperationRow, "header" | "optional" | "isUnsigned">?,
];

function rows<const Name extends string>(
  target: OperationRow["target"],
  list: readonly ShortRow<Name>[],
) {
  return list.map(([operation, request, run, more]) => {
    const [method = "", query = ""] = request.split(" ?");
    const items = query === "" ? [] : query.split("&");
    return { operation, run, method, target, query: items.map(parameter), ...more };
  });
}

/** The rows of a configuration: the operations that read it, set it and delete it. */
function configuration<const Name extends string>(
  query: string,
  [read, write, remove]: readonly [read: Name, write: Name, remove?: Name],
  run: ConfigurationOperations,
): readonly ShortRow<Name>[] {
  const settable = [
    [read, `GET ${query}`, run.read],
    [write, `PUT ${query}`, run.write],
  ] as const;
  return remove === undefined ? settable : [...settable, [remove, `DELETE ${query}`, run.remove]];
}

function parameter(item: string): Parameter {
  const [name = "", value] = item.split("=");
  return { name, value };
}

const copySource = { header: "x-amz-copy-source" };
const lambdaRoute = { header: "x-amz-request-route" };
const preflight = { optional: "any", isUnsigned: true } as const;

const service = rows("service", [
  // AWS tells these two apart by host. The first names it, the second is how SDKs ask elsewhere.
  ["ListDirectoryBuckets", "GET ?max-directory-buckets"],
  ["ListDirectoryBuckets", "GET ?x-id=ListDirectoryBuckets"],
  ["ListBuckets", "GET", listBuckets],
  ["CorsPreflight", "OPTIONS", corsPreflight, preflight],
]);

const bucket = rows("bucket", [
  ["CreateBucket", "PUT", createBucket],
  ["HeadBucket", "HEAD", headBucket],
  ["DeleteBucket", "DELETE", deleteBucket],
  ["GetBucketLocation", "GET ?location", getBucketLocation],
  ["ListObjectsV2", "GET ?list-type=2", listObjectsV2],
  ["ListObjectVersions", "GET ?versions", listObjectVersions],
  ["ListMultipartUploads", "GET ?uploads", listMultipartUploads],
  ["ListObjects", "GET", listObjects],
  ["DeleteObjects", "POST ?delete", deleteObjects],
  ...configuration("?versioning", ["GetBucketVersioning", "PutBucketVersioning"], bucketVersioning),
  ...configuration(
    "?tagging",
    ["GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"],
    bucketTagging,
  ),
  // There are no access control lists here, and nothing can be made public: S3's defaults since
  // April 2023 hold.
  ...configuration("?acl", ["GetBucketAcl", "PutBucketAcl"], { read: bucketOwnersAccess }),
  ...configuration("?policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"], {
    read: unset("GetBucketPolicy", "NoSuchBucketPolicy"),
  }),
  [
    "GetBucketPolicyStatus",
    "GET ?policyStatus",
    unset("GetBucketPolicyStatus", "NoSuchBucketPolicy"),
  ],
  ...configuration(
    "?publicAccessBlock",
    ["GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"],
    {
      read: defaultDocument(
        "GetBucketPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        allBlocked(),
      ),
    },
  ),
  ...configuration(
    "?ownershipControls",
    ["GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"],
    { read: defaultDocument("GetBucketOwnershipControls", "OwnershipControls", ownerEnforced()) },
  ),
  ...configuration("?abac", ["GetBucketAbac", "PutBucketAbac"], {
    read: defaultDocument("GetBucketAbac", "AbacStatus", [plainElement("Status", "Disabled")]),
  }),
  ...configuration(
    "?lifecycle",
    ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"],
    { read: unset("GetLifecycleConfiguration", "NoSuchLifecycleConfiguration") },
  ),
  ...configuration(
    "?replication",
    ["GetBucketReplication", "PutBucketReplication", "DeleteBucketReplication"],
    { read: unset("GetReplicationConfiguration", "ReplicationConfigurationNotFoundError") },
  ),
  // AWS encrypts what is in every bucket, and says so; here, bytes lie as they came.
  ...configuration(
    "?encryption",
    ["GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"],
    { read: unset("GetEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError") },
  ),
  ...configuration("?cors", ["GetBucketCors", "PutBucketCors", "DeleteBucketCors"], {
    read: unset("GetBucketCORS", "NoSuchCORSConfiguration"),
  }),
  ...configuration("?website", ["GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"], {
    read: unset("GetBucketWebsite", "NoSuchWebsiteConfiguration"),
  }),
  ...configuration(
    "?notification",
    ["GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration"],
    { read: defaultDocument("GetBucketNotification", "NotificationConfiguration", []) },
  ),
  ...configuration("?logging", ["GetBucketLogging", "PutBucketLogging"], {
    read: defaultDocument("GetBucketLogging", "BucketLoggingStatus", []),
  }),
  // With an id it is one configuration, without it the list of them.
  [
    "GetBucketInventoryConfiguration",
    "GET ?inventory&id",
    unset("GetInventoryConfiguration", "NoSuchConfiguration"),
  ],
  [
    "ListBucketInventoryConfigurations",
    "GET ?inventory",
    emptyList("GetInventoryConfiguration", "ListInventoryConfigurationsResult"),
  ],
  ["PutBucketInventoryConfiguration", "PUT ?inventory"],
  ["DeleteBucketInventoryConfiguration", "DELETE ?inventory"],
  [
    "GetBucketAnalyticsConfiguration",
    "GET ?analytics&id",
    unset("GetAnalyticsConfiguration", "NoSuchConfiguration"),
  ],
  [
    "ListBucketAnalyticsConfigurations",
    "GET ?analytics",
    emptyList("GetAnalyticsConfiguration", "ListBucketAnalyticsConfigurationResult"),
  ],
  ["PutBucketAnalyticsConfiguration", "PUT ?analytics"],
  ["DeleteBucketAnalyticsConfiguration", "DELETE ?analytics"],
  [
    "GetBucketMetricsConfiguration",
    "GET ?metrics&id",
    unset("GetMetricsConfiguration", "NoSuchConfiguration"),
  ],
  [
    "ListBucketMetricsConfigurations",
    "GET ?metrics",
    emptyList("GetMetricsConfiguration", "ListMetricsConfigurationsResult"),
  ],
  ["PutBucketMetricsConfiguration", "PUT ?metrics"],
  ["DeleteBucketMetricsConfiguration", "DELETE ?metrics"],
  [
    "GetBucketIntelligentTieringConfiguration",
    "GET ?intelligent-tiering&id",
    unset("GetIntelligentTieringConfiguration", "NoSuchConfiguration"),
  ],
  [
    "ListBucketIntelligentTieringConfigurations",
    "GET ?intelligent-tiering",
    emptyList(
      "GetIntelligentTieringConfiguration",
      "ListBucketIntelligentTieringConfigurationsOutput",
    ),
  ],
  ["PutBucketIntelligentTieringConfiguration", "PUT ?intelligent-tiering"],
  ["DeleteBucketIntelligentTieringConfiguration", "DELETE ?intelligent-tiering"],
  ...configuration("?object-lock", ["GetObjectLockConfiguration", "PutObjectLockConfiguration"], {
    read: unset("GetBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
  }),
  ...configuration(
    "?accelerate",
    ["GetBucketAccelerateConfiguration", "PutBucketAccelerateConfiguration"],
    { read: defaultDocument("GetAccelerateConfiguration", "AccelerateConfiguration", []) },
  ),
  ...configuration("?requestPayment", ["GetBucketRequestPayment", "PutBucketRequestPayment"], {
    read: defaultDocument("GetBucketRequestPayment", "RequestPaymentConfiguration", [
      plainElement("Payer", "BucketOwner"),
    ]),
  }),
  ["CreateSession", "GET ?session"],
  ["CreateBucketMetadataConfiguration", "POST ?metadataConfiguration"],
  // Both versions of the configuration are read with the permission of the first.
  [
    "GetBucketMetadataConfiguration",
    "GET ?metadataConfiguration",
    unset("GetBucketMetadataTableConfiguration", "MetadataConfigurationNotFound"),
  ],
  ["DeleteBucketMetadataConfiguration", "DELETE ?metadataConfiguration"],
  ["UpdateBucketMetadataInventoryTableConfiguration", "PUT ?metadataInventoryTable"],
  ["UpdateBucketMetadataJournalTableConfiguration", "PUT ?metadataJournalTable"],
  ["UpdateBucketMetadataAnnotationTableConfiguration", "PUT ?metadataAnnotationTable"],
  ["CreateBucketMetadataTableConfiguration", "POST ?metadataTable"],
  [
    "GetBucketMetadataTableConfiguration",
    "GET ?metadataTable",
    unset("GetBucketMetadataTableConfiguration", "MetadataConfigurationNotFound"),
  ],
  ["DeleteBucketMetadataTableConfiguration", "DELETE ?metadataTable"],
  // Its path names no bucket, it only looks so.
  ["WriteGetObjectResponse", "POST", undefined, lambdaRoute],
  ["PostObject", "POST", postObject],
  ["CorsPreflight", "OPTIONS", corsPreflight, preflight],
]);

const object = rows("object", [
  ["UploadPartCopy", "PUT ?partNumber&uploadId", uploadPartCopy, copySource],
  ["UploadPart", "PUT ?partNumber&uploadId", uploadPart],
  ["PutObjectAcl", "PUT ?acl"],
  ["PutObjectTagging", "PUT ?tagging", putObjectTagging],
  ["PutObjectRetention", "PUT ?retention"],
  ["PutObjectLegalHold", "PUT ?legal-hold"],
  ["UpdateObjectEncryption", "PUT ?encryption"],
  ["PutObjectAnnotation", "PUT ?annotation"],
  ["RenameObject", "PUT ?renameObject"],
  ["CopyObject", "PUT", copyObject, copySource],
  ["PutObject", "PUT", putObject],
  ["ListParts", "GET ?uploadId", listParts],
  ["GetObjectAttributes", "GET ?attributes", getObjectAttributes],
  ["GetObjectTagging", "GET ?tagging", getObjectTagging],
  ["GetObjectAcl", "GET ?acl", objectOwnersAccess],
  ["GetObjectRetention", "GET ?retention", objectWithoutLock("s3:GetObjectRetention")],
  ["GetObjectLegalHold", "GET ?legal-hold", objectWithoutLock("s3:GetObjectLegalHold")],
  ["GetObjectTorrent", "GET ?torrent", getObjectTorrent],
  ["GetObjectAnnotation", "GET ?annotation&annotationName"],
  ["ListObjectAnnotations", "GET ?annotation"],
  ["GetObject", "GET", getObject, { optional: ["partNumber"] }],
  ["HeadObject", "HEAD", headObject, { optional: ["partNumber"] }],
  ["AbortMultipartUpload", "DELETE ?uploadId", abortMultipartUpload],
  ["DeleteObjectTagging", "DELETE ?tagging", deleteObjectTagging],
  ["DeleteObjectAnnotation", "DELETE ?annotation"],
  ["DeleteObject", "DELETE", deleteObject],
  ["CreateMultipartUpload", "POST ?uploads", createMultipartUpload],
  ["CompleteMultipartUpload", "POST ?uploadId", completeMultipartUpload],
  ["SelectObjectContent", "POST ?select"],
  ["RestoreObject", "POST ?restore"],
  ["WriteGetObjectResponse", "POST", undefined, lambdaRoute],
  ["CorsPreflight", "OPTIONS", corsPreflight, preflight],
]);

const table = [...service, ...bucket, ...object];

export type OperationName = (typeof table)[number]["operation"];

/** Every operation there is, built or not. */
export const operationNames: readonly OperationName[] = [
  ...new Set(table.map((row) => row.operation)),
];

/**
 * Parameters that mean something only next to a sub-resource, and are ignored elsewhere, as AWS
 * does; and the version, whose operations say what is wrong with an empty one.
 */
const qualifiers: ReadonlySet<string> = new Set([
  "id",
  "x-id",
  "annotationName",
  "list-type",
  "versionId",
]);

/** All names that turn a request into another operation. */
const subResources: ReadonlySet<string> = new Set(
  table.flatMap((row) => row.query.map(({ name }) => name)).filter((name) => !qualifiers.has(name)),
);

type TableRow = (typeof table)[number];

/** Where a row is found that takes any sub-resource. */
const anySubResource = "*";

/**
 * Finds an operation by method and kind of target, then by the sub-resources that are named; of
 * several rows the first that matches decides.
 */
const routes: ReadonlyMap<string, ReadonlyMap<string, readonly TableRow[]>> = new Map(
  [...Map.groupBy(table, ({ method, target }) => `${method} ${target}`)].map(([request, rows]) => [
    request,
    routesOf(rows),
  ]),
);

function routesOf(rows: readonly TableRow[]): ReadonlyMap<string, readonly TableRow[]> {
  const found = new Map<string, TableRow[]>();
  for (const row of rows) {
    for (const names of namesOf(row)) found.set(names, [...(found.get(names) ?? []), row]);
  }
  return found;
}

/**
 * The sub-resources that requests for this row name: its own, with and without those that it takes
 * as options.
 */
function namesOf({ query, optional = [] }: OperationRow): readonly string[] {
  if (optional === "any") return [anySubResource];
  const own = query.map(({ name }) => name).filter((name) => subResources.has(name));
  return [joined(own), ...optional.map((name) => joined([...own, name]))];
}

function joined(names: readonly string[]): string {
  return names.toSorted().join("&");
}

/** What the table says of a request. */
export type Route = Pick<TableRow, "operation" | "run" | "isUnsigned">;

/** The operation that is asked for; undefined where there is no such one (S3: MethodNotAllowed). */
export function route(
  method: string,
  { kind, query }: Pick<RequestTarget, "kind" | "query">,
  headers: Headers,
): Route | undefined {
  const byNames = routes.get(`${method} ${kind}`);
  const named = query.size === 0 ? "" : subResourcesOf(method, query);
  const rows = byNames?.get(named) ?? byNames?.get(anySubResource);
  return rows?.find((row) => matches(row, query, headers));
}

/**
 * A parameter without a value that nobody knows is likely a sub-resource of some later S3. Reading
 * may ignore it; a change may not. Presigned URLs have headers among their parameters, which may be
 * empty.
 */
function subResourcesOf(method: string, query: ReadonlyMap<string, string>): string {
  const reads = method === "GET" || method === "HEAD";
  const names: string[] = [];
  for (const [name, value] of query) {
    const isUnknown = value === "" && !qualifiers.has(name) && !/^x-amz-/i.test(name);
    if (subResources.has(name) || (!reads && isUnknown)) names.push(name);
  }
  return names.length < 2 ? (names[0] ?? "") : joined(names);
}

function matches(row: OperationRow, query: ReadonlyMap<string, string>, headers: Headers): boolean {
  if (row.header !== undefined && !headers.has(row.header)) return false;
  return row.query.every(({ name, value }) =>
    value === undefined ? query.has(name) : query.get(name) === value,
  );
}
