import type { BodyHasher, Hash, HashAlgorithm } from "./hash.ts";

/** Does the work at once, on the thread that asks for it. */
export function createBodyHasher(
  hash: Pick<Hash, "create">,
  algorithms: readonly HashAlgorithm[],
): BodyHasher {
  const hashers = algorithms.map((algorithm) => [algorithm, hash.create(algorithm)] as const);
  return {
    update(bytes) {
      for (const [, hasher] of hashers) hasher.update(bytes);
      return undefined;
    },
    digests: () =>
      Promise.resolve(new Map(hashers.map(([algorithm, hasher]) => [algorithm, hasher.digest()]))),
    close: () => undefined,
  };
}
