import assert from "node:assert/strict";
import { test } from "node:test";
import { plainCombiner } from "./combine.ts";
import { multiply } from "./field.ts";

test("combine: each output is the sum of the inputs times its coefficients", async () => {
  const inputs = [Uint8Array.of(1, 2, 3), Uint8Array.of(0, 128, 255)];
  const coefficients = [Uint8Array.of(1, 1), Uint8Array.of(7, 200), Uint8Array.of(0, 0)];
  const expected = coefficients.map(([a = 0, b = 0]) =>
    inputs[0]!.map((value, at) => multiply(a, value) ^ multiply(b, inputs[1]![at]!)),
  );
  const outputs = coefficients.map(() => new Uint8Array(3).fill(99));
  plainCombiner.combine(outputs, inputs, coefficients);
  assert.deepEqual(outputs, expected);
  outputs[0]!.fill(99);
  await plainCombiner.combineOffThread(outputs, inputs, coefficients);
  assert.deepEqual(outputs, expected);
});

test("combine: shards of several lengths and coefficients that do not fit are refused", () => {
  const [three, four] = [new Uint8Array(3), new Uint8Array(4)];
  const one = Uint8Array.of(1);
  assert.throws(() => plainCombiner.combine([three], [four], [one]), /several lengths/);
  assert.throws(() => plainCombiner.combine([three], [three, three], [one]), /each input/);
  assert.throws(() => plainCombiner.combine([three, three], [three], [one]), /each output/);
});
