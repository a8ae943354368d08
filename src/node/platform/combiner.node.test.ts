import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../erasure/codes.ts";
import { combineShards, plainCombiner } from "../../erasure/combine.ts";
import { encodedShards, without } from "../../erasure/testing/shards.ts";
import { combineKernelBytes } from "./combine-kernel.ts";
import { KernelCombiner } from "./combiner.ts";
import { KernelMemory } from "./kernel-memory.ts";

const mebibyte = 1024 * 1024;

function createMemory(): KernelMemory {
  return KernelMemory.create(2 * combineKernelBytes + 24 * mebibyte);
}

const memory = createMemory();
const combiner = new KernelCombiner(memory);
after(() => combiner.running?.terminate());

/** Bytes in the memory that threads share, and as many elsewhere. */
const inside = memory.allocate(4 * mebibyte);
const outside = new Uint8Array(inside.length);
assert.notEqual(memory.placeOf(inside), undefined);

/** Shards of one length, one behind the other with gaps of a few bytes, in either memory. */
interface Drawn {
  readonly length: number;
  readonly outputs: readonly Place[];
  readonly inputs: readonly Place[];
  readonly coefficients: readonly Uint8Array[];
  readonly seed: number;
}
interface Place {
  readonly gap: number;
  readonly isInside: boolean;
}

const place: fc.Arbitrary<Place> = fc.record({ gap: fc.nat(40), isInside: fc.boolean() });
const coefficient = fc.oneof(fc.constantFrom(0, 1), fc.nat(255));
const drawn = (lengths: fc.Arbitrary<number>, shardsMax: number): fc.Arbitrary<Drawn> =>
  fc.tuple(fc.nat(shardsMax), fc.nat(shardsMax)).chain(([outputs, inputs]) =>
    fc.record({
      length: lengths,
      outputs: fc.array(place, { minLength: outputs, maxLength: outputs }),
      inputs: fc.array(place, { minLength: inputs, maxLength: inputs }),
      coefficients: fc
        .array(
          fc.oneof(
            fc.array(coefficient, { minLength: inputs, maxLength: inputs }),
            fc.constant(Array.from({ length: inputs }, () => 1)),
          ),
          { minLength: outputs, maxLength: outputs },
        )
        .map((rows) => rows.map((row) => Uint8Array.from(row))),
      seed: fc.nat(),
    }),
  );

/** Compares with the plain combiner, and sees that no other byte of either memory has changed. */
async function compare(
  { length, outputs, inputs, coefficients, seed }: Drawn,
  combine: typeof combiner.combineOffThread,
): Promise<void> {
  const total = [...outputs, ...inputs].reduce((sum, { gap }) => sum + gap + length, 0);
  for (let at = 0, state = seed; at < total; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    inside[at] = state >>> 24;
    outside[at] = state >>> 16;
  }
  const expected = [inside.slice(0, total), outside.slice(0, total)] as const;
  const shardsIn = (a: Uint8Array, b: Uint8Array): readonly [Uint8Array[], Uint8Array[]] => {
    let at = 0;
    const take = ({ gap, isInside }: Place): Uint8Array => {
      at += gap + length;
      return (isInside ? a : b).subarray(at - length, at);
    };
    return [outputs.map(take), inputs.map(take)];
  };
  plainCombiner.combine(...shardsIn(...expected), coefficients);
  await combine(...shardsIn(inside, outside), coefficients);
  assert.equal(Buffer.compare(inside.subarray(0, total), expected[0]), 0);
  assert.equal(Buffer.compare(outside.subarray(0, total), expected[1]), 0);
}

const here: typeof combiner.combineOffThread = (...call) => {
  combiner.combine(...call);
  return Promise.resolve();
};

test("kernel of combinations: equals the plain one, at any length and place, whatever memory shards are in", async () => {
  const lengths = fc.oneof(fc.nat(200), fc.constantFrom(16_383, 16_384, 16_385, 16_416, 40_001));
  const property = fc.asyncProperty(drawn(lengths, 12), (each) => compare(each, here));
  await fc.assert(property, { numRuns: 300 });
});

