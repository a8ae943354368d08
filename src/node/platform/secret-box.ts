import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "../../base/bytes.ts";
import type { Random } from "../../platform/random.ts";
import type { SecretBox } from "../../platform/secret-box.ts";

const algorithm = "aes-256-gcm";
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM: version (1) | nonce | ciphertext | tag. The nonces are random: they would have to be some 2^32 before two
 * alike were to be feared.
 */
export function createSecretBox(key: Uint8Array, random: Random): SecretBox {
  return {
    seal(secret, context) {
      const nonce = random.bytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(context);
      const parts = [cipher.update(secret), cipher.final(), cipher.getAuthTag()];
      return concatBytes([Uint8Array.of(version), nonce, ...parts]);
    },
    open(sealed, context) {
      if (sealed[0] !== version || sealed.length < 1 + nonceBytes + tagBytes) return undefined;
      const nonce = sealed.subarray(1, 1 + nonceBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(context).setAuthTag(sealed.subarray(-tagBytes));
      const ciphertext = sealed.subarray(1 + nonceBytes, -tagBytes);
      try {
        return concatBytes([decipher.update(ciphertext), decipher.final()]);
      } catch {
        return undefined; // the tag is not this key's
      }
    },
  };
}
