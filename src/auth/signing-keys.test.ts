import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import type { Hash } from "../platform/hash.ts";
import { SigningKeys, signingKeysMax } from "./signature-v4.ts";

const date = "20130524";

function counted() {
  const hash = createHash();
  let hmacs = 0;
  const counting: Hash = {
    ...hash,
    hmacSha256(key, bytes) {
      hmacs += 1;
      return hash.hmacSha256(key, bytes);
    },
  };
  const keysOf = (region: string) => new SigningKeys(counting, region);
  return { keys: keysOf("us-east-1"), keysOf, hmacs: () => hmacs };
}

test("a key is derived once a day, region and secret", () => {
  const { keys, keysOf, hmacs } = counted();
  const first = keys.derive("secret", date);
  assert.equal(keys.derive("secret", date), first);
  assert.equal(hmacs(), 4);
  const others = [
    keys.derive("changed", date),
    keys.derive("secret", "20130525"),
    keysOf("eu-west-1").derive("secret", date),
  ];
  assert.equal(hmacs(), 16);
  for (const other of others) assert.notDeepEqual(other, first);
});

test("signing keys: past the limit the oldest key is evicted, and is derived again", () => {
  const { keys, hmacs } = counted();
  for (let i = 0; i <= signingKeysMax; i++) keys.derive(`secret ${i}`, date);
  const before = hmacs();
  keys.derive("secret 1", date);
  assert.equal(hmacs(), before, "the second oldest is still there");
  keys.derive("secret 0", date);
  assert.equal(hmacs(), before + 4);
});
