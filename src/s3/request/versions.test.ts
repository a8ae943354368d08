import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type TestResponse, type TestS3, createTestS3 } from "../testing/test-s3.ts";
import { elementOf, errorOf } from "../testing/test-s3.ts";

const hash = createHash();

/** /bucket, and what tests do with it. */
class Bucket {
  readonly s3: TestS3;

  constructor(s3: TestS3) {
    this.s3 = s3;
  }

  async versioning(status: string): Promise<void> {
    const body = `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`;
    const { status: code } = await this.s3.send({
      method: "PUT",
      target: "/bucket?versioning",
      body,
    });
    assert.equal(code, 200);
  }

  send(method: string, target: string, headers: HeaderList = [], body = ""): Promise<TestResponse> {
    return this.s3.send({ method, target: `/bucket${target}`, headers, body });
  }

  /** Stores the key and returns its version id. */
  async put(body: string, key = "k"): Promise<string | undefined> {
    const { headers } = await this.send("PUT", `/${key}`, [], body);
    return headers.get("x-amz-version-id");
  }

  /** What is deleted or left over it: "id" or "marker id". */
  async remove(target = "/k"): Promise<string> {
    const { headers } = await this.send("DELETE", target);
    const marker = headers.get("x-amz-delete-marker") === "true" ? "marker " : "";
    return `${marker}${headers.get("x-amz-version-id")}`;
  }

  async list(query = ""): Promise<string> {
    return (await this.send("GET", `?versions${query}`)).text;
  }
}

async function newBucket(versioning?: string): Promise<Bucket> {
  const bucket = new Bucket(await createTestS3(hash));
  await bucket.send("PUT", "");
  if (versioning !== undefined) await bucket.versioning(versioning);
  return bucket;
}

/**
 * The versions of a listing, in order: "k id", with a star for the latest, a cross for a marker.
 */
function entriesOf(text: string): string[] {
  const entries = text.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/g);
  return Array.from(entries, ([, kind, entry = ""]) => {
    const latest = elementOf(entry, "IsLatest") === "true" ? "*" : "";
    const marker = kind === "DeleteMarker" ? "+" : "";
    return `${elementOf(entry, "Key")} ${elementOf(entry, "VersionId")}${latest}${marker}`;
  });
}

const idForm = /^[\w-]{32}$/;

test("versioning: turned on and suspended, and answered as S3 does", async () => {
  const bucket = await newBucket();
  const status = async () => elementOf((await bucket.send("GET", "?versioning")).text, "Status");
  assert.equal(await status(), undefined);
  await bucket.versioning("Enabled");
  assert.equal(await status(), "Enabled");
  await bucket.versioning("Suspended");
  assert.equal(await status(), "Suspended");
});

test("versioning: what can't be configured is refused in S3's words", async () => {
  const bucket = await newBucket();
  const put = async (elements: string) => {
    const body = `<VersioningConfiguration>${elements}</VersioningConfiguration>`;
    return errorOf(await bucket.send("PUT", "?versioning", [], body));
  };
  assert.equal(
    await put(""),
    "IllegalVersioningConfigurationException: The Versioning element must be specified",
  );
  assert.match(await put("<Status>enabled</Status>"), /^MalformedXML:/);
  assert.match(await put("<Status>Disabled</Status>"), /^MalformedXML:/);
  assert.equal(
    await put("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"),
    "AccessDenied: Mfa Authentication must be used for this request",
  );
  assert.equal(await put("<Status>Enabled</Status><MfaDelete>Disabled</MfaDelete>"), "");
});

test("versions: each PUT has an id, and each is read, looked at and deleted by it", async () => {
  const bucket = await newBucket("Enabled");
  const first = await bucket.put("one");
  const second = await bucket.put("two");
  assert.match(first ?? "", idForm);
  assert.notEqual(first, second);
  const current = await bucket.send("GET", "/k");
  assert.equal(current.text, "two");
  assert.equal(current.headers.get("x-amz-version-id"), second);
  const older = await bucket.send("GET", `/k?versionId=${first}`);
  assert.equal(older.text, "one");
  assert.equal(older.headers.get("x-amz-version-id"), first);
  const head = await bucket.send("HEAD", `/k?versionId=${first}`, [["range", "bytes=0-0"]]);
  assert.equal(head.headers.get("content-range"), "bytes 0-0/3");
  assert.equal(await bucket.remove(`/k?versionId=${second}`), second);
  assert.equal((await bucket.send("GET", "/k")).text, "one");
  const gone = await bucket.send("GET", `/k?versionId=${second}`);
  assert.match(errorOf(gone), /^NoSuchVersion: The specified version does not exist\.$/);
  assert.match(gone.text, new RegExp(`<Key>k</Key><VersionId>${second}<`));
});

