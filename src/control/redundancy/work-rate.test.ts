import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkRate } from "./work-rate.ts";

/** Work in steps of a second, at a rate that changes. */
class SteppedWork {
  nowMs = 0;
  readonly rate: WorkRate;
  #left: number;
  readonly #perSecond: (left: number, second: number) => number;

  constructor(work: number, perSecond: (left: number, second: number) => number) {
    this.#left = work;
    this.#perSecond = perSecond;
    this.rate = new WorkRate({ monotonicMs: () => this.nowMs });
    this.rate.begin();
  }

  get left(): number {
    return this.#left;
  }

  step(): void {
    const work = Math.min(this.#left, this.#perSecond(this.#left, this.nowMs / 1000));
    this.nowMs += 1000;
    this.#left -= work;
    if (work > 0) this.rate.add(work);
  }

  /** What is said each time that so much is left, and how long it took then. */
  run(
    askedAt: readonly number[],
  ): { readonly saidMs: number | undefined; readonly wasMs: number }[] {
    const said: { readonly saidMs: number | undefined; readonly atMs: number }[] = [];
    for (const left of askedAt) {
      while (this.#left > left) this.step();
      said.push({ saidMs: this.rate.msFor(this.#left), atMs: this.nowMs });
    }
    while (this.#left > 0) this.step();
    return said.map(({ saidMs, atMs }) => ({ saidMs, wasMs: this.nowMs - atMs }));
  }
}

function assertWithinTwofold(
  said: readonly { readonly saidMs: number | undefined; readonly wasMs: number }[],
): void {
  for (const { saidMs, wasMs } of said) {
    assert.ok(
      saidMs !== undefined && saidMs < 2 * wasMs && saidMs > wasMs / 2,
      `${saidMs} ${wasMs}`,
    );
  }
}

const points = [9000, 7000, 5000, 2000];

test("WorkRate: the time said at 10, 30, 50 and 80 % is right within twofold", () => {
  assertWithinTwofold(new SteppedWork(10_000, () => 20).run(points));
  // In bursts, with rests that are as much a part of it as the work.
  assertWithinTwofold(
    new SteppedWork(10_000, (_, second) => (second % 10 < 2 ? 100 : 0)).run(points),
  );
  // Half a minute in which it waits for its turn, now and then.
  const waits = (_: number, second: number): number => (second % 120 < 30 ? 0 : 20);
  assertWithinTwofold(new SteppedWork(10_000, waits).run(points));
});

test("WorkRate: a minute after clients came or went the time said is right again", () => {
  for (const after of [4, 200]) {
    const work = new SteppedWork(40_000, (left) => (left > 30_000 ? 40 : after));
    while (work.left > 30_000) work.step();
    for (let second = 0; second < 60; second++) work.step();
    assertWithinTwofold(work.run([work.left]));
  }
});

test("WorkRate: nothing is said before something was done for a while", () => {
  const work = new SteppedWork(1000, () => 10);
  assert.equal(work.rate.msFor(1000), undefined);
  work.step();
  assert.equal(work.rate.msFor(work.left), undefined);
  work.step();
  work.step();
  assert.equal(work.rate.msFor(work.left), 97_000);
});

test("WorkRate: what was in vain does not count, and time with nothing to do neither", () => {
  const work = new SteppedWork(1000, () => 10);
  for (let second = 0; second < 10; second++) work.step();
  work.rate.add(-50);
  assert.equal(work.rate.perSecond(), 5);
  work.rate.end();
  assert.equal(work.rate.perSecond(), undefined);
  work.nowMs += 3_600_000;
  work.rate.begin();
  for (let second = 0; second < 10; second++) work.step();
  assert.equal(work.rate.perSecond(), 10);
});

test("WorkRate: while nothing comes of it, the time said grows", () => {
  const work = new SteppedWork(10_000, (_, second) => (second < 60 ? 10 : 0));
  for (let second = 0; second < 60; second++) work.step();
  const before = work.rate.msFor(100);
  for (let second = 0; second < 600; second++) work.step();
  assert.ok(before !== undefined && (work.rate.msFor(100) ?? 0) > 5 * before);
});
