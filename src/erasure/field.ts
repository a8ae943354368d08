import { assert } from "../base/assert.ts";

/**
 * The field GF(256): bytes, added by exclusive or and multiplied as polynomials modulo x⁸ + x⁴ + x³
 * + x² + 1, the polynomial that most Reed–Solomon codes for storage have (Plank, "A tutorial on
 * Reed–Solomon coding for fault-tolerance in RAID-like systems", 1997).
 */
const polynomial = 0x11d;

const products = createProducts();
const inverses = createInverses();

export function multiply(a: number, b: number): number {
  return products[a * 256 + b]!;
}

/** The products of `a` with each byte, at that byte's place; to be read only. */
export function productsOf(a: number): Uint8Array {
  return products.subarray(a * 256, a * 256 + 256);
}

/** 1 / a. */
export function inverse(a: number): number {
  assert(a !== 0, "zero has no inverse");
  return inverses[a]!;
}

function createProducts(): Uint8Array {
  const table = new Uint8Array(256 * 256);
  for (let a = 0; a < 256; a++) {
    for (let bit = 1, shifted = a; bit < 256; bit *= 2) {
      for (let b = bit; b < 2 * bit; b++) {
        table[a * 256 + b] = table[a * 256 + b - bit]! ^ shifted;
      }
      shifted *= 2;
      if (shifted > 255) shifted ^= polynomial;
    }
  }
  return table;
}

function createInverses(): Uint8Array {
  const table = new Uint8Array(256);
  for (let a = 1; a < 256; a++) table[a] = productsOf(a).indexOf(1);
  return table;
}
