import { must } from "../../base/assert.ts";
import {
  type BodyHasher,
  createBodyHasher,
  type Hash,
  type HashAlgorithm,
} from "../../platform/hash.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { IncomingBody } from "./incoming-body.ts";

/**
 * @limit Bodies up to this size are hashed by the thread that receives them, a step at a time:
 * handing one to other threads and back costs as much as hashing 64 KiB, and its client waits
 * longer.
 */
export const ownHashBytesMax = 1024 * 1024;

/**
 * @limit Bytes handed to another thread at once: hashing goes on while the chunk is still being
 * filled.
 */
const offThreadStepBytes = 1024 * 1024;
/** @limit Bytes that this thread hashes at once: they just came, and are still in its cache. */
const ownStepBytes = 64 * 1024;

/** True if a body is announced to be so small that this thread hashes it. */
function isHashedHere(sizeBytes: number | undefined): boolean {
  return sizeBytes !== undefined && sizeBytes <= ownHashBytesMax;
}

/** How much of a body is hashed at once. */
export function hashStepBytes(sizeBytes: number | undefined): number {
  return isHashedHere(sizeBytes) ? ownStepBytes : offThreadStepBytes;
}

/**
 * Hashes a body that is stored as it comes: MD5, which is the ETag, and what else is asked for.
 */
export function openDigests(
  hash: Hash,
  wanted: readonly HashAlgorithm[],
  sizeBytes: number | undefined,
): BodyHasher {
  const algorithms = [...new Set<HashAlgorithm>(["md5", ...wanted])];
  return isHashedHere(sizeBytes)
    ? createBodyHasher(hash, algorithms)
    : hash.createOffThread(algorithms);
}

/**
 * Computes the digests of a body in memory and has them accepted: its MD5, and the checksum to
 * keep.
 */
export function acceptWhole(
  hash: Hash,
  incoming: Pick<IncomingBody, "algorithms" | "accept">,
  bytes: Uint8Array,
): { readonly md5: Uint8Array; readonly checksum: StoredChecksum } {
  const md5 = hash.digest("md5", bytes);
  const digests = new Map<HashAlgorithm, Uint8Array>([["md5", md5]]);
  for (const name of incoming.algorithms) {
    if (!digests.has(name)) digests.set(name, hash.digest(name, bytes));
  }
  return { md5, checksum: incoming.accept(digests, bytes.length) };
}

/** A digest that was asked for. */
export function digestOf(
  digests: ReadonlyMap<HashAlgorithm, Uint8Array>,
  algorithm: HashAlgorithm,
): Uint8Array {
  return must(digests.get(algorithm), `no ${algorithm} was computed`);
}
