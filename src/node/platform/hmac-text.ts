import { createHmac, hash } from "node:crypto";

const blockBytes = 64;
const digestBytes = 32;
/** @limit A string to sign is 140 bytes; that of a chunk 270. */
const shortTextMax = 1024;
/** @limit A canonical request is some 500 bytes. */
const requestTextMax = 8 * 1024;

/**
 * SHA-256 of a text of one byte a character, in hexadecimal, by way of a buffer that is used again:
 * 1.2 µs for a canonical request instead of 1.6 with one of its own (Node 26.10, November 2026).
 */
export function createSha256Text(): (text: string) => string {
  const bytes = Buffer.alloc(requestTextMax);
  return (text) => {
    if (text.length > requestTextMax) return hash("sha256", Buffer.from(text, "latin1"), "hex");
    return hash("sha256", bytes.subarray(0, bytes.write(text, "latin1")), "hex");
  };
}

/**
 * HMAC-SHA-256 (RFC 2104) of a text of one byte a character, in hexadecimal, by two digests of
 * buffers that are used again: half of what an object of Node's takes, of which each signed request
 * needs one (Node 26.10, November 2026). The key is written only where it is another one than
 * before: arrays of keys never change.
 */
export function createHmacText(): (key: Uint8Array, text: string) => string {
  const inner = Buffer.alloc(blockBytes + shortTextMax);
  const outer = Buffer.alloc(blockBytes + digestBytes);
  let writtenKey: Uint8Array | undefined;
  return (key, text) => {
    if (text.length > shortTextMax || key.length > blockBytes) {
      return createHmac("sha256", key).update(text, "latin1").digest("hex");
    }
    if (key !== writtenKey) {
      inner.fill(0x36, 0, blockBytes);
      outer.fill(0x5c, 0, blockBytes);
      for (let i = 0; i < key.length; i++) {
        inner[i]! ^= key[i]!;
        outer[i]! ^= key[i]!;
      }
      writtenKey = key;
    }
    const end = blockBytes + inner.write(text, blockBytes, "latin1");
    outer.write(hash("sha256", inner.subarray(0, end), "latin1"), blockBytes, "latin1");
    return hash("sha256", outer, "hex");
  };
}
