import { assert } from "../base/assert.ts";
import type { Combiner } from "../platform/combiner.ts";
import type { ShardPlan } from "./code.ts";
import { productsOf } from "./field.ts";

/**
 * @limit Bytes of all inputs together that are combined on the event loop, a block of 64 KiB of 16
 * shards: with four outputs 0.13 ms. Handing them to another thread takes 0.05 ms.
 */
const onThreadBytesMax = 1024 * 1024;

/**
 * Carries out a plan: `outputs` become the wanted shards, or a range of them, from the same range of
 * the shards read (`inputs`, in the plan's order). Many bytes are left to another thread; what holds
 * for `Combiner.combineOffThread` holds until the promise resolves. Undefined: it is done.
 */
export function combineShards(
  combiner: Combiner,
  plan: ShardPlan,
  outputs: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
): Promise<void> | undefined {
  const bytes = inputs.reduce((sum, input) => sum + input.length, 0);
  if (bytes > onThreadBytesMax) {
    return combiner.combineOffThread(outputs, inputs, plan.coefficients);
  }
  combiner.combine(outputs, inputs, plan.coefficients);
  return undefined;
}

/**
 * Combines by one table look-up for each byte, input and output: what the kernel of
 * `node/platform/kernels/combine.as.ts` is compared with, and what simulated processes use.
 */
export const plainCombiner: Combiner = {
  combine,
  combineOffThread(outputs, inputs, coefficients) {
    combine(outputs, inputs, coefficients);
    return Promise.resolve();
  },
};

function combine(
  outputs: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
  coefficients: readonly Uint8Array[],
): void {
  assertCombinable(outputs, inputs, coefficients);
  for (const [i, output] of outputs.entries()) {
    output.fill(0);
    for (const [j, input] of inputs.entries()) {
      const products = productsOf(coefficients[i]![j]!);
      for (let at = 0; at < output.length; at++) output[at]! ^= products[input[at]!]!;
    }
  }
}

/** Each output has a row of coefficients, one for each input, and all are of one length. */
export function assertCombinable(
  outputs: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
  coefficients: readonly Uint8Array[],
): void {
  assert(coefficients.length === outputs.length, "not a row of coefficients for each output");
  for (const row of coefficients) {
    assert(row.length === inputs.length, "not a coefficient for each input");
  }
  const length = (outputs[0] ?? inputs[0])?.length;
  const isOfLength = (bytes: Uint8Array): boolean => bytes.length === length;
  assert(outputs.every(isOfLength) && inputs.every(isOfLength), "shards of several lengths");
}
