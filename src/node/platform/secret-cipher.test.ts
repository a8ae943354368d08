import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import { concatBytes, encodeUtf8, toHex } from "../../base/bytes.ts";
import { createRandom } from "./random.ts";
import { createSecretCipher } from "./secret-cipher.ts";

const key = new Uint8Array(32).fill(7);
const cipher = createSecretCipher(key, createRandom());
const secret = encodeUtf8("the secret of AKIDEXAMPLE");
const context = encodeUtf8("AKIDEXAMPLE");

test("secret cipher: what it encrypted is decrypted, and encrypted differently each time", () => {
  const encrypted = cipher.encrypt(secret, context);
  assert.deepEqual(cipher.decrypt(encrypted, context), secret);
  assert.notEqual(toHex(cipher.encrypt(secret, context)), toHex(encrypted));
  assert.ok(!toHex(encrypted).includes(toHex(secret)));
});

test("secret cipher: with another key, context or byte nothing is decrypted", () => {
  const encrypted = cipher.encrypt(secret, context);
  const other = createSecretCipher(new Uint8Array(32).fill(8), createRandom());
  assert.equal(other.decrypt(encrypted, context), undefined);
  assert.equal(cipher.decrypt(encrypted, encodeUtf8("AKIDOTHER")), undefined);
  for (let i = 0; i < encrypted.length; i++) {
    const changed = encrypted.slice();
    changed[i] = changed[i]! ^ 1;
    assert.equal(cipher.decrypt(changed, context), undefined, `byte ${i}`);
    assert.equal(cipher.decrypt(encrypted.subarray(0, i), context), undefined, `cut at ${i}`);
  }
});

test("secret cipher: the stored form is version, nonce, ciphertext, tag of AES-256-GCM", () => {
  const nonce = new Uint8Array(12).fill(9);
  const gcm = createCipheriv("aes-256-gcm", key, nonce).setAAD(context);
  const parts = [gcm.update(secret), gcm.final(), gcm.getAuthTag()];
  assert.deepEqual(
    cipher.decrypt(concatBytes([Uint8Array.of(1), nonce, ...parts]), context),
    secret,
  );
});
