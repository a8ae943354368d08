import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerTimes, HedgeBudget } from "./hedging.ts";

test("hedging: a quantile is at most a class above the time that it is of", () => {
  const times = new AnswerTimes();
  for (let i = 1; i <= 1000; i++) times.add(i / 10);
  for (const share of [0.5, 0.95, 0.98]) {
    const quantile = times.quantile(share);
    assert.ok(quantile >= share * 100 && quantile <= share * 100 * 1.2, `${share}: ${quantile}`);
  }
});

test("hedging: times of long ago are forgotten", () => {
  const times = new AnswerTimes();
  for (let i = 0; i < 5000; i++) times.add(100);
  for (let i = 0; i < 20_000; i++) times.add(1);
  assert.ok(times.quantile(0.95) < 2);
});

test("hedging: nothing is late while too little is known", () => {
  const budget = new HedgeBudget();
  assert.equal(budget.begin(), undefined);
  for (let i = 0; i < 99; i++) budget.times.add(1);
  assert.equal(budget.begin(), undefined);
  budget.times.add(1);
  assert.ok(Number(budget.begin()) < 2);
});

test("C6: hedging: however many reads are late, one of fifty is hedged", () => {
  const budget = new HedgeBudget();
  for (let i = 0; i < 1000; i++) budget.times.add(1);
  const reads = 10_000;
  for (let i = 0; i < reads; i++) {
    budget.begin();
    budget.spend(1);
  }
  const { sent } = budget.statistics;
  assert.ok(sent <= reads * 0.02 && sent >= reads * 0.02 - 1, `${sent}`);
});

test("C6: hedging: decoding from four shards takes four tokens", () => {
  const budget = new HedgeBudget();
  for (let i = 0; i < 220; i++) budget.begin();
  assert.equal(budget.spend(4), true);
  assert.equal(budget.spend(4), false);
});

test("hedging: a share of nothing is nothing", () => {
  const budget = new HedgeBudget(0);
  for (let i = 0; i < 1000; i++) budget.begin();
  assert.equal(budget.spend(1), false);
});

test("hedging: what was not spent is there for a burst, within a bound", () => {
  const budget = new HedgeBudget();
  for (let i = 0; i < 100_000; i++) budget.begin();
  let spent = 0;
  while (spent < 1000 && budget.spend(1)) spent++;
  assert.equal(spent, 16);
});

test("hedging: the wait is stretched while tokens are short, and is the 95th percentile else", () => {
  const budget = new HedgeBudget();
  for (let i = 1; i <= 1000; i++) budget.times.add(i <= 960 ? 1 : 50);
  const wait = (): number => Number(budget.begin());
  for (let i = 0; i < 1000; i++) wait();
  const first = wait();
  assert.ok(first >= 1 && first < 1.2);
  for (let i = 0; i < 1000; i++) budget.spend(1);
  for (let i = 0; i < 5; i++) budget.spend(1);
  assert.ok(wait() > 2 * first);
  for (let i = 0; i < 100; i++) budget.spend(1);
  assert.ok(wait() <= 16 * first);
  for (let i = 0; i < 2000; i++) wait();
  assert.equal(wait(), first);
});