test("versions: a delete marker hides the key, and says so in headers", async () => {
  const bucket = await newBucket("Enabled");
  for (const method of ["GET", "HEAD"]) {
    const nothing = await bucket.send(method, "/k");
    assert.deepEqual([nothing.status, nothing.headers.get("x-amz-delete-marker")], [404, "false"]);
    assert.match(nothing.text, method === "GET" ? /<Key>k</ : /^$/);
  }
  const first = await bucket.put("one");
  const [, marker] = (await bucket.remove()).split(" ");
  assert.match(marker ?? "", idForm);
  for (const target of ["/k", "/k?attributes"]) {
    const hidden = await bucket.send("GET", target, [["x-amz-object-attributes", "ETag"]]);
    assert.equal(errorOf(hidden), "NoSuchKey: The specified key does not exist.", target);
    assert.equal(hidden.headers.get("x-amz-delete-marker"), "true");
    assert.equal(hidden.headers.get("x-amz-version-id"), marker);
    assert.doesNotMatch(hidden.text, /DeleteMarker|VersionId/);
  }
  for (const method of ["GET", "HEAD"]) {
    const asked = await bucket.send(method, `/k?versionId=${marker}`);
    assert.equal(asked.status, 405);
    assert.equal(asked.headers.get("allow"), "DELETE");
    assert.equal(asked.headers.get("x-amz-delete-marker"), "true");
    assert.equal(asked.headers.get("x-amz-version-id"), marker);
  }
  const { text } = await bucket.send("GET", `/k?versionId=${marker}`);
  assert.match(text, /<Method>GET<\/Method><ResourceType>DeleteMarker</);
  const absent = await bucket.send("PUT", "/k", [["if-match", "x"]], "new");
  assert.match(errorOf(absent), /^NoSuchKey:/);
  assert.deepEqual(entriesOf(await bucket.list()), [`k ${marker}*+`, `k ${first}`]);
  assert.equal(await bucket.remove(`/k?versionId=${marker}`), `marker ${marker}`);
  assert.equal((await bucket.send("GET", "/k")).text, "one");
});

test("versions: while suspended the null version is the one that is replaced", async () => {
  const bucket = await newBucket();
  assert.equal(await bucket.put("before"), undefined);
  assert.equal((await bucket.send("GET", "/k?versionId=null")).text, "before");
  await bucket.versioning("Enabled");
  assert.equal((await bucket.send("GET", "/k")).headers.get("x-amz-version-id"), "null");
  const second = await bucket.put("second");
  await bucket.versioning("Suspended");
  assert.equal(await bucket.put("third"), undefined);
  const current = await bucket.send("GET", "/k");
  assert.equal(current.headers.get("x-amz-version-id"), "null");
  assert.equal(current.text, "third");
  assert.deepEqual(entriesOf(await bucket.list()), ["k null*", `k ${second}`]);
  assert.equal(await bucket.remove(), "marker null");
  assert.deepEqual(entriesOf(await bucket.list()), ["k null*+", `k ${second}`]);
});

test("versions: what can be no id is refused; of a bucket without versions no id is known", async () => {
  const off = await newBucket();
  await off.put("one");
  const on = await newBucket("Enabled");
  const id = (await on.put("one")) ?? "";
  for (const [bucket, version] of [
    [off, id],
    [on, "what"],
    [on, ""],
  ] as const) {
    for (const method of ["GET", "DELETE"]) {
      const { status, text } = await bucket.send(method, `/k?versionId=${version}`);
      assert.equal(status, 400);
      const expected =
        version === "" ? "Version id cannot be the empty string" : "Invalid version id specified";
      assert.equal(elementOf(text, "Message"), expected);
      assert.equal(elementOf(text, "ArgumentName"), "versionId");
    }
  }
  const put = await on.send("PUT", `/k?versionId=${id}`, [], "x");
  assert.equal(errorOf(put), "InvalidArgument: This operation does not accept a version-id.");
});

test("versions: deleting many names the versions and markers of each", async () => {
  const bucket = await newBucket("Enabled");
  const version = await bucket.put("one");
  const remove = async (...objects: readonly string[]) => {
    const list = objects.map((object) => `<Object>${object}</Object>`).join("");
    const bypass: HeaderList = [["x-amz-bypass-governance-retention", "true"]];
    const { text } = await bucket.s3.send({
      method: "POST",
      target: "/bucket?delete",
      headers: bypass,
      body: `<Delete>${list}</Delete>`,
      md5: true,
    });
    return /<DeleteResult[^>]*>(.*)<\/DeleteResult>/.exec(text)?.[1] ?? text;
  };
  const made = await remove("<Key>k</Key>");
  const marker = elementOf(made, "DeleteMarkerVersionId");
  assert.match(marker ?? "", idForm);
  const markerElements = `<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>${marker}</DeleteMarkerVersionId>`;
  assert.equal(made, `<Deleted><Key>k</Key>${markerElements}</Deleted>`);
  const named = (id: string | undefined) => `<Key>k</Key><VersionId>${id}</VersionId>`;
  assert.equal(
    await remove(named(marker), named(version)),
    `<Deleted>${named(marker)}${markerElements}</Deleted><Deleted>${named(version)}</Deleted>`,
  );
  assert.deepEqual(entriesOf(await bucket.list()), []);
  assert.match(await remove(named("what")), /<Error>.*<Code>NoSuchVersion</);
});

