export type CryptoAlgorithm = "md5" | "sha1" | "sha256" | "sha512";
export type CrcAlgorithm = "crc32" | "crc32c" | "crc64nvme";
export type XxhAlgorithm = "xxhash64" | "xxhash3" | "xxhash128";
/**
 * Digests the store computes. CRCs and xxHashes have the most significant byte first, as S3 writes
 * them.
 */
export type HashAlgorithm = CryptoAlgorithm | CrcAlgorithm | XxhAlgorithm;

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The digest of all bytes so far; the hasher is used up. */
  digest(): Uint8Array;
}

/** Several digests of one body; the work may be done off the thread that receives it. */
export interface BodyHasher {
  /**
   * Each call's bytes follow those of the call before. They must not change until this resolves;
   * where there is no promise, they are done with. StoreError `unavailable`: who did the work has
   * gone; then nothing more comes of this body.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** The digests of all bytes; to be called once. */
  digests(): Promise<ReadonlyMap<HashAlgorithm, Uint8Array>>;
  /** Nothing more will be asked, also where no digests were. */
  close(): void;
}

export interface Hash {
  /**
   * IEEE CRC-32 (the one of zlib), as an unsigned 32-bit number; `previous` continues an earlier
   * one.
   */
  crc32(bytes: Uint8Array, previous?: number): number;
  /**
   * The checksum of a record's block, up to 64 KiB: the lower 32 bits of XXH3 (64 bits), at 10 GB/s
   * where CRC-32 comes to 4.4 (Node 26.10, one core of 2026).
   */
  blockChecksum(bytes: Uint8Array): number;
  create(algorithm: HashAlgorithm): Hasher;
  /**
   * Hashes a large body on another thread: on this one it would delay everything else by half a
   * millisecond for each 256 KiB.
   */
  createOffThread(algorithms: readonly HashAlgorithm[]): BodyHasher;
  digest(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array;
  hmacSha1(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /**
   * Digest and MAC of a text that is one byte a character, in hexadecimal: what signatures are made
   * of.
   */
  sha256Text(text: string): string;
  hmacSha256Text(key: Uint8Array, text: string): string;
  /**
   * The CRC of two byte strings one after the other, from the CRC of each (as `digest` returns
   * them) and the length in bytes of the second.
   */
  combineCrc(
    algorithm: CrcAlgorithm,
    first: Uint8Array,
    second: Uint8Array,
    secondBytes: number,
  ): Uint8Array;
}

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
