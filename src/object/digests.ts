import { must } from "../base/assert.ts";
import type { Hash, HashAlgorithm, Hasher } from "../platform/hash.ts";

/**
 * The digests of a body while it passes: MD5, which is the ETag, and what else is asked for. The
 * one place where bodies are hashed, so that the work can leave this thread without anything else
 * knowing.
 */
export class Digests {
  readonly #hashers: ReadonlyMap<HashAlgorithm, Hasher>;

  constructor(hash: Hash, algorithms: readonly HashAlgorithm[]) {
    const all = new Set<HashAlgorithm>(["md5", ...algorithms]);
    this.#hashers = new Map([...all].map((algorithm) => [algorithm, hash.create(algorithm)]));
  }

  update(bytes: Uint8Array): void {
    for (const hasher of this.#hashers.values()) hasher.update(bytes);
  }

  /** The digests of all bytes; to be called once. */
  finish(): ReadonlyMap<HashAlgorithm, Uint8Array> {
    return new Map([...this.#hashers].map(([algorithm, hasher]) => [algorithm, hasher.digest()]));
  }
}

/** A digest that was asked for. */
export function digestOf(
  digests: ReadonlyMap<HashAlgorithm, Uint8Array>,
  algorithm: HashAlgorithm,
): Uint8Array {
  return must(digests.get(algorithm), `no ${algorithm} was computed`);
}
