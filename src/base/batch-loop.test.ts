import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchLoop } from "./batch-loop.ts";

/** A loop whose turns and time the test decides; each batch takes all that waits, and `batchMs`. */
class Bench {
  nowMs = 0;
  batchMs = 0;
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
    monotonicMs: () => this.nowMs,
    waiting: () => this.waiting,
    itemsMax: 100,
    carryOut: async () => {
      this.batches.push(this.waiting);
      this.waiting = 0;
      this.nowMs += this.batchMs;
      await this.gate;
    },
  });

  add(items: number): void {
    this.waiting += items;
    this.loop.wake();
  }
}

test("batch loop: what arrives while a batch runs makes up the next, which begins at once", async () => {
  const bench = new Bench();
  const batch = Promise.withResolvers<void>();
  bench.gate = batch.promise;
  bench.turn = () => void (bench.nowMs += 1);
  bench.add(1);
  await new Promise(setImmediate);
  for (let i = 0; i < 5; i++) bench.add(1);
  bench.turn = () => assert.fail("it waited for a turn between two batches");
  batch.resolve();
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [1, 5]);
});

test("batch loop: an idle one waits for a turn, and on while turns bring more, as long as the last batch took", async () => {
  const bench = new Bench();
  bench.batchMs = 5;
  bench.add(1);
  await bench.loop.idle();
  bench.turn = () => {
    bench.nowMs += 2;
    bench.add(1);
  };
  bench.add(1);
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [1, 4], "three turns of 2 ms, where a batch takes 5");
  let more = 2;
  bench.turn = () => {
    if (more-- > 0) bench.add(1);
  };
  bench.add(1);
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [1, 4, 3], "the turn that brought nothing was the last");
});

test("C6: a batch loop waits for no more than a full batch", async () => {
  const bench = new Bench();
  bench.turn = () => bench.add(60);
  bench.add(60);
  await bench.loop.idle();
  assert.deepEqual(bench.batches, [120]);
});

test("batch loop: it stays usable after an empty wake-up and after a batch that threw", async () => {
  const bench = new Bench();
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
