import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import { concatBytes, encodeUtf8, toHex } from "../../base/bytes.ts";
import { createRandom } from "./random.ts";
import { createSecretBox } from "./secret-box.ts";

const key = new Uint8Array(32).fill(7);
const box = createSecretBox(key, createRandom());
const secret = encodeUtf8("the secret of AKIDEXAMPLE");
const context = encodeUtf8("AKIDEXAMPLE");

test("secret box: what it sealed opens, never sealed alike", () => {
  const sealed = box.seal(secret, context);
  assert.deepEqual(box.open(sealed, context), secret);
  assert.notEqual(toHex(box.seal(secret, context)), toHex(sealed));
  assert.ok(!toHex(sealed).includes(toHex(secret)));
});

test("secret box: no other key, context or changed byte opens it", () => {
  const sealed = box.seal(secret, context);
  const other = createSecretBox(new Uint8Array(32).fill(8), createRandom());
  assert.equal(other.open(sealed, context), undefined);
  assert.equal(box.open(sealed, encodeUtf8("AKIDOTHER")), undefined);
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice();
    changed[i] = changed[i]! ^ 1;
    assert.equal(box.open(changed, context), undefined, `byte ${i}`);
    assert.equal(box.open(sealed.subarray(0, i), context), undefined, `cut at ${i}`);
  }
});

test("secret box: the stored form is version, nonce, ciphertext, tag of AES-256-GCM", () => {
  const nonce = new Uint8Array(12).fill(9);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(context);
  const parts = [cipher.update(secret), cipher.final(), cipher.getAuthTag()];
  assert.deepEqual(box.open(concatBytes([Uint8Array.of(1), nonce, ...parts]), context), secret);
});
