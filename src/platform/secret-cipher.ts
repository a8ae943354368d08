/** Encrypts secrets with a key that it holds. */
export interface SecretCipher {
  /** `context` says what the secret belongs to: under another it is not decrypted. */
  encrypt(secret: Uint8Array, context: Uint8Array): Uint8Array;
  /** Undefined: not encrypted with this key and under this context, or changed since. */
  decrypt(encrypted: Uint8Array, context: Uint8Array): Uint8Array | undefined;
}