test("kernel of combinations: equals the plain one with as many shards as a code can have", async () => {
  const every = Array.from({ length: 255 }, (_, i) => ({ gap: i % 5, isInside: i % 3 > 0 }));
  for (const count of [1, 4, 127, 251, 254]) {
    const [outputs, inputs] = [every.slice(0, count), every.slice(count)];
    const coefficients = outputs.map((_, i) => Uint8Array.from(inputs, (__, j) => i * 31 + j));
    await compare({ length: 1500, outputs, inputs, coefficients, seed: count }, here);
  }
  const [outputs, inputs] = [every.slice(0, 128), every.slice(0, 128)];
  const coefficients = outputs.map(() => new Uint8Array(128));
  const tooMany = compare({ length: 1, outputs, inputs, coefficients, seed: 1 }, here);
  await assert.rejects(tooMany, /more shards/);
});

test("kernel of combinations: shards of several lengths are refused", async () => {
  const [three, four] = [new Uint8Array(3), new Uint8Array(4)];
  const call = [[three], [four], [Uint8Array.of(1)]] as const;
  assert.throws(() => combiner.combine(...call), /several lengths/);
  await assert.rejects(combiner.combineOffThread(...call), /several lengths/);
});

test("combining thread: equals the plain combiner, whatever memory shards are in", async () => {
  const property = fc.asyncProperty(drawn(fc.nat(40_000), 8), (each) =>
    compare(each, (...call) => combiner.combineOffThread(...call)),
  );
  await fc.assert(property, { numRuns: 60 });
});

test("combining thread: calls at once do not disturb each other", async () => {
  const code = codeOf({ code: "rs", data: 4, parity: 2 });
  const shards = encodedShards(code, 5000);
  const losses = Array.from({ length: 6 }, (_, shard) => shard);
  await Promise.all(
    losses.map(async (lost) => {
      const plan = code.repairPlan([lost], without(code, [lost]))!;
      const output = lost % 2 === 0 ? memory.allocate(5000) : new Uint8Array(5000);
      const inputs = plan.reads.map((shard) => shards[shard]!);
      await combiner.combineOffThread([output], inputs, plan.coefficients);
      assert.deepEqual(new Uint8Array(output), shards[lost]);
    }),
  );
  assert.equal(combiner.waiting, 0);
});

test("combining thread: the event loop turns while large shards are combined", async () => {
  const inputs = Array.from({ length: 2 }, () => memory.allocate(4 * mebibyte));
  const outputs = Array.from({ length: 2 }, () => memory.allocate(4 * mebibyte));
  for (const shard of [...inputs, ...outputs]) assert.notEqual(memory.placeOf(shard), undefined);
  const coefficients = outputs.map((_, i) => Uint8Array.of(2 + i, 5));
  let isDone = false;
  const calls = Array.from({ length: 20 }, () =>
    combiner.combineOffThread(outputs, inputs, coefficients),
  );
  const done = Promise.all(calls).then(() => (isDone = true));
  let turns = 0;
  while (!isDone) {
    turns++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  assert.ok(turns > 10, `${turns} turns`);
});

test("combining thread: one that ends fails what it was asked, and another takes its place", async () => {
  const own = new KernelCombiner(createMemory());
  const call = [[new Uint8Array(9)], [new Uint8Array(9).fill(7)], [Uint8Array.of(1)]] as const;
  await own.combineOffThread(...call);
  const first = own.running;
  const isRunning = (): boolean => own.running !== undefined;
  // Ended first: on a busy machine the thread may be done with a call before it ends.
  const ended = first!.terminate();
  await assert.rejects(own.combineOffThread(...call), { code: "unavailable" });
  await ended;
  assert.ok(!isRunning());
  assert.equal(own.waiting, 0);
  await own.combineOffThread(...call);
  assert.deepEqual(call[0][0], call[1][0]);
  const second = own.running;
  assert.notEqual(second, first);
  await second?.terminate();
});

test("plans are carried out at once where little is to be combined, off the event loop above", async () => {
  const code = codeOf({ code: "rs", data: 2, parity: 1 });
  const plan = code.repairPlan([0], [1, 2])!;
  for (const [length, isAtOnce] of [
    [mebibyte / 2, true],
    [mebibyte / 2 + 1, false],
  ] as const) {
    const output = new Uint8Array(length);
    const inputs = [new Uint8Array(length).fill(3), new Uint8Array(length).fill(5)];
    const done = combineShards(combiner, plan, [output], inputs);
    assert.equal(done === undefined, isAtOnce);
    await done;
    assert.equal(output[length - 1], 6);
  }
});
