import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHash } from "./hash.ts";
import { kernelBytes, KernelMemory } from "./kernel-memory.ts";
import { Md5Lanes } from "./md5-lanes.ts";

const elsewhere = createHash();
const largestBytes = 300_000;
const outside = Uint8Array.from({ length: largestBytes }, (_, i) => (i * i) >> 7);

test("MD5 in lanes: bodies at once, however long and however cut, come to what OpenSSL makes of each", () => {
  const memory = KernelMemory.create(kernelBytes + largestBytes);
  const inside = memory.allocate(largestBytes);
  memory.copy(outside, inside, 0);
  assert.notEqual(memory.placeOf(inside), undefined);
  const due: (() => void)[] = [];
  const later = (step: () => void) => due.push(step);
  const lanes = new Md5Lanes(memory, { soon: later, late: later });
  const length = fc.oneof(fc.nat(200), fc.nat(largestBytes));
  const drawn = fc.record({
    isInside: fc.boolean(),
    range: fc.tuple(length, length),
    cuts: fc.array(length, { maxLength: 4 }),
    /** Steps of all bodies between two pieces of this one. */
    steps: fc.nat(2),
  });
  const bodies = fc.array(drawn, { minLength: 1, maxLength: 7 });
  const property = fc.property(bodies, (all) => {
    const digests = new Map<number, Uint8Array>();
    const expected = new Map<number, Uint8Array>();
    let [pieces, updated] = [0, 0];
    for (const [index, { isInside, range, cuts, steps }] of all.entries()) {
      const bytes = (isInside ? inside : outside).subarray(Math.min(...range), Math.max(...range));
      const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
      const body = lanes.open();
      for (const [piece, end] of [...places, bytes.length].entries()) {
        pieces++;
        body.update(bytes.subarray(places[piece - 1] ?? 0, end), () => updated++);
        for (let i = 0; i < steps; i++) due.shift()?.();
      }
      body.digest((digest) => digests.set(index, digest));
      body.close();
      expected.set(index, elsewhere.digest("md5", bytes));
    }
    for (let step = due.shift(); step !== undefined; step = due.shift()) step();
    for (const [index, digest] of expected) assert.deepEqual(digests.get(index), digest);
    assert.equal(updated, pieces);
  });
  fc.assert(property, { numRuns: 100 });
});
