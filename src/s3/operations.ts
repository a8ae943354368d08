import type { Headers } from "../platform/http.ts";
import type { RequestTarget } from "./request/request-target.ts";

// Which operation a request asks for, as one table. S3 tells operations apart by method, by what
// the path names, by sub-resources in the query and now and then by a header. A wrong answer is
// dangerous: DELETE /bucket?policy taken for DELETE /bucket, or PUT /key?partNumber=1 for a whole
// object, destroys data. So a row matches only if the request names no sub-resource but the row's
// own, and a request that fits no row is refused. Operations that are not built are rows like all
// others.

interface OperationRow {
  readonly operation: string;
  readonly method: string;
  readonly target: RequestTarget["kind"];
  /** Parameters that must be there. */
  readonly query: readonly Parameter[];
  /** Sub-resources of other operations that this one takes as options. */
  readonly optional?: readonly string[] | "any";
  /** A header that must be there. */
  readonly header?: string;
}

interface Parameter {
  readonly name: string;
  /** Where the value counts too. */
  readonly value: string | undefined;
}

/** Short for rows of a target: "PUT ?acl" is method and query. */
function rows<const Name extends string>(
  target: OperationRow["target"],
  list: readonly (readonly [Name, string, Pick<OperationRow, "header" | "optional">?])[],
) {
  return list.map(([operation, request, more]) => {
    const [method = "", query = ""] = request.split(" ?");
    const items = query === "" ? [] : query.split("&");
    return { operation, method, target, query: items.map(parameter), ...more };
  });
}

function parameter(item: string): Parameter {
  const [name = "", value] = item.split("=");
  return { name, value };
}

const copySource = { header: "x-amz-copy-source" };
const lambdaRoute = { header: "x-amz-request-route" };
const preflight = { optional: "any" } as const;

const service = rows("service", [
  // AWS tells these two apart by host. The first names it, the second is how SDKs ask elsewhere.
  ["ListDirectoryBuckets", "GET ?max-directory-buckets"],
  ["ListDirectoryBuckets", "GET ?x-id=ListDirectoryBuckets"],
  ["ListBuckets", "GET"],
  ["CorsPreflight", "OPTIONS", preflight],
]);

const bucket = rows("bucket", [
  ["CreateBucket", "PUT"],
  ["HeadBucket", "HEAD"],
  ["DeleteBucket", "DELETE"],
  ["GetBucketLocation", "GET ?location"],
  ["ListObjectsV2", "GET ?list-type=2"],
  ["ListObjectVersions", "GET ?versions"],
  ["ListMultipartUploads", "GET ?uploads"],
  ["ListObjects", "GET"],
  ["DeleteObjects", "POST ?delete"],
  ["GetBucketVersioning", "GET ?versioning"],
  ["PutBucketVersioning", "PUT ?versioning"],
  ["GetBucketTagging", "GET ?tagging"],
  ["PutBucketTagging", "PUT ?tagging"],
  ["DeleteBucketTagging", "DELETE ?tagging"],
  ["GetBucketAcl", "GET ?acl"],
  ["PutBucketAcl", "PUT ?acl"],
  ["GetBucketPolicy", "GET ?policy"],
  ["PutBucketPolicy", "PUT ?policy"],
  ["DeleteBucketPolicy", "DELETE ?policy"],
  ["GetBucketPolicyStatus", "GET ?policyStatus"],
  ["GetPublicAccessBlock", "GET ?publicAccessBlock"],
  ["PutPublicAccessBlock", "PUT ?publicAccessBlock"],
  ["DeletePublicAccessBlock", "DELETE ?publicAccessBlock"],
  ["GetBucketOwnershipControls", "GET ?ownershipControls"],
  ["PutBucketOwnershipControls", "PUT ?ownershipControls"],
  ["DeleteBucketOwnershipControls", "DELETE ?ownershipControls"],
  ["GetBucketAbac", "GET ?abac"],
  ["PutBucketAbac", "PUT ?abac"],
  ["GetBucketLifecycleConfiguration", "GET ?lifecycle"],
  ["PutBucketLifecycleConfiguration", "PUT ?lifecycle"],
  ["DeleteBucketLifecycle", "DELETE ?lifecycle"],
  ["GetBucketReplication", "GET ?replication"],
  ["PutBucketReplication", "PUT ?replication"],
  ["DeleteBucketReplication", "DELETE ?replication"],
  ["GetBucketEncryption", "GET ?encryption"],
  ["PutBucketEncryption", "PUT ?encryption"],
  ["DeleteBucketEncryption", "DELETE ?encryption"],
  ["GetBucketCors", "GET ?cors"],
  ["PutBucketCors", "PUT ?cors"],
  ["DeleteBucketCors", "DELETE ?cors"],
  ["GetBucketWebsite", "GET ?website"],
  ["PutBucketWebsite", "PUT ?website"],
  ["DeleteBucketWebsite", "DELETE ?website"],
  ["GetBucketNotificationConfiguration", "GET ?notification"],
  ["PutBucketNotificationConfiguration", "PUT ?notification"],
  ["GetBucketLogging", "GET ?logging"],
  ["PutBucketLogging", "PUT ?logging"],
  // With an id it is one configuration, without it the list of them.
  ["GetBucketInventoryConfiguration", "GET ?inventory&id"],
  ["ListBucketInventoryConfigurations", "GET ?inventory"],
  ["PutBucketInventoryConfiguration", "PUT ?inventory"],
  ["DeleteBucketInventoryConfiguration", "DELETE ?inventory"],
  ["GetBucketAnalyticsConfiguration", "GET ?analytics&id"],
  ["ListBucketAnalyticsConfigurations", "GET ?analytics"],
  ["PutBucketAnalyticsConfiguration", "PUT ?analytics"],
  ["DeleteBucketAnalyticsConfiguration", "DELETE ?analytics"],
  ["GetBucketMetricsConfiguration", "GET ?metrics&id"],
  ["ListBucketMetricsConfigurations", "GET ?metrics"],
  ["PutBucketMetricsConfiguration", "PUT ?metrics"],
  ["DeleteBucketMetricsConfiguration", "DELETE ?metrics"],
  ["GetBucketIntelligentTieringConfiguration", "GET ?intelligent-tiering&id"],
  ["ListBucketIntelligentTieringConfigurations", "GET ?intelligent-tiering"],
  ["PutBucketIntelligentTieringConfiguration", "PUT ?intelligent-tiering"],
  ["DeleteBucketIntelligentTieringConfiguration", "DELETE ?intelligent-tiering"],
  ["GetObjectLockConfiguration", "GET ?object-lock"],
  ["PutObjectLockConfiguration", "PUT ?object-lock"],
  ["GetBucketAccelerateConfiguration", "GET ?accelerate"],
  ["PutBucketAccelerateConfiguration", "PUT ?accelerate"],
  ["GetBucketRequestPayment", "GET ?requestPayment"],
  ["PutBucketRequestPayment", "PUT ?requestPayment"],
  ["CreateSession", "GET ?session"],
  ["CreateBucketMetadataConfiguration", "POST ?metadataConfiguration"],
  ["GetBucketMetadataConfiguration", "GET ?metadataConfiguration"],
  ["DeleteBucketMetadataConfiguration", "DELETE ?metadataConfiguration"],
  ["UpdateBucketMetadataInventoryTableConfiguration", "PUT ?metadataInventoryTable"],
  ["UpdateBucketMetadataJournalTableConfiguration", "PUT ?metadataJournalTable"],
  ["UpdateBucketMetadataAnnotationTableConfiguration", "PUT ?metadataAnnotationTable"],
  ["CreateBucketMetadataTableConfiguration", "POST ?metadataTable"],
  ["GetBucketMetadataTableConfiguration", "GET ?metadataTable"],
  ["DeleteBucketMetadataTableConfiguration", "DELETE ?metadataTable"],
  // Its path names no bucket, it only looks so.
  ["WriteGetObjectResponse", "POST", lambdaRoute],
  ["PostObject", "POST"],
  ["CorsPreflight", "OPTIONS", preflight],
]);

