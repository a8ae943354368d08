import assert from "node:assert/strict";
import { test } from "node:test";
import { inverse, multiply, productsOf } from "./field.ts";

/** Multiplies polynomials a bit at a time, and then takes the remainder. */
function product(a: number, b: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) result ^= a << bit;
  for (let bit = 14; bit >= 8; bit--) if ((result >> bit) & 1) result ^= 0x11d << (bit - 8);
  return result;
}

test("field: each product is that of the polynomials modulo x^8 + x^4 + x^3 + x^2 + 1", () => {
  for (let a = 0; a < 256; a++) {
    const expected = Uint8Array.from({ length: 256 }, (_, b) => product(a, b));
    assert.deepEqual(new Uint8Array(productsOf(a)), expected);
    assert.deepEqual(
      expected.map((_, b) => multiply(a, b)),
      expected,
    );
  }
});

test("field: each element but zero has an inverse", () => {
  for (let a = 1; a < 256; a++) assert.equal(product(a, inverse(a)), 1);
  assert.throws(() => inverse(0), /zero/);
});
