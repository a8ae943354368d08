import type { SeededRandom } from "../../src/platform/seeded-random.ts";
import { type Auth, type Draft, pathOf } from "./draft.ts";
import { formDraft } from "./forms.ts";
import { type BucketModel, contentOf, md5Of } from "./model.ts";

/** The names that valid requests are made of. */
export interface World {
  readonly random: SeededRandom;
  readonly buckets: readonly BucketModel[];
  /** Makes bodies differ from one another. */
  nextContent: number;
}

type Make = (world: World, bucket: BucketModel) => Draft;

const keyCount = 8;

export function someKey(random: SeededRandom): string {
  return `key-${random.below(keyCount)}${random.chance(0.3) ? "/ü &b" : ""}`;
}

/** Mostly small; now and then more than is free of the budget of bodies, or than a chunk holds. */
function someContent(world: World): Buffer {
  const { random } = world;
  const size = random.unit();
  const bytes =
    size < 0.1
      ? 0
      : size < 0.75
        ? random.below(3000)
        : size < 0.99
          ? random.below(300_000)
          : random.below(6_000_000);
  return contentOf(world.nextContent++, bytes);
}

function draft(operation: string, method: string, path: string, more: Partial<Draft> = {}): Draft {
  const none = { query: [], headers: [], body: Buffer.alloc(0), auth: "signed" as const };
  return { operation, method, path, faults: [], ...none, ...more };
}

const smallAuths: readonly Auth[] = [
  ...Array.from({ length: 6 }, () => "signed" as const),
  "unsigned-payload",
  "presigned",
  "v2",
  "none",
];
const bodyAuths: readonly Auth[] = [
  ...smallAuths,
  "chunks-signed",
  "chunks-signed-trailer",
  "chunks-trailer",
];

function existing({ random }: World, bucket: BucketModel): string {
  const keys = [...bucket.keys.keys()];
  if (keys.length === 0 || random.chance(0.1)) return someKey(random);
  return Buffer.from(random.pick(keys), "latin1").toString();
}

function versionQuery({ random }: World, bucket: BucketModel, key: string): Draft["query"] {
  const versions = bucket.keys.get(Buffer.from(key).toString("latin1"));
  if (versions === undefined || random.chance(0.7)) return [];
  return [["versionId", random.pick(versions).id]];
}

const putObject: Make = (world, bucket) =>
  draft("PutObject", "PUT", pathOf(bucket.name, someKey(world.random)), {
    body: someContent(world),
    auth: world.random.pick(bodyAuths),
  });

const copySource = (world: World): string => {
  const from = world.random.pick(world.buckets);
  const key = existing(world, from);
  const [version] = versionQuery(world, from, key);
  const suffix = version === undefined ? "" : `?versionId=${version[1] ?? ""}`;
  return pathOf(from.name, key) + suffix;
};

const onObject =
  (operation: string, method: string, query: Draft["query"] = []): Make =>
  (world, bucket) => {
    const key = existing(world, bucket);
    const path = pathOf(bucket.name, key);
    const all = [...query, ...versionQuery(world, bucket, key)];
    return draft(operation, method, path, { query: all });
  };

const onBucket =
  (operation: string, method: string, query: Draft["query"] = []): Make =>
  (_, bucket) =>
    draft(operation, method, `/${bucket.name}`, { query: [...query] });

const withXml =
  (make: Make, xml: (world: World, bucket: BucketModel) => string): Make =>
  (world, bucket) => {
    const made = make(world, bucket);
    const body = Buffer.from(xml(world, bucket));
    const md5 = Buffer.from(md5Of(body), "hex").toString("base64");
    return { ...made, body, headers: [...made.headers, ["content-md5", md5]] };
  };

/** One of the uploads, for operations that need one. */
const onUpload =
  (operation: string, method: string, more: (world: World) => Partial<Draft> = () => ({})): Make =>
  (world, bucket) => {
    const uploads = [...bucket.uploads];
    const [id, upload] = uploads.length > 0 ? world.random.pick(uploads) : [undefined, undefined];
    const key = upload === undefined ? someKey(world.random) : keyText(upload.key);
    const { query = [], ...rest } = more(world);
    const address: Draft["query"] = [...query, ["uploadId", id ?? "0".repeat(32)]];
    return draft(operation, method, pathOf(bucket.name, key), { ...rest, query: address });
  };

const keyText = (latin1: string): string => Buffer.from(latin1, "latin1").toString();

const somePart = ({ random }: World): Draft["query"] => [
  ["partNumber", String(random.between(1, 3))],
];

