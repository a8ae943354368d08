import assert from "node:assert/strict";
import { test } from "node:test";
import { TransferMeter } from "../extent/metered-disks.ts";
import { TransferBudget, type TransferPayer } from "./transfer-budget.ts";

const mebibyte = 1024 * 1024;

/** Tasks that always have something to move, and a clock that goes from one event to the next. */
class BusyTasks {
  nowMs = 0;
  load = 1;
  /** How fast steps are, in bytes a millisecond: clients may slow them down. */
  bytesPerMs = 100_000;
  /** What a step moves, and how long it waits besides. */
  stepBytes = 4 * mebibyte;
  stepWaitMs = 0;
  readonly budget: TransferBudget;
  readonly #workers: {
    payer: TransferPayer;
    meter: TransferMeter;
    isUrgent: boolean;
    nextMs: number;
    endMs?: number;
  }[] = [];
  /** The most steps that were under way at once. */
  atOnceMax = 0;

  constructor(share = 0.2) {
    const clock = { monotonicMs: () => this.nowMs };
    this.budget = new TransferBudget({ clock, share, clientLoad: () => this.load });
  }

  add(weight = 1): TransferMeter {
    const meter = new TransferMeter();
    const payer = this.budget.payer(weight, meter);
    this.#workers.push({ payer, meter, isUrgent: false, nextMs: this.nowMs });
    return meter;
  }

  setUrgent(meter: TransferMeter, isUrgent: boolean): void {
    for (const worker of this.#workers) if (worker.meter === meter) worker.isUrgent = isUrgent;
  }

  /** Steps, one after the other, of each task. */
  run(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      for (const worker of this.#workers) {
        if (worker.endMs !== undefined && worker.endMs <= this.nowMs) {
          worker.meter.bytesRead += this.stepBytes;
          worker.payer.end();
          delete worker.endMs;
          worker.nextMs = this.nowMs;
        }
        if (worker.endMs !== undefined || worker.nextMs > this.nowMs) continue;
        const waitMs = worker.payer.begin(worker.isUrgent);
        if (waitMs > 0) worker.nextMs = this.nowMs + waitMs;
        else worker.endMs = this.nowMs + this.stepWaitMs + this.stepBytes / this.bytesPerMs;
      }
      const working = this.#workers.filter(({ endMs }) => endMs !== undefined).length;
      this.atOnceMax = Math.max(this.atOnceMax, working);
      this.nowMs = Math.min(untilMs, ...this.#workers.map(({ endMs, nextMs }) => endMs ?? nextMs));
    }
  }

  /** Bytes a millisecond that a task moves. */
  rateOf(meter: TransferMeter, ms: number): number {
    const before = meter.bytes;
    this.run(ms);
    return (meter.bytes - before) / ms;
  }
}

function assertNear(found: number, wanted: number, within = 0.1): void {
  assert.ok(Math.abs(found - wanted) <= within * wanted, `${found} is not near ${wanted}`);
}

test("TransferBudget: full speed while clients are idle, its share while they are active", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.load = 0;
  assertNear(machine.rateOf(meter, 10_000), 100_000);
  machine.load = 1;
  assertNear(machine.rateOf(meter, 10_000), 20_000);
  machine.load = 0;
  assertNear(machine.rateOf(meter, 10_000), 100_000);
});

test("TransferBudget: nothing is owed for what was moved while clients were idle", () => {
  const machine = new BusyTasks(0.2);
  const meters = [machine.add(), machine.add()];
  const bytes = (): number => meters.reduce((sum, meter) => sum + meter.bytes, 0);
  machine.load = 0;
  machine.run(60_000);
  machine.load = 1;
  const before = bytes();
  machine.run(1000);
  assertNear((bytes() - before) / 1000, 20_000, 0.4);
});

test("TransferBudget: the less clients do, the more is left", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.load = 0.11; // half of the way from idle to active
  assertNear(machine.rateOf(meter, 10_000), 60_000);
});