const object = rows("object", [
  ["UploadPartCopy", "PUT ?partNumber&uploadId", copySource],
  ["UploadPart", "PUT ?partNumber&uploadId"],
  ["PutObjectAcl", "PUT ?acl"],
  ["PutObjectTagging", "PUT ?tagging"],
  ["PutObjectRetention", "PUT ?retention"],
  ["PutObjectLegalHold", "PUT ?legal-hold"],
  ["UpdateObjectEncryption", "PUT ?encryption"],
  ["PutObjectAnnotation", "PUT ?annotation"],
  ["RenameObject", "PUT ?renameObject"],
  ["CopyObject", "PUT", copySource],
  ["PutObject", "PUT"],
  ["ListParts", "GET ?uploadId"],
  ["GetObjectAttributes", "GET ?attributes"],
  ["GetObjectTagging", "GET ?tagging"],
  ["GetObjectAcl", "GET ?acl"],
  ["GetObjectRetention", "GET ?retention"],
  ["GetObjectLegalHold", "GET ?legal-hold"],
  ["GetObjectTorrent", "GET ?torrent"],
  ["GetObjectAnnotation", "GET ?annotation&annotationName"],
  ["ListObjectAnnotations", "GET ?annotation"],
  ["GetObject", "GET", { optional: ["partNumber"] }],
  ["HeadObject", "HEAD", { optional: ["partNumber"] }],
  ["AbortMultipartUpload", "DELETE ?uploadId"],
  ["DeleteObjectTagging", "DELETE ?tagging"],
  ["DeleteObjectAnnotation", "DELETE ?annotation"],
  ["DeleteObject", "DELETE"],
  ["CreateMultipartUpload", "POST ?uploads"],
  ["CompleteMultipartUpload", "POST ?uploadId"],
  ["SelectObjectContent", "POST ?select"],
  ["RestoreObject", "POST ?restore"],
  ["WriteGetObjectResponse", "POST", lambdaRoute],
  ["CorsPreflight", "OPTIONS", preflight],
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

/** The operation that is asked for; undefined where there is no such one (S3: MethodNotAllowed). */
export function route(
  method: string,
  { kind, query }: Pick<RequestTarget, "kind" | "query">,
  headers: Headers,
): OperationName | undefined {
  const byNames = routes.get(`${method} ${kind}`);
  const named = query.size === 0 ? "" : subResourcesOf(method, query);
  const rows = byNames?.get(named) ?? byNames?.get(anySubResource);
  return rows?.find((row) => matches(row, query, headers))?.operation;
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
