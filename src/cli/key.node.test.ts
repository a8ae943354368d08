// Access keys from the command line to a client, through a real server of two workers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { after, test } from "node:test";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { AccessKey } from "../auth/access-key.ts";
import { headerOf, S3Connection } from "../node/testing/s3-connection.ts";
import { Scratch, ServedStore, started } from "../node/testing/served-store.ts";
import { programEnvironment } from "../node/testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../bin/holdfast.js");
const scratch = new Scratch();
const data = scratch.directory("data");
const server = new ServedStore([data], ["--workers", "2"]);
after(async () => {
  await server[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});
const { endpoint } = await started(server);
const region = "us-east-1";

function holdfast(parameters: readonly string[], input = "") {
  const where = ["--endpoint", endpoint, "--data", data];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [launcher, ...parameters, ...where],
    { env: programEnvironment(), encoding: "utf8", cwd: scratch.path, input },
  );
  return { status, stdout, stderr };
}

interface MadeKey extends AccessKey {
  readonly owner: string;
  readonly account: string;
  readonly canonicalId: string;
}

function makeKey(...parameters: readonly string[]): MadeKey {
  const { stdout, stderr } = holdfast(["key", "create", "--json", ...parameters]);
  assert.equal(stderr, "");
  return JSON.parse(stdout) as MadeKey; // our own output
}

function clientOf(credentials: AccessKey): S3Client {
  return new S3Client({ region, endpoint, credentials, forcePathStyle: true, maxAttempts: 1 });
}

/**
 * Asks over connections of their own until each worker has answered, which its host id tells; their
 * statuses.
 */
async function statusesOfBoth(key: AccessKey): Promise<ReadonlyMap<string, number>> {
  const statuses = new Map<string, number>();
  for (let i = 0; i < 100 && statuses.size < 2; i++) {
    const s3 = new S3Connection(endpoint, { ...key, region });
    const calls = Array.from({ length: 8 }, () => s3.send("GET", "/"));
    for (const answer of await Promise.all(calls)) {
      const worker = headerOf(answer, "x-amz-id-2") ?? "";
      assert.equal(statuses.get(worker) ?? answer.status, answer.status, "of one mind");
      statuses.set(worker, answer.status);
    }
    s3.close();
  }
  assert.equal(statuses.size, 2, "both workers answered");
  return statuses;
}

test("keys: two owners by the SDK, each in its own buckets; keys of one owner share them", async () => {
  const [alice, alice2, bob] = [
    makeKey("--owner", "alice"),
    makeKey("--owner", "alice"),
    makeKey(),
  ];
  assert.deepEqual([alice2.account, alice2.canonicalId], [alice.account, alice.canonicalId]);
  assert.equal(bob.owner, "default");
  const put = { Bucket: "of-alice", Key: "k" };
  await clientOf(alice).send(new CreateBucketCommand({ Bucket: "of-alice" }));
  await clientOf(alice).send(new PutObjectCommand({ ...put, Body: "hello" }));
  const read = await clientOf(alice2).send(new GetObjectCommand(put));
  assert.equal(await read.Body?.transformToString(), "hello");
  for (const attempt of [
    () => clientOf(bob).send(new GetObjectCommand(put)),
    () => clientOf(bob).send(new PutObjectCommand({ ...put, Body: "mine" })),
    () => clientOf(bob).send(new ListObjectsV2Command({ Bucket: "of-alice" })),
  ]) {
    await assert.rejects(attempt(), { name: "AccessDenied" });
  }
  const taken = clientOf(bob).send(new CreateBucketCommand({ Bucket: "of-alice" }));
  await assert.rejects(taken, { name: "BucketAlreadyExists" });
  const buckets = await clientOf(bob).send(new ListBucketsCommand());
  assert.deepEqual([buckets.Buckets ?? [], buckets.Owner?.ID], [[], bob.canonicalId]);
  const query = { Bucket: "of-alice", FetchOwner: true };
  const listed = await clientOf(alice2).send(new ListObjectsV2Command(query));
  assert.equal(listed.Contents?.[0]?.Owner?.ID, alice.canonicalId);
});

test("keys: one that was deleted is refused by every worker from then on", async () => {
  const key = makeKey("--owner", "carol");
  assert.deepEqual(new Set((await statusesOfBoth(key)).values()), new Set([200]));
  assert.match(holdfast(["key", "delete", key.accessKeyId]).stdout, /is deleted/);
  assert.deepEqual(new Set((await statusesOfBoth(key)).values()), new Set([403]));
});

test("keys: a table for people, an own key from a file or standard input, and errors with their fix", () => {
  const file = scratch.directory("secret");
  writeFileSync(file, "my-own-secret\n");
  const own = ["key", "create", "--owner", "dave", "--access-key", "DAVE1", "--secret-key-file"];
  const made = holdfast([...own, file]).stdout;
  assert.match(made, /^Access key {2}DAVE1\nSecret key {2}my-own-secret +\(shown this once\)\n/);
  assert.match(made, /\nOwner {7}dave \(account \d{12}\)\n$/);
  const again = holdfast([...own, "-"], "another-secret");
  assert.deepEqual([again.status, again.stderr.includes("DAVE1 already")], [2, true]);
  const listed = holdfast(["key", "list"]).stdout;
  assert.match(listed, /^ACCESS KEY +OWNER +ACCOUNT +CREATED +STATE\n/);
  assert.match(listed, /\nDAVE1 +dave +\d{12} +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +active\n/);
  assert.ok(!listed.includes("secret"));
  assert.match(holdfast(["key", "delete", "NONE"]).stderr, /there is no access key NONE/);
  assert.match(holdfast(["key", "delete"]).stderr, /ID is missing: holdfast key delete ID/);
  assert.match(holdfast(["key", "create", "--access-key", "X"]).stderr, /belong together/);
  assert.match(holdfast(["key", "lst"]).stderr, /no command "key lst" \(did you mean key list\?\)/);
  assert.match(holdfast(["key", "create", "--help"]).stdout, /Usage: holdfast key create/);
  assert.match(holdfast(["help", "key"]).stdout, /key create .*\n +key list .*\n +key delete /);
});
