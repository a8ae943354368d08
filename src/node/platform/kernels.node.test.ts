import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildKernel, kernelBinary, kernelSources } from "../../../tools/build-kernels.ts";

for (const source of kernelSources()) {
  test(`${source} is what its committed binary was built from`, () => {
    const committed = new Uint8Array(readFileSync(kernelBinary(source)));
    assert.ok(Buffer.compare(buildKernel(source), committed) === 0, "run: npm run kernels");
  });
}
