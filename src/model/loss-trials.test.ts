import assert from "node:assert/strict";
import { test } from "node:test";
import { extentLossRate } from "./annual-durability.ts";
import { defaultFleet, type Fleet, ratesOf } from "./fleet.ts";
import { spreadOver } from "./layout.ts";
import { type LossEstimate, LossTrials } from "./loss-trials.ts";
import { modelSchemeNamed, shippedSchemes } from "./model-scheme.ts";

const seed = 20_261_129;

function tried(name: string, fleet: Fleet, trials: number): LossEstimate {
  const scheme = modelSchemeNamed(name);
  const layout = spreadOver(scheme, fleet.domains.count);
  const { batch } = fleet;
  const all = new LossTrials({ scheme, layout, rates: ratesOf(scheme, fleet), batch, seed });
  all.run(trials);
  return all.estimate;
}

/** The closed form within the interval, and that is narrow enough to say something. */
function assertAgrees(name: string, fleet: Fleet, estimate: LossEstimate): void {
  const { rate, low, high } = estimate;
  const closed = extentLossRate(modelSchemeNamed(name), fleet);
  const said = `${name} in ${fleet.domains.count} ${fleet.domains.kind}s: ${closed}, ${low} … ${high}`;
  assert.ok(high - low < 0.35 * rate, `too wide: ${said}`);
  // The 95 % interval, half as wide again: of 28 cases one or two would lie outside it by chance.
  const slack = (high - low) / 4;
  assert.ok(closed > low - slack && closed < high + slack, said);
}

/** Disks that fail every other year, in racks that burn every third. */
const inflated: Fleet = {
  ...defaultFleet,
  diskBytes: 4e12,
  annualFailureRate: 0.4,
  repair: { hours: 100 },
  latentErrorsPerDisk: 3000,
  scrubDays: 60,
  domains: { kind: "rack", count: 24, lossesPerYear: 0.3 },
};

test("loss trials: agree with the closed form at inflated rates", () => {
  for (const { name } of shippedSchemes) {
    assertAgrees(name, inflated, tried(name, inflated, 30_000));
    const zones: Fleet = { ...inflated, domains: { kind: "zone", count: 4, lossesPerYear: 0.05 } };
    assertAgrees(name, zones, tried(name, zones, 30_000));
  }
});

test("loss trials: agree with the closed form at the rates of real disks, racks and a bad batch", () => {
  const batch = { ...defaultFleet, batch: { share: 0.05, factor: 8 } };
  for (const { name } of shippedSchemes) {
    assertAgrees(name, defaultFleet, tried(name, defaultFleet, 60_000));
    assertAgrees(name, batch, tried(name, batch, 60_000));
  }
});

test("loss trials: the same seed gives the same, in slices too", () => {
  const scheme = modelSchemeNamed("rs-4-2");
  const layout = spreadOver(scheme, 6);
  const { batch } = defaultFleet;
  const options = { scheme, layout, rates: ratesOf(scheme, defaultFleet), batch };
  const [whole, sliced, other] = [seed, seed, seed + 1].map(
    (each) => new LossTrials({ ...options, seed: each }),
  );
  whole!.run(2000);
  for (let i = 0; i < 4; i++) sliced!.run(500);
  other!.run(2000);
  assert.deepEqual(whole!.estimate, sliced!.estimate);
  assert.notEqual(whole!.estimate.rate, other!.estimate.rate);
});