test("TransferBudget: bytes are what is paid for, at the bandwidth measured before", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.load = 0;
  machine.run(10_000);
  // Clients make each step take three times as long; it has its 20 % all the same.
  machine.load = 1;
  machine.bytesPerMs = 100_000 / 3;
  assertNear(machine.rateOf(meter, 10_000), 20_000);
});

test("TransferBudget: a bandwidth that is not reached any more is forgotten", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.load = 0;
  machine.run(10_000);
  machine.load = 1;
  machine.bytesPerMs = 10_000;
  machine.run(7_200_000);
  assertNear(machine.rateOf(meter, 60_000), 2000);
});

test("TransferBudget: all tasks have one share together, by weight, and one works at a time", () => {
  const machine = new BusyTasks(0.2);
  const repair = machine.add(8);
  const encoding = machine.add(2);
  machine.run(1000); // both have moved something
  machine.atOnceMax = 0;
  const before = encoding.bytes;
  const rate = machine.rateOf(repair, 20_000);
  const other = (encoding.bytes - before) / 20_000;
  assertNear(rate + other, 20_000);
  assertNear(rate / other, 4, 0.2);
  assert.equal(machine.atOnceMax, 1);
});

test("TransferBudget: a task alone has all of it, and does not make up for a rest", () => {
  const machine = new BusyTasks(0.2);
  const repair = machine.add(8);
  assertNear(machine.rateOf(repair, 60_000), 20_000);
  const encoding = machine.add(2);
  machine.run(1000);
  const before = encoding.bytes;
  const rate = machine.rateOf(repair, 5000);
  assertNear(rate / ((encoding.bytes - before) / 5000), 4, 0.3);
});

test("TransferBudget: a step that hangs holds the others back for five seconds at the most", () => {
  const machine = new BusyTasks(0.2);
  const hanging = machine.budget.payer(1, new TransferMeter());
  const meter = machine.add();
  machine.run(1000);
  assert.equal(hanging.begin(), 0);
  machine.run(4000);
  const before = meter.bytes;
  machine.run(4000);
  assert.ok(meter.bytes > before);
});

test("TransferBudget: a step that waits more than it moves pays for little", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.stepBytes = 100_000;
  machine.stepWaitMs = 100;
  // By its time each would be followed by 400 ms of rest, by its bytes by some 50.
  const steps = machine.rateOf(meter, 20_000) * (1000 / machine.stepBytes);
  assert.ok(steps > 6, `${steps} steps a second`);
  // Once it moves more, the bandwidth is that of such steps.
  machine.stepBytes = 4 * mebibyte;
  machine.stepWaitMs = 0;
  machine.load = 0;
  machine.run(10_000);
  machine.load = 1;
  assertNear(machine.rateOf(meter, 10_000), 20_000);
});

test("C8: what is urgent has a larger share of the bandwidth, beside the share of all else", () => {
  const machine = new BusyTasks(0.2);
  const repair = machine.add(2);
  const encoding = machine.add(2);
  machine.run(10_000);
  machine.setUrgent(repair, true);
  const before = encoding.bytes;
  assertNear(machine.rateOf(repair, 20_000), 60_000);
  assertNear((encoding.bytes - before) / 20_000, 20_000, 0.2);
  machine.setUrgent(repair, false);
  // What it had meanwhile is not held against it.
  assertNear(machine.rateOf(repair, 20_000), 10_000, 0.2);
});

test("C8: what is urgent waits for no debt and no turn of other work", () => {
  const machine = new BusyTasks(0.2);
  const meter = machine.add();
  machine.run(1000);
  const hanging = machine.budget.payer(1, new TransferMeter());
  const urgent = new TransferMeter();
  const payer = machine.budget.payer(8, urgent);
  assert.equal(payer.begin(true), 0);
  urgent.bytesRead += 100_000;
  payer.end();
  assert.equal(hanging.begin(), 0);
  const before = meter.bytes;
  machine.run(1000);
  assert.equal(meter.bytes, before);
  assert.ok(payer.begin() > 0);
  assert.equal(payer.begin(true), 0);
});
