import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, equalBytes } from "../base/bytes.ts";
import { accessKeyKey, bucketKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import type { TestRequest, TestS3 } from "./testing/test-s3.ts";
import { createTestS3, testOwners } from "./testing/test-s3.ts";

const hash = createHash();

type Asked = Pick<TestRequest, "method" | "target" | "headers" | "body" | "as" | "signature">;

/** Alice's bucket with one object in it, and one of Bob's. */
async function twoOwners(region?: string): Promise<TestS3> {
  const s3 = await createTestS3(hash, region === undefined ? {} : { region });
  const body = region === undefined ? {} : { body: locationConstraint(region) };
  for (const as of ["alice", "bob"] as const) {
    assert.equal((await s3.send({ method: "PUT", target: `/of-${as}`, as, ...body })).status, 200);
  }
  await s3.send({ method: "PUT", target: "/of-alice/k", body: "hello", as: "alice" });
  return s3;
}

function locationConstraint(region: string): string {
  return `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
}

function codeOf(text: string): string | undefined {
  return /<Code>(\w+)</.exec(text)?.[1];
}

async function codeFor(s3: TestS3, request: Asked): Promise<string | number> {
  const answer = await s3.send(request);
  return codeOf(answer.text) ?? answer.status;
}

const copied = [["x-amz-copy-source", "/of-alice/k"]] as const;

const onAlices: readonly Asked[] = [
  { method: "GET", target: "/of-alice" },
  { method: "HEAD", target: "/of-alice" },
  { method: "GET", target: "/of-alice?location" },
  { method: "GET", target: "/of-alice?policy" },
  { method: "GET", target: "/of-alice?uploads" },
  { method: "GET", target: "/of-alice/k" },
  { method: "HEAD", target: "/of-alice/k" },
  { method: "GET", target: "/of-alice/none" },
  { method: "PUT", target: "/of-alice/new", body: "x" },
  { method: "POST", target: "/of-alice/new?uploads" },
  { method: "PUT", target: "/of-alice/copy", headers: copied },
  { method: "PUT", target: "/of-bob/copy", headers: copied },
  { method: "DELETE", target: "/of-alice/k" },
  { method: "DELETE", target: "/of-alice" },
];

test("buckets: an account has all rights in its own; others and anonymous requests get AccessDenied", async () => {
  const s3 = await twoOwners();
  for (const request of onAlices) {
    const what = `${request.method} ${request.target}`;
    for (const who of [{ as: "bob" }, { signature: "none" }] as const) {
      const answer = await s3.send({ ...request, ...who });
      assert.equal(answer.status, 403, what);
      if (request.method !== "HEAD") assert.equal(codeOf(answer.text), "AccessDenied", what);
    }
  }
  const notBobs = onAlices.filter(({ target }) => target !== "/of-bob/copy");
  for (const request of notBobs) {
    const code = await codeFor(s3, { ...request, as: "alice" });
    assert.notEqual(code, "AccessDenied", `${request.method} ${request.target}`);
  }
});

test("root may do everything everywhere, and what it writes belongs to the bucket's owner", async () => {
  const s3 = await twoOwners();
  for (const request of onAlices.slice(0, -2)) {
    const code = await codeFor(s3, { ...request, as: "root" });
    assert.notEqual(code, "AccessDenied", `${request.method} ${request.target}`);
  }
  const listed = await s3.send({ method: "GET", target: "/of-alice", as: "alice" });
  const owners = [...listed.text.matchAll(/<Owner><ID>(\w+)</g)].map(([, id]) => id);
  assert.equal(owners.length, 3);
  assert.deepEqual([...new Set(owners)], [testOwners.alice.owner]);
});

test("deleting many of another's keys is refused before the list is read", async () => {
  const s3 = await twoOwners();
  const answer = await s3.send({
    method: "POST",
    target: "/of-alice?delete",
    body: "<Delete><Object><Key>k</Key></Object></Delete>",
    md5: true,
    as: "bob",
  });
  assert.equal(answer.status, 403);
  const kept = await s3.send({ method: "GET", target: "/of-alice/k", as: "alice" });
  assert.equal(kept.text, "hello");
});

test("a bucket that is not there is NoSuchBucket to everybody", async () => {
  const s3 = await twoOwners();
  for (const who of [{ as: "bob" }, { as: "root" }, { signature: "none" }] as const) {
    for (const target of ["/none", "/none/k", "/none?policy"]) {
      assert.equal(await codeFor(s3, { method: "GET", target, ...who }), "NoSuchBucket");
    }
  }
  const copy = { method: "PUT", target: "/of-bob/k", as: "bob" } as const;
  const headers = [["x-amz-copy-source", "/none/k"]] as const;
  const { text } = await s3.send({ ...copy, headers });
  assert.match(text, /<Code>NoSuchBucket<.*<BucketName>none</);
});

test("buckets: accounts list their own, root all; anonymous requests list and make none", async () => {
  const s3 = await twoOwners();
  await s3.send({ method: "PUT", target: "/of-root" });
  const names = async (as: "root" | "alice" | "bob"): Promise<(string | undefined)[]> => {
    const { text } = await s3.send({ method: "GET", target: "/", as });
    assert.ok(text.includes(`<Owner><ID>${testOwners[as].owner}</ID></Owner>`));
    return [...text.matchAll(/<Name>([^<]+)</g)].map(([, name]) => name);
  };
  assert.deepEqual(await names("alice"), ["of-alice"]);
  assert.deepEqual(await names("bob"), ["of-bob"]);
  assert.deepEqual(await names("root"), ["of-alice", "of-bob", "of-root"]);
  const stranger = { signature: "none" } as const;
  assert.equal(await codeFor(s3, { method: "GET", target: "/", ...stranger }), "AccessDenied");
  assert.equal(await codeFor(s3, { method: "PUT", target: "/new", ...stranger }), "AccessDenied");
  assert.equal(
    await codeFor(s3, { method: "PUT", target: "/of-bob", ...stranger }),
    "AccessDenied",
  );
});

test("a name that is taken: by you, which the first region forgives, or by another", async () => {
  const first = await twoOwners();
  const again = { method: "PUT", target: "/of-alice" } as const;
  assert.equal(await codeFor(first, { ...again, as: "alice" }), 200);
  for (const as of ["bob", "root"] as const) {
    assert.equal(await codeFor(first, { ...again, as }), "BucketAlreadyExists");
  }
  const region = "eu-north-1";
  const other = await twoOwners(region);
  const body = locationConstraint(region);
  assert.equal(await codeFor(other, { ...again, body, as: "alice" }), "BucketAlreadyOwnedByYou");
  assert.equal(await codeFor(other, { ...again, body, as: "bob" }), "BucketAlreadyExists");
});

test("the expected owner is an account; of a copy's source too", async () => {
  const s3 = await twoOwners();
  const get = { method: "GET", target: "/of-alice/k", as: "alice" } as const;
  const expecting = (account: string): Asked => ({
    ...get,
    headers: [["x-amz-expected-bucket-owner", account]],
  });
  assert.equal(await codeFor(s3, expecting(testOwners.alice.account)), 200);
  assert.equal(await codeFor(s3, expecting(testOwners.bob.account)), "AccessDenied");
  const noAccount = expecting(testOwners.alice.owner);
  assert.equal(await codeFor(s3, noAccount), "InvalidBucketOwnerAWSAccountID");
  const copy = (account: string): Asked => ({
    method: "PUT",
    target: "/of-alice/copy",
    as: "alice",
    headers: [...copied, ["x-amz-source-expected-bucket-owner", account]],
  });
  assert.equal(await codeFor(s3, copy(testOwners.bob.account)), "AccessDenied");
  assert.equal(await codeFor(s3, copy(testOwners.alice.account)), 200);
});

test("a request reads the row of its bucket once, together with that of its access key", async () => {
  const s3 = await twoOwners();
  const { system } = s3.store.keymap;
  const bucketRow = bucketKey(encodeUtf8("of-alice"));
  const bucketReads: (readonly Uint8Array[])[] = [];
  const counting: typeof system = Object.create(system, {
    read: {
      value: (keys: readonly Uint8Array[]) => {
        if (keys.some((key) => equalBytes(key, bucketRow))) bucketReads.push(keys);
        return system.read(keys);
      },
    },
    commit: { value: system.commit.bind(system) },
  }) as typeof system; // itself, but for `read`
  const keymap = { ...s3.store.keymap, system: counting };
  const counted = await createTestS3(hash, { objects: { ...s3.store, keymap } });
  const keys = "<Object><Key>a</Key></Object><Object><Key>b</Key></Object>";
  const requests: readonly TestRequest[] = [
    { method: "GET", target: "/of-alice/k" },
    { method: "GET", target: "/of-alice?list-type=2" },
    { method: "PUT", target: "/of-alice/k", body: "x", headers: [["x-amz-tagging", "a=b"]] },
    { method: "POST", target: "/of-alice?delete", body: `<Delete>${keys}</Delete>`, md5: true },
  ];
  for (const request of requests) {
    bucketReads.length = 0;
    assert.equal((await counted.send({ ...request, as: "alice" })).status, 200);
    assert.deepEqual(bucketReads, [[accessKeyKey(encodeUtf8("alice")), bucketRow]], request.target);
  }
});
