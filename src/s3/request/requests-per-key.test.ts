import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { RequestsPerKey } from "./requests-per-key.ts";
import { createTestS3 } from "../testing/test-s3.ts";

test("C6: requests of one key past its limit are answered SlowDown, those of others are not", async () => {
  const perKey = new RequestsPerKey(1);
  const s3 = await createTestS3(createHash(), { perKey });
  assert.equal((await s3.send({ method: "PUT", target: "/mine" })).status, 200);
  const mayGoOn = Promise.withResolvers<void>();
  async function* stream(): AsyncGenerator<Uint8Array> {
    await mayGoOn.promise;
    yield new Uint8Array(3);
  }
  const slow = s3.send({
    method: "PUT",
    target: "/mine/k",
    stream: stream(),
    contentLength: "3",
    contentSha256: "UNSIGNED-PAYLOAD",
  });
  while (perKey.keys === 0) await Promise.resolve();
  const refused = await s3.send({ method: "GET", target: "/mine" });
  assert.equal(refused.status, 503);
  assert.match(refused.text, /<Code>SlowDown</);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await s3.send({ method: "GET", target: "/", as: "alice" })).status, 200);
  mayGoOn.resolve();
  assert.equal((await slow).status, 200);
  assert.equal((await s3.send({ method: "GET", target: "/mine/k" })).status, 200);
  assert.equal((await s3.send({ method: "GET", target: "/mine/none" })).status, 404);
  assert.equal(perKey.keys, 0);
});

test("C6: requests without a key are counted apart, and ended requests no more", () => {
  const perKey = new RequestsPerKey(2);
  for (const id of ["a", "a", undefined]) perKey.begin(id);
  assert.throws(() => perKey.begin("a"), { code: "overloaded" });
  assert.equal(perKey.keys, 2);
  for (const id of ["a", "a", undefined]) perKey.end(id);
  assert.equal(perKey.keys, 0);
});
