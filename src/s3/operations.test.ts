import assert from "node:assert/strict";
import { test } from "node:test";
import { requestHead } from "../platform/http.ts";
import { operationNames, route } from "./operations.ts";
import { parseRequestTarget } from "./request/request-target.ts";
import { modelledOperations } from "./testing/modelled-operations.ts";

const header = "yes";

function routed(method: string, uri: string, headers: readonly string[] = []): string | undefined {
  const named = new Map(headers.map((name) => [name, header]));
  return route(method, parseRequestTarget(requestHead(method, uri, named), []), named)?.operation;
}

/** What the model's URI leaves out: the header or query that tells the operation from others. */
const marks: Readonly<Record<string, { query?: string; headers?: readonly string[] }>> = {
  CopyObject: { headers: ["x-amz-copy-source"] },
  UploadPartCopy: { headers: ["x-amz-copy-source"] },
  ListDirectoryBuckets: { query: "?x-id=ListDirectoryBuckets" },
  WriteGetObjectResponse: { headers: ["x-amz-request-route", "x-amz-request-token"] },
};

test("routing: every operation of S3's model is recognised as itself", () => {
  for (const [name, method, uri] of modelledOperations) {
    const { query = "", headers = [] } = marks[name] ?? {};
    const target = uri.replace("{Bucket}", "bucket").replace("{Key+}", "a/b") + query;
    assert.equal(routed(method, target, headers), name, `${method} ${target}`);
  }
});

test("routing: the table holds the model's operations, PostObject and the preflight, nothing else", () => {
  const modelled = modelledOperations.map(([name]) => name);
  assert.equal(modelled.length, 112);
  assert.deepEqual([...operationNames].sort(), [...modelled, "PostObject", "CorsPreflight"].sort());
});

test("routing: a configuration with an id is one, without it the list of them", () => {
  for (const [query, name] of [
    ["analytics", "Analytics"],
    ["inventory", "Inventory"],
    ["metrics", "Metrics"],
    ["intelligent-tiering", "IntelligentTiering"],
  ]) {
    assert.equal(routed("GET", `/b?${query}&id=1`), `GetBucket${name}Configuration`);
    assert.equal(routed("GET", `/b?${query}`), `ListBucket${name}Configurations`);
    assert.equal(routed("PUT", `/b?${query}&id=1`), `PutBucket${name}Configuration`);
    assert.equal(routed("DELETE", `/b?${query}&id=1`), `DeleteBucket${name}Configuration`);
  }
  assert.equal(routed("GET", "/b/k?annotation&annotationName=a"), "GetObjectAnnotation");
  assert.equal(routed("GET", "/b/k?annotation"), "ListObjectAnnotations");
});

test("routing: PUT of a key looks at parts, then at sub-resources, then at the copy source", () => {
  const copy = ["x-amz-copy-source"];
  assert.equal(routed("PUT", "/b/k?partNumber=1&uploadId=u", copy), "UploadPartCopy");
  assert.equal(routed("PUT", "/b/k?partNumber=1&uploadId=u"), "UploadPart");
  assert.equal(routed("PUT", "/b/k?acl", copy), "PutObjectAcl");
  assert.equal(routed("PUT", "/b/k?encryption", copy), "UpdateObjectEncryption");
  assert.equal(routed("PUT", "/b/k?x-id=CopyObject", copy), "CopyObject");
  assert.equal(routed("PUT", "/b/k?x-id=PutObject"), "PutObject");
});

test("routing: POST of a bucket without a sub-resource is a form", () => {
  assert.equal(routed("POST", "/b?delete"), "DeleteObjects");
  assert.equal(routed("POST", "/b/?delete="), "DeleteObjects");
  assert.equal(routed("POST", "/b"), "PostObject");
});

test("routing: a sub-resource is never served by the operation without it", () => {
  const subResources = new Set(
    modelledOperations.flatMap(([, , uri]) => /\?([a-zA-Z-]+)/.exec(uri)?.[1] ?? []),
  );
  const dangerous = ["PutObject", "DeleteObject", "DeleteBucket", "CreateBucket", "CopyObject"];
  for (const name of subResources) {
    if (name === "list-type" || name === "x-id") continue;
    for (const method of ["PUT", "DELETE", "POST"]) {
      for (const path of ["/b", "/b/k"]) {
        for (const headers of [[], ["x-amz-copy-source"]]) {
          const operation = routed(method, `${path}?${name}`, headers);
          assert.ok(!dangerous.includes(operation ?? ""), `${method} ${path}?${name}`);
        }
      }
    }
  }
});

test("routing: half of a part's address and unknown sub-resources change nothing", () => {
  assert.equal(routed("PUT", "/b/k?partNumber=1"), undefined);
  assert.equal(routed("PUT", "/b/k?uploadId=u"), undefined);
  assert.equal(routed("DELETE", "/b?acl"), undefined);
  assert.equal(routed("DELETE", "/b?brandNew"), undefined);
  assert.equal(routed("PUT", "/b/k?brandNew="), undefined);
  assert.equal(routed("GET", "/b/k?brandNew"), "GetObject");
  assert.equal(routed("DELETE", "/b/k?cache=1"), "DeleteObject");
});

test("routing: parameters that only qualify others are ignored elsewhere", () => {
  assert.equal(routed("GET", "/b?list-type=1&id=3"), "ListObjects");
  assert.equal(routed("GET", "/b/k?partNumber=1&versionId=null"), "GetObject");
  assert.equal(routed("GET", "/b/k?uploadId=u&partNumber=1"), undefined);
});

test("routing: a preflight is one whatever the request it asks for names", () => {
  assert.equal(routed("OPTIONS", "/b/k?uploadId=u&partNumber=1"), "CorsPreflight");
});
