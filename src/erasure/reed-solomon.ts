import { assert } from "../base/assert.ts";
import { Code } from "./code.ts";
import { inverse, multiply } from "./field.ts";

/** @limit Schemes count shards in a byte, and the field has 256 elements to tell them apart. */
export const shardsMax = 255;

/**
 * Reed–Solomon: any `data` of the shards give all of them.
 *
 * The parities are a Cauchy matrix, 1 / (x_i + y_j) with x_i and y_j all different, of which each
 * square submatrix has an inverse. Multiplying a whole row or column by something leaves that so,
 * and makes the first row and the first column ones (Plank & Xu, "Optimizing Cauchy Reed–Solomon
 * codes for fault-tolerant network storage applications", 2006). The first parity is then the sum
 * of the data, and one lost shard is the sum of the others, which needs no multiplications.
 */
export function reedSolomon(data: number, parity: number): Code {
  assert(data >= 1 && parity >= 1 && data + parity <= shardsMax, `no RS(${data},${parity})`);
  const cauchy = (i: number, j: number): number => inverse((data + i) ^ j);
  const parities = Array.from({ length: parity }, (_, i) => {
    const ofColumn = (j: number): number => multiply(cauchy(i, j), inverse(cauchy(0, j)));
    const first = inverse(ofColumn(0));
    return Uint8Array.from({ length: data }, (_, j) => multiply(first, ofColumn(j)));
  });
  return new Code("rs", parities);
}
