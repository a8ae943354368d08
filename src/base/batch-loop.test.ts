import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchLoop } from "./batch-loop.ts";

/** A loop whose turns the test decides; each batch takes all that waits. */
class BatchBench {
  waiting = 0;
  readonly batches: number[] = [];
  /** What happens in a turn. */
  turn: () => void = () => undefined;
  gate: Promise<void> = Promise.resolve();
  readonly loop = new BatchLoop({
    turn: async () => {
      await Promise.resolve();
      this.turn();
    },
    hasWork: () => this.waiting > 0,
    carryOut: async () => {
      this.batches.push(this.waiting);
      this.waiting = 0;
      await this.gate;
    },
  });

  add(items: number): void {
    this.waiting += items;
    this.loop.wake();
  }
}

test("batch loop: what arrives while a batch runs makes up the next, which begins at once", async () => {
  const bench = new BatchBench();
  const batch = Promise.withResolvers<void>();
  bench.gate = batch.promise;
  bench.add(1);
  await new Promise(setImmediate);
  for (let i = 0; i < 5; i++) bench.add(1);
  bench.turn = () => assert.fail("it waited for a turn between two batches");
  batch.resolve();
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [1, 5]);
});

test("batch loop: an idle one waits for what comes in the same turn, and for no other turn", async () => {
  const bench = new BatchBench();
  let turns = 0;
  bench.turn = () => {
    turns++;
    bench.add(1);
  };
  bench.add(1);
  bench.add(1);
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [3]);
  assert.equal(turns, 1);
});

test("batch loop: it stays usable after an empty wake-up and after a batch that threw", async () => {
  const bench = new BatchBench();
  bench.loop.wake();
  await bench.loop.idle();
  bench.gate = Promise.reject(new Error("broken"));
  bench.add(1);
  await assert.rejects(bench.loop.idle(), /broken/);
  bench.gate = Promise.resolve();
  bench.add(2);
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [1, 2]);
});
