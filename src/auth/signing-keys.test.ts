import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import type { Hash } from "../platform/hash.ts";
import { SigningKeys, signingKeysMax } from "./signing-keys.ts";

const scope = { date: "20130524", region: "us-east-1" };

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
  return { keys: new SigningKeys(counting), hmacs: () => hmacs };
}

test("a key is derived once a day, region and secret", () => {
  const { keys, hmacs } = counted();
  const first = keys.derive("secret", scope);
  assert.equal(keys.derive("secret", { ...scope }), first);
  assert.equal(hmacs(), 4);
  const others = [
    keys.derive("changed", scope),
    keys.derive("secret", { ...scope, date: "20130525" }),
    keys.derive("secret", { ...scope, region: "eu-west-1" }),
  ];
  assert.equal(hmacs(), 16);
  for (const other of others) assert.notDeepEqual(other, first);
});

test("past the limit the oldest key gives way, and is derived again", () => {
  const { keys, hmacs } = counted();
  for (let i = 0; i <= signingKeysMax; i++) keys.derive(`secret ${i}`, scope);
  const before = hmacs();
  keys.derive("secret 1", scope);
  assert.equal(hmacs(), before, "the second oldest is still there");
  keys.derive("secret 0", scope);
  assert.equal(hmacs(), before + 4);
});
