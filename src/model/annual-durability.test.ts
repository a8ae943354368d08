import assert from "node:assert/strict";
import { test } from "node:test";
import { extentBytesMax } from "../format/limits.ts";
import { annualDurability, extentLossRate, ninesOf } from "./annual-durability.ts";
import { defaultFleet, type Fleet, ratesOf, setsOf } from "./fleet.ts";
import { modelSchemeNamed, shippedSchemes } from "./model-scheme.ts";

const of = (name: string, fleet: Partial<Fleet> = {}) =>
  annualDurability(modelSchemeNamed(name), { ...defaultFleet, ...fleet });
const zones = (count: number): Partial<Fleet> => ({
  domains: { kind: "zone", count, lossesPerYear: 0.001 },
});

test("durability: RS(10,4) across racks at an AFR of 2 % has more than 12 nines, disks failing alone", () => {
  const { independentRate, domainsSurvived, domainsUsed } = of("rs-10-4");
  assert.equal(defaultFleet.annualFailureRate, 0.02);
  assert.ok(ninesOf(independentRate, 1) > 12);
  assert.deepEqual([domainsSurvived, domainsUsed], [14, 14]);
  const slow = of("rs-10-4", { repair: { hours: 48 } });
  assert.ok(ninesOf(slow.independentRate, 1) > 12);
});

test("durability: one zone of three is survived by RS(8,4), not by RS(10,4)", () => {
  const [narrow, wide] = [of("rs-8-4", zones(3)), of("rs-10-4", zones(3))];
  assert.deepEqual([narrow.domainsSurvived, narrow.domainsUsed], [3, 3]);
  assert.deepEqual([wide.domainsSurvived, wide.domainsUsed], [1, 3]);
  // Two zones in three take an extent with them, each once in a thousand years; any of the three
  // takes some extents.
  assert.ok(wide.rate >= 0.002 && wide.rate < 0.0021);
  assert.ok(wide.anyRate >= 0.003 && wide.anyRate < 0.0031);
  assert.ok(narrow.rate < wide.rate / 50);
  assert.equal(of("rs-10-4", zones(4)).domainsSurvived, 4);
});

test("durability: what goes wrong makes it worse, what mends makes it better", () => {
  for (const { name } of shippedSchemes) {
    const { rate, independentRate, anyRate } = of(name);
    assert.ok(independentRate < rate && rate < anyRate, name);
    assert.ok(of(name, { annualFailureRate: 0.04 }).rate > 2 * rate, name);
    assert.ok(of(name, { batch: { share: 0.05, factor: 10 } }).rate > 1.4 * rate, name);
    assert.ok(of(name, { scrubDays: 140 }).rate > rate, name);
    assert.ok(of(name, { latentErrorsPerDisk: 5 }).rate > rate, name);
    assert.ok(
      of(name, { repair: { hours: 1 } }).rate < of(name, { repair: { hours: 2 } }).rate,
      name,
    );
  }
});

test("durability: fewer sets lose more rarely, and an extent is lost as often if repair is as quick", () => {
  const repair = { hours: 12 };
  const latentErrorsPerDisk = 0;
  const few = of("copies-3", { scatterWidth: 4, repair, latentErrorsPerDisk });
  const many = of("copies-3", { scatterWidth: 230, repair, latentErrorsPerDisk });
  assert.ok(few.sets < many.sets);
  assert.ok(few.anyRate < many.anyRate / 5);
  assert.equal(few.independentRate, many.independentRate);
});

test("durability: rates follow from what the fleet is like", () => {
  const scheme = modelSchemeNamed("rs-10-4");
  const repair = { hours: 87.66 };
  const {
    disk,
    latent,
    repair: mended,
    scrub,
    domainRepair,
  } = ratesOf(scheme, {
    ...defaultFleet,
    repair,
  });
  assert.ok(Math.abs(Math.exp(-disk) - 0.98) < 1e-12);
  // An error is found after half a round, on average, and strikes one shard of many.
  assert.equal(scrub, 365.25 / 7);
  assert.ok(Math.abs(latent / ((0.05 * extentBytesMax) / 10 / 16e12) - 1) < 1e-12);
  assert.ok(Math.abs(mended - 100) < 1e-9);
  // A rack has ten disks, and is made again by more disks than one disk is.
  assert.ok(domainRepair > mended / 10 && domainRepair < mended);
});

test("durability: there are no more sets than extents", () => {
  const scheme = modelSchemeNamed("copies-3");
  assert.equal(setsOf(scheme, { ...defaultFleet, diskBytes: 1e9 }), 238);
});

test("durability: of a bad batch the mean rate is right to the first order", () => {
  const [share, factor] = [0.2, 6];
  const scheme = modelSchemeNamed("copies-2");
  const fleet = { ...defaultFleet, batch: { share: 0, factor: 1 }, latentErrorsPerDisk: 0 };
  const alone: Fleet = { ...fleet, domains: { ...fleet.domains, lossesPerYear: 0 } };
  // Exactly: two disks with rates a and b, repaired at m, from both there to both lost.
  const disk = -Math.log1p(-fleet.annualFailureRate);
  const { repairHours } = annualDurability(scheme, alone);
  const m = 8766 / repairHours;
  const meanYears = (a: number, b: number): number => {
    const [afterA, afterB] = [m / (m + b), m / (m + a)];
    const [wait, back] = [
      1 / (a + b) + a / (a + b) / (m + b) + b / (a + b) / (m + a),
      (a / (a + b)) * afterA + (b / (a + b)) * afterB,
    ];
    return wait / (1 - back);
  };
  const rates = [disk, disk * factor];
  const weights = [1 - share, share];
  let exact = 0;
  for (const [i, a] of rates.entries())
    for (const [j, b] of rates.entries()) exact += (weights[i]! * weights[j]!) / meanYears(a, b);
  const mean = extentLossRate(scheme, { ...alone, batch: { share, factor } });
  assert.ok(Math.abs(mean / exact - 1) < 1e-3, `${mean} for ${exact}`);
});
