/** Gives secrets a form that is worth nothing without the key that the box holds. */
export interface SecretBox {
  /** `context` says what the secret belongs to: under another it does not open. */
  seal(secret: Uint8Array, context: Uint8Array): Uint8Array;
  /** Undefined: not sealed by this key and under this context, or changed since. */
  open(sealed: Uint8Array, context: Uint8Array): Uint8Array | undefined;
}
