import { createHash as createNodeHash, createHmac, hash, hash as hashOnce } from "node:crypto";
import { crc32 } from "node:zlib";
import { unreachable } from "../../base/assert.ts";
import {
  type CrcAlgorithm,
  createBodyHasher,
  type CryptoAlgorithm,
  type Hash,
  type HashAlgorithm,
  type Hasher,
} from "../../platform/hash.ts";
import { type CrcKernel, createCrcKernel, createXxhKernel } from "./checksum-kernels.ts";
import type { HashThreads } from "./hash-threads.ts";
import { kernelBytes, KernelMemory } from "./kernel-memory.ts";

const polynomial32 = 0xedb88320;
const polynomial32c = 0x82f63b78;

/**
 * Digests by OpenSSL, CRC-32 by zlib, the other CRCs and xxHash by kernels of ours (Node has none).
 * One per thread.
 *
 * @param memory where the kernels work, and what they need not copy lies.
 * @param threads for large bodies; without them this one hashes them.
 */
export function createHash(memory = KernelMemory.create(kernelBytes), threads?: HashThreads): Hash {
  const kernel = createCrcKernel(memory);
  const xxh = createXxhKernel(memory);
  const create = (algorithm: HashAlgorithm): Hasher => {
    if (isCrypto(algorithm)) return cryptoHasher(algorithm);
    return isCrc(algorithm) ? crcHasher(kernel, algorithm) : xxh.create(algorithm);
  };
  const digest = (algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array => {
    if (isCrypto(algorithm)) return plainBytes(hashOnce(algorithm, bytes, "buffer"));
    if (!isCrc(algorithm)) return xxh.digest(algorithm, bytes);
    const hasher = create(algorithm);
    hasher.update(bytes);
    return hasher.digest();
  };
  return {
    crc32: createCrc32(),
    blockChecksum: (bytes) => xxh.xxh3Half(bytes),
    create,
    createOffThread: (algorithms) =>
      threads?.open(algorithms) ?? createBodyHasher({ create }, algorithms),
    digest,
    hmacSha1: (key, bytes) => plainBytes(createHmac("sha1", key).update(bytes).digest()),
    hmacSha256: (key, bytes) => plainBytes(createHmac("sha256", key).update(bytes).digest()),
    sha256Text: createSha256Text(),
    hmacSha256Text: createHmacText(),
    combineCrc: (algorithm, first, second, secondBytes) =>
      combineCrc(kernel, algorithm, first, second, secondBytes),
  };
}

/**
 * Arrays of up to so many bytes lie in V8's heap; given to native code, each gets memory of its own
 * outside of it.
 */
const inHeapBytes = 64;

/**
 * CRC-32 by zlib. A short array, as a row's key, is copied to where it need not: 0.15 µs instead of
 * 0.5 (Node 26.10).
 */
function createCrc32(): Hash["crc32"] {
  const block = new Uint8Array(new ArrayBuffer(inHeapBytes));
  return (bytes, previous) => {
    const { length } = bytes;
    if (length > inHeapBytes) return crc32(bytes, previous);
    block.set(bytes);
    return crc32(block.subarray(0, length), previous);
  };
}

function isCrc(algorithm: HashAlgorithm): algorithm is CrcAlgorithm {
  return algorithm === "crc32" || algorithm === "crc32c" || algorithm === "crc64nvme";
}

function isCrypto(algorithm: HashAlgorithm): algorithm is CryptoAlgorithm {
  return (
    algorithm === "md5" || algorithm === "sha1" || algorithm === "sha256" || algorithm === "sha512"
  );
}

function cryptoHasher(algorithm: CryptoAlgorithm): Hasher {
  const hash = createNodeHash(algorithm);
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => plainBytes(hash.digest()),
  };
}

function crcHasher(kernel: CrcKernel, algorithm: CrcAlgorithm): Hasher {
  switch (algorithm) {
    case "crc32":
      return crc32Hasher((bytes, previous) => crc32(bytes, previous));
    case "crc32c":
      return crc32Hasher((bytes, previous) => kernel.crc32c(bytes, previous));
    case "crc64nvme": {
      let state = 0n;
      return {
        update: (bytes) => void (state = kernel.crc64nvme(bytes, state)),
        digest: () => toBytes64(state),
      };
    }
    default:
      return unreachable(algorithm);
  }
}

function crc32Hasher(step: (bytes: Uint8Array, previous: number) => number): Hasher {
  let state = 0;
  return {
    update: (bytes) => void (state = step(bytes, state)),
    digest: () => toBytes32(state),
  };
}

function combineCrc(
  kernel: CrcKernel,
  algorithm: CrcAlgorithm,
  first: Uint8Array,
  second: Uint8Array,
  secondBytes: number,
): Uint8Array {
  if (algorithm === "crc64nvme") {
    const combined = kernel.combine64nvme(
      view(first).getBigUint64(0),
      view(second).getBigUint64(0),
      secondBytes,
    );
    return toBytes64(combined);
  }
  const polynomial = algorithm === "crc32" ? polynomial32 : polynomial32c;
  const [a, b] = [view(first).getUint32(0), view(second).getUint32(0)];
  return toBytes32(kernel.combine32(polynomial, a, b, secondBytes));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function toBytes32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value);
  return bytes;
}

function toBytes64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  view(bytes).setBigUint64(0, value);
  return bytes;
}

/**
 * A Buffer seen as what our code expects: its own `slice` and equality differ from a Uint8Array's.
 */
function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

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
