// The files of the keys: on every data directory, and never made anew in silence.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AccessKey } from "../auth/access-key.ts";
import { S3Connection } from "../node/testing/s3-connection.ts";
import {
  connectionTo,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { commandsIn } from "./testing/commands-in.ts";

const rootFile = "credentials.json";
const secretsFile = "secrets-key.json";

async function statusFor({ endpoint }: ReadyEvent, key: AccessKey): Promise<number> {
  const s3 = new S3Connection(endpoint, { ...key, region: "us-east-1" });
  try {
    return (await s3.send("GET", "/")).status;
  } finally {
    s3.close();
  }
}

test("keys: a store that grew while it was served keeps them when its first disk is lost", async () => {
  using scratch = new Scratch();
  const { done } = commandsIn(scratch.path);
  const a = scratch.directory("a");
  const others = ["b", "c", "d"].map((name) => scratch.directory(name));
  for (const directory of others) mkdirSync(directory);
  let root: ReadyEvent;
  let alice: AccessKey;
  {
    await using server = new ServedStore([a]);
    root = await started(server);
    await done("disk", "add", "b");
    await until("the index has a log", () => server.output.includes("index_snapshot_written"));
    await done("disk", "add", "c");
    await done("disk", "add", "d");
    for (const file of [rootFile, secretsFile]) {
      for (const directory of others) {
        const path = join(directory, file);
        assert.equal(readFileSync(path, "utf8"), readFileSync(join(a, file), "utf8"));
        assert.equal(statSync(path).mode & 0o777, 0o600, path);
      }
    }
    const made = await done("key", "create", "--owner", "alice", "--json");
    alice = JSON.parse(made) as AccessKey; // our own output
    assert.equal(await statusFor(root, alice), 200);
  }
  renameSync(a, scratch.directory("lost"));
  await using server = new ServedStore(others);
  const ready = await started(server);
  assert.match(server.output, /index_home_changed/);
  assert.equal(await statusFor(ready, root), 200);
  assert.equal(await statusFor(ready, alice), 200);
  assert.equal(await server.stop(), 0, server.output);
});

test("keys: where a file of a store that was served is missing, the start is refused", async () => {
  using scratch = new Scratch();
  const a = scratch.directory("a");
  const [root, secrets] = [join(a, rootFile), join(a, secretsFile)];
  const kept = scratch.directory("kept");
  const refused = async (message: RegExp, env = {}): Promise<void> => {
    await using server = new ServedStore([a], [], { env });
    assert.equal(await server.ended, 1, server.output);
    assert.match(server.output, message);
  };
  let before: ReadyEvent;
  {
    await using server = new ServedStore([a]);
    before = await started(server);
    assert.equal(await server.stop(), 0, server.output);
  }
  renameSync(secrets, kept);
  const given = {
    HOLDFAST_ROOT_ACCESS_KEY_ID: "mine",
    HOLDFAST_ROOT_SECRET_ACCESS_KEY: "my-own-secret",
  };
  await refused(
    /has secrets-key\.json, but the store was served: put back .*serve --new-keys/,
    given,
  );
  assert.ok(!existsSync(secrets));
  renameSync(kept, secrets);
  rmSync(root);
  await refused(/has credentials\.json, but .*set HOLDFAST_ROOT_ACCESS_KEY_ID.*serve --new-keys/);
  assert.ok(!existsSync(root));
  await using server = new ServedStore([a], ["--new-keys"]);
  const after = await started(server);
  assert.notEqual(after.accessKeyId, before.accessKeyId);
  const s3 = connectionTo(after);
  assert.equal((await s3.send("PUT", "/bucket")).status, 200);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
});
