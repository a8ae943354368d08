import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "../../base/bytes.ts";
import type { Random, SecretCipher } from "../../platform/platform.ts";

const algorithm = "aes-256-gcm";
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM: version (1) | nonce | ciphertext | tag. The nonces are random: they would have to be
 * some 2^32 before two alike were to be feared.
 */
export function createSecretCipher(key: Uint8Array, random: Random): SecretCipher {
  return {
    encrypt(secret, context) {
      const nonce = random.bytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(context);
      const encrypted = [cipher.update(secret), cipher.final(), cipher.getAuthTag()];
      return concatBytes([Uint8Array.of(version), nonce, ...encrypted]);
    },
    decrypt(encrypted, context) {
      if (encrypted[0] !== version || encrypted.length < 1 + nonceBytes + tagBytes)
        return undefined;
      const nonce = encrypted.subarray(1, 1 + nonceBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(context).setAuthTag(encrypted.subarray(-tagBytes));
      const ciphertext = encrypted.subarray(1 + nonceBytes, -tagBytes);
      try {
        return concatBytes([decipher.update(ciphertext), decipher.final()]);
      } catch {
        return undefined; // the tag is not this key's
      }
    },
  };
}
