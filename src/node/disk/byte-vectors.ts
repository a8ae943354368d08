/*
 * Vectors: byte arrays that are written one after the other, in one call where the system takes
 * them at once (writev).
 */

export function lengthOf(vectors: readonly Uint8Array[]): number {
  let length = 0;
  for (const vector of vectors) length += vector.length;
  return length;
}

/** What stands behind the first `count` bytes of `vectors`. */
export function afterBytes(vectors: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  for (const [index, vector] of vectors.entries()) {
    if (skip < vector.length) return [vector.subarray(skip), ...vectors.slice(index + 1)];
    skip -= vector.length;
  }
  return [];
}

/** The first `count` bytes of `vectors`, or all there are. */
export function firstBytes(vectors: readonly Uint8Array[], count: number): Uint8Array[] {
  const first: Uint8Array[] = [];
  let left = count;
  for (const vector of vectors) {
    if (left === 0) break;
    const piece = vector.subarray(0, left);
    first.push(piece);
    left -= piece.length;
  }
  return first;
}

/**
 * Copies vectors one after the other to the beginning of `target`, which has space for them. By a
 * Buffer's own copy: out of memory that threads share V8's is five times slower.
 */
export function gatherBytes(vectors: readonly Uint8Array[], target: Uint8Array): void {
  let at = 0;
  for (const { buffer, byteOffset, length } of vectors) {
    Buffer.from(buffer, byteOffset, length).copy(target, at);
    at += length;
  }
}
