import assert from "node:assert/strict";
import { test } from "node:test";
import { parseComparison, parsePeer } from "./comparison-flags.ts";
import { loadsOf } from "./loads.ts";

test("bench --peer: a name, an endpoint, a process and an access key", () => {
  const peer = parsePeer("minio=http://127.0.0.1:9000,1234,key,sec/ret=", {});
  assert.deepEqual(peer, {
    name: "minio",
    endpoint: "http://127.0.0.1:9000",
    pid: 1234,
    accessKeyId: "key",
    secretAccessKey: "sec/ret=",
  });
  const environment = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
  const { accessKeyId, secretAccessKey } = parsePeer("x=http://h:1,2", environment);
  assert.deepEqual([accessKeyId, secretAccessKey], ["a", "b"]);
  assert.throws(() => parsePeer("x=http://h:1,2", {}), /no credentials/);
  for (const wrong of ["http://h:1,2", "x=h:1,2", "x=http://h:1", "x=http://h:1,two,k,s"]) {
    assert.throws(() => parsePeer(wrong, environment), /--peer/);
  }
});

test("bench flags: a comparison takes groups of loads and several peers", () => {
  const peers = ["--peer", "a=http://h:1,2,k,s", "--peer", "b=http://h:3,4,k,s"];
  const run = parseComparison([...peers, "--only", "small", "--only", "list"], {});
  assert.deepEqual(
    run.peers.map(({ name }) => name),
    ["a", "b"],
  );
  assert.deepEqual(run.only, ["small", "list"]);
  assert.deepEqual(run.words, [""]); // in every name
  assert.throws(() => parseComparison(["--only", "large", "--only", "tiny"], {}), /--only "tiny"/);
  assert.throws(() => parseComparison(["--keys", "many"], {}), /--keys "many"/);
});

test("bench loads: each has a name of its own, and loads that share a prefix share its objects", () => {
  const loads = loadsOf({ connections: 64, keys: 1_000_000, uploads: 64, objects: 2000 });
  assert.equal(new Set(loads.map(({ name }) => name)).size, loads.length);
  const spaces = Map.groupBy(loads, ({ prefix }) => prefix);
  for (const [prefix, sharing] of spaces) {
    if (prefix === "deleted/") continue;
    const described = sharing.map(({ keys, pattern, sizes }) =>
      JSON.stringify([keys, pattern, sizes]),
    );
    assert.equal(new Set(described).size, 1, prefix);
  }
  const few = loadsOf({ connections: 4, keys: 100, uploads: 1, objects: 3 });
  assert.equal(new Set(few.map(({ name }) => name)).size, few.length);
});
