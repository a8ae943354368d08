import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { type TestRequest, type TestS3, createTestS3, elementOf } from "../testing/test-s3.ts";
import { errorOf } from "../testing/test-s3.ts";

// Recorded from AWS: LocalStack's test_s3.snapshot.json,
// test_create_bucket_with_invalid_location_constraint, test_different_location_constraint,
// test_region_header_exists_outside_us_east_1; test_s3_list_operations.snapshot.json,
// test_list_buckets_region_validation. That refusals have the header too: AWS's documentation of
// HeadBucket.

const hash = createHash();

function create(s3: TestS3, region?: string) {
  const location = `<LocationConstraint>${region}</LocationConstraint>`;
  const body = `<CreateBucketConfiguration>${location}</CreateBucketConfiguration>`;
  const named = region === undefined ? {} : { body };
  return s3.send({ method: "PUT", target: "/bucket", ...named, as: "alice" });
}

const incompatible = (region: string) =>
  `IllegalLocationConstraintException: The ${region} location constraint is incompatible for the ` +
  "region specific endpoint this request was sent to.";

test("CreateBucket: the first region is taken by its name, another name is worded by the region that is asked", async () => {
  const first = await createTestS3(hash);
  // aws-sdk-js 2 sends it always; AWS itself refuses it, which would shut those clients out.
  assert.equal((await create(first, "us-east-1")).status, 200);
  assert.equal((await create(first)).status, 200);
  const unknown = await create(first, "foo");
  assert.equal(
    errorOf(unknown),
    "InvalidLocationConstraint: The specified location-constraint is not valid",
  );
  assert.equal(elementOf(unknown.text, "LocationConstraint"), "foo");
  assert.equal(errorOf(await create(first, "us-west-1")), incompatible("us-west-1"));
  const other = await createTestS3(hash, { region: "eu-west-1" });
  for (const region of ["bar", "us-west-1", "us-east-1"]) {
    assert.equal(errorOf(await create(other, region)), incompatible(region));
  }
  assert.equal(errorOf(await create(other)), incompatible("unspecified"));
  assert.equal((await create(other, "EU")).status, 200);
  const own = await createTestS3(hash, { region: "home" });
  assert.equal((await create(own, "home")).status, 200);
});

test("ListBuckets: an invalid bucket-region is refused, another region's list is empty", async () => {
  const s3 = await createTestS3(hash, { region: "home" });
  await create(s3, "home");
  const list = (region: string) =>
    s3.send({ method: "GET", target: `/?bucket-region=${region}`, as: "alice" });
  const none = await list("eu-east-1");
  assert.equal(none.status, 400);
  assert.equal(
    errorOf(none),
    "InvalidArgument: Argument value eu-east-1 is not a valid AWS Region",
  );
  assert.equal(elementOf(none.text, "ArgumentName"), "bucket-region");
  assert.equal(elementOf((await list("home")).text, "Name"), "bucket");
  assert.doesNotMatch((await list("eu-west-1")).text, /<Bucket>/);
});

test("the region of a bucket is in each refusal that is about it, for every sender", async () => {
  const s3 = await createTestS3(hash, { region: "eu-west-1" });
  await create(s3, "eu-west-1");
  const asked: readonly (readonly [status: number, request: TestRequest])[] = [
    [200, { method: "HEAD", target: "/bucket", as: "alice" }],
    [200, { method: "GET", target: "/bucket", as: "alice" }],
    [200, { method: "GET", target: "/bucket?list-type=2", as: "alice" }],
    [403, { method: "HEAD", target: "/bucket", as: "bob" }],
    [403, { method: "HEAD", target: "/bucket", signature: "none" }],
    [403, { method: "GET", target: "/bucket/k", signature: "none" }],
    [404, { method: "GET", target: "/bucket/k", as: "alice" }],
    [404, { method: "HEAD", target: "/k", headers: [["host", "bucket.s3.test"]], as: "alice" }],
    [409, { method: "PUT", target: "/bucket", as: "bob", body: eu }],
    [501, { method: "PUT", target: "/bucket?policy", as: "alice" }],
    [405, { method: "PATCH", target: "/bucket", as: "alice" }],
    [400, { method: "GET", target: `/bucket/${"k".repeat(1025)}`, as: "alice" }],
    [400, { method: "GET", target: "/bucket/../x", as: "alice" }],
  ];
  for (const [status, request] of asked) {
    const answer = await s3.send(request);
    assert.equal(answer.status, status, `${request.method} ${request.target}`);
    assert.equal(answer.headers.get("x-amz-bucket-region"), "eu-west-1", request.target);
  }
  // A signature made for another region is where clients look for the right one.
  const elsewhere = await createTestS3(hash, { objects: s3.store, region: "us-east-1" });
  const wrong = await elsewhere.send({
    method: "HEAD",
    target: "/bucket",
    headers: [["authorization", "AWS4-HMAC-SHA256 nonsense"]],
    signature: "none",
  });
  assert.deepEqual([wrong.status, wrong.headers.get("x-amz-bucket-region")], [400, "eu-west-1"]);
  for (const target of ["/none", "/none/k", "/a_b?acl"]) {
    const { headers } = await s3.send({ method: "GET", target, as: "alice" });
    assert.equal(headers.has("x-amz-bucket-region"), false, target);
  }
});

const eu =
  "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
