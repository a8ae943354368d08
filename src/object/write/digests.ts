import { must } from "../../base/assert.ts";
import { createBodyHasher } from "../../platform/body-hasher.ts";
import type { BodyHasher, Hash, HashAlgorithm } from "../../platform/hash.ts";

/**
 * Smaller bodies are hashed where they are: MD5 and a CRC of 256 KiB take half a millisecond, handing them to
 * others and back a tenth of one.
 */
export const hashedBesideBytesMin = 256 * 1024;

/** What is handed to others at once: hashing goes on while the chunk is still being filled. */
export const hashStepBytes = 1024 * 1024;

/** MD5, which is the ETag, and what else is asked for. The one place where bodies are hashed. */
export function openDigests(
  hash: Hash,
  wanted: readonly HashAlgorithm[],
  sizeBytes: number | undefined,
): BodyHasher {
  const algorithms = [...new Set<HashAlgorithm>(["md5", ...wanted])];
  if (sizeBytes !== undefined && sizeBytes < hashedBesideBytesMin) {
    return createBodyHasher(hash, algorithms, sizeBytes);
  }
  return hash.createBeside(algorithms);
}

/** A digest that was asked for. */
export function digestOf(
  digests: ReadonlyMap<HashAlgorithm, Uint8Array>,
  algorithm: HashAlgorithm,
): Uint8Array {
  return must(digests.get(algorithm), `no ${algorithm} was computed`);
}