const completeXml = (world: World, bucket: BucketModel, id: string): string => {
  const parts = [...(bucket.uploads.get(id)?.parts ?? new Map([[1, Buffer.alloc(0)]]))];
  // Only the last part may be small, so mostly one is all that can succeed.
  const chosen = world.random.chance(0.8) ? parts.slice(0, 1) : parts;
  const list = chosen.map(
    ([number, content]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>"${md5Of(content)}"</ETag></Part>`,
  );
  return `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
};

const complete: Make = (world, bucket) => {
  const made = onUpload("CompleteMultipartUpload", "POST")(world, bucket);
  const id = made.query.find(([name]) => name === "uploadId")?.[1] ?? "";
  return { ...made, body: Buffer.from(completeXml(world, bucket, id)) };
};

const taggingXml = (): string =>
  "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";

const deleteXml = (world: World, bucket: BucketModel): string => {
  const objects = Array.from({ length: world.random.below(4) + 1 }, () => {
    const key = existing(world, bucket);
    const [version] = versionQuery(world, bucket, key);
    const id = version === undefined ? "" : `<VersionId>${version[1] ?? ""}</VersionId>`;
    return `<Object><Key>${key.replaceAll("&", "&amp;")}</Key>${id}</Object>`;
  });
  return `<Delete>${objects.join("")}</Delete>`;
};

const versioningXml = ({ random }: World): string =>
  `<VersioningConfiguration><Status>${random.pick(["Enabled", "Suspended"])}</Status></VersioningConfiguration>`;

const listQuery: Draft["query"] = [
  ["prefix", "key"],
  ["delimiter", "%2F"],
  ["max-keys", "3"],
  ["encoding-type", "url"],
];

/** Sub-resources of operations that are not built, and of none. */
const otherResources = ["acl", "policy", "cors", "lifecycle", "website", "logging", "unheard-of"];

const anyOther: Make = (world, bucket) => {
  const { random } = world;
  const method = random.pick(["GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS", "PATCH", "TRACE"]);
  const path = random.chance(0.5) ? `/${bucket.name}` : pathOf(bucket.name, someKey(random));
  const query: Draft["query"] = [[random.pick(otherResources), undefined]];
  return draft("other", method, path, { query, body: Buffer.from("<A/>") });
};

const admin: Make = ({ random }) =>
  draft("admin", random.pick(["GET", "HEAD"]), random.pick(adminPaths), { auth: "none" });
const adminPaths = ["/-/health/live", "/-/health/ready", "/-/", "/-/keys", "/-/__proto__"];

const weighted: readonly (readonly [weight: number, make: Make])[] = [
  [14, putObject],
  [6, onObject("GetObject", "GET")],
  [3, onObject("HeadObject", "HEAD")],
  [2, onObject("GetObject", "GET", [["partNumber", "1"]])],
  [4, onObject("DeleteObject", "DELETE")],
  [
    4,
    (world, bucket) => ({
      ...draft("CopyObject", "PUT", pathOf(bucket.name, someKey(world.random))),
      headers: [["x-amz-copy-source", copySource(world)]],
    }),
  ],
  [2, onBucket("ListObjects", "GET", listQuery)],
  [3, onBucket("ListObjectsV2", "GET", [["list-type", "2"], ...listQuery])],
  [2, onBucket("ListObjectVersions", "GET", [["versions", undefined], ...listQuery])],
  [3, withXml(onBucket("DeleteObjects", "POST", [["delete", undefined]]), deleteXml)],
  [4, onObject("CreateMultipartUpload", "POST", [["uploads", undefined]])],
  [
    5,
    onUpload("UploadPart", "PUT", (world) => ({
      query: somePart(world),
      body: someContent(world),
      auth: world.random.pick(bodyAuths),
    })),
  ],
  [
    3,
    onUpload("UploadPartCopy", "PUT", (world) => ({
      query: somePart(world),
      headers: [["x-amz-copy-source", copySource(world)]],
    })),
  ],
  [4, complete],
  [1, onUpload("AbortMultipartUpload", "DELETE")],
  [2, onUpload("ListParts", "GET")],
  [1, onBucket("ListMultipartUploads", "GET", [["uploads", undefined]])],
  [
    2,
    (world, bucket) => ({
      ...onObject("GetObjectAttributes", "GET", [["attributes", undefined]])(world, bucket),
      headers: [["x-amz-object-attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"]],
    }),
  ],
  [2, withXml(onObject("PutObjectTagging", "PUT", [["tagging", undefined]]), taggingXml)],
  [1, onObject("GetObjectTagging", "GET", [["tagging", undefined]])],
  [1, onObject("DeleteObjectTagging", "DELETE", [["tagging", undefined]])],
  [1, withXml(onBucket("PutBucketTagging", "PUT", [["tagging", undefined]]), taggingXml)],
  [1, onBucket("GetBucketTagging", "GET", [["tagging", undefined]])],
  [1, onBucket("DeleteBucketTagging", "DELETE", [["tagging", undefined]])],
  [1, withXml(onBucket("PutBucketVersioning", "PUT", [["versioning", undefined]]), versioningXml)],
  [1, onBucket("GetBucketVersioning", "GET", [["versioning", undefined]])],
  [1, onBucket("CreateBucket", "PUT")],
  [1, onBucket("HeadBucket", "HEAD")],
  [1, onBucket("GetBucketLocation", "GET", [["location", undefined]])],
  [1, () => draft("ListBuckets", "GET", "/")],
  [4, (world, bucket) => formDraft(world.random, bucket.name, someContent(world))],
  [2, anyOther],
  [1, admin],
];

const makes: readonly Make[] = weighted.flatMap(([weight, make]) =>
  Array.from({ length: weight }, () => make),
);

/**
 * A request that the store would take, or refuse for what is there and not for how it was asked.
 */
export function validDraft(world: World): Draft {
  const { random } = world;
  const made = random.pick(makes)(world, random.pick(world.buckets));
  const isPlain = made.auth === "signed" && made.operation !== "PostObject";
  if (isPlain) made.auth = random.pick(smallAuths);
  return made;
}