test("versions: copies name both versions, and restore an older one", async () => {
  const bucket = await newBucket("Enabled");
  const first = await bucket.put("one");
  const second = await bucket.put("two");
  const copy = (source: string, target = "/copy") =>
    bucket.send("PUT", target, [["x-amz-copy-source", `bucket/${source}`]]);
  const plain = await copy("k");
  assert.equal(plain.headers.get("x-amz-copy-source-version-id"), second);
  assert.match(plain.headers.get("x-amz-version-id") ?? "", idForm);
  const restored = await copy(`k?versionId=${first}`, "/k");
  assert.equal(restored.headers.get("x-amz-copy-source-version-id"), first);
  assert.equal((await bucket.send("GET", "/k")).text, "one");
  const [, marker] = (await bucket.remove()).split(" ");
  assert.match(errorOf(await copy("k")), /^NoSuchKey:/);
  assert.equal(
    errorOf(await copy(`k?versionId=${marker}`)),
    "InvalidRequest: The source of a copy request may not specifically refer to a delete marker by version id.",
  );
  assert.match(errorOf(await copy("k?versionId=what")), /^InvalidArgument: Invalid version id/);
  const begun = await bucket.send("POST", "/parts?uploads");
  const target = `/parts?partNumber=1&uploadId=${elementOf(begun.text, "UploadId")}`;
  const part = await copy(`k?versionId=${second}`, target);
  assert.equal(part.headers.get("x-amz-copy-source-version-id"), second);
  await bucket.versioning("Suspended");
  const suspended = await copy(`k?versionId=${first}`);
  assert.equal(suspended.headers.get("x-amz-version-id"), "null");
  assert.equal((await copy("copy", "/c")).headers.get("x-amz-copy-source-version-id"), undefined);
});

test("versions: a completed upload names the version it became", async () => {
  const bucket = await newBucket("Enabled");
  const begun = await bucket.send("POST", "/k?uploads");
  const upload = elementOf(begun.text, "UploadId");
  const part = await bucket.send("PUT", `/k?partNumber=1&uploadId=${upload}`, [], "part");
  const list = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get("etag")}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  const { headers } = await bucket.send("POST", `/k?uploadId=${upload}`, [], body);
  assert.deepEqual(entriesOf(await bucket.list()), [`k ${headers.get("x-amz-version-id")}*`]);
});

test("versions: listed page by page with S3's markers, prefixes as one", async () => {
  const bucket = await newBucket("Enabled");
  for (const key of ["a", "b/1", "b/2", "c"]) {
    await bucket.put("one", key);
    await bucket.put("two", key);
  }
  await bucket.remove("/c");
  const all = entriesOf(await bucket.list());
  assert.equal(all.length, 9);
  const paged: string[] = [];
  let markers = "";
  for (let pages = 0; pages < 10; pages++) {
    const text = await bucket.list(`&max-keys=2${markers}`);
    paged.push(...entriesOf(text));
    const key = elementOf(text, "NextKeyMarker");
    if (elementOf(text, "IsTruncated") === "false") break;
    markers = `&key-marker=${key}&version-id-marker=${elementOf(text, "NextVersionIdMarker")}`;
  }
  assert.deepEqual(paged, all);
  const grouped = await bucket.list("&delimiter=/&max-keys=3");
  assert.equal(entriesOf(grouped).length, 2);
  assert.match(grouped, /<NextKeyMarker>b\/<\/NextKeyMarker><MaxKeys>/);
  assert.match(grouped, /<CommonPrefixes><Prefix>b\/<\/Prefix><\/CommonPrefixes>/);
  const rest = await bucket.list("&delimiter=/&key-marker=b/&encoding-type=url&prefix=");
  assert.deepEqual(entriesOf(rest), all.slice(6));
  const lone = await bucket.send("GET", `?versions&version-id-marker=${all[0]?.split(" ")[1]}`);
  const words = "A version-id marker cannot be specified without a key marker.";
  assert.equal(errorOf(lone), `InvalidArgument: ${words}`);
  const entry = /<Version>.*?<\/Version>/.exec(await bucket.list())?.[0] ?? "";
  for (const name of ["LastModified", "ETag", "ChecksumAlgorithm", "Size", "StorageClass"]) {
    assert.ok(elementOf(entry, name) !== undefined, name);
  }
  assert.match(entry, /<Owner><ID>/);
});
