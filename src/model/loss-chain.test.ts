import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rates } from "./fleet.ts";
import { spreadOver } from "./layout.ts";
import { solveLossChain } from "./loss-chain.ts";
import { membersOf, modelSchemeNamed, shippedSchemes, smallestLoss } from "./model-scheme.ts";

const disksAlone: Rates = {
  disk: 0.02,
  latent: 0,
  domain: 0,
  repair: 365,
  scrub: 52,
  domainRepair: 12,
};

function meanYears(name: string, domains: number, rates: Partial<Rates> = {}): number {
  const scheme = modelSchemeNamed(name);
  const layout = spreadOver(scheme, domains);
  return solveLossChain(scheme, layout, { ...disksAlone, ...rates }).meanYears;
}

function assertClose(actual: number, expected: number): void {
  const relative = Math.abs(actual / expected - 1);
  assert.ok(relative < 1e-10, `${actual} is not ${expected}: ${relative} off`);
}

/**
 * Mean time from i to i + 1 missing members, of n: the wait for a failure or a repair, and after a
 * repair the way back up to i first. Known as the exact solution of a birth–death chain.
 */
function birthDeathYears(members: number, losing: number, { disk, repair }: Rates): number {
  let [sum, last] = [0, 0];
  for (let missing = 0; missing < losing; missing++) {
    const failing = (members - missing) * disk;
    last = 1 / failing + ((missing * repair) / failing) * last;
    sum += last;
  }
  return sum;
}

test("loss chain: two copies have the mean time of the textbook", () => {
  const { disk, repair } = disksAlone;
  assertClose(meanYears("copies-2", 2), (3 * disk + repair) / (2 * disk ** 2));
});

test("loss chain: copies and Reed–Solomon are the birth–death chain where only disks fail", () => {
  for (const scheme of shippedSchemes.filter(({ classes }) => classes.length === 1)) {
    const members = membersOf(scheme);
    const { missing } = smallestLoss(scheme);
    const expected = birthDeathYears(members, missing, disksAlone);
    // How the members are counted together makes no difference.
    for (const domains of [1, 3, members]) assertClose(meanYears(scheme.name, domains), expected);
    const slow = { ...disksAlone, repair: 0.1 };
    assertClose(meanYears(scheme.name, 3, slow), birthDeathYears(members, missing, slow));
  }
});

test("loss chain: LRC(12,2,2) lies between what three losses and what four losses lose", () => {
  const years = meanYears("lrc-12-2-2", 16);
  assert.ok(years > birthDeathYears(16, 4, disksAlone));
  assert.ok(years < birthDeathYears(16, 5, disksAlone));
  // Of the first order: 14 % of the losses of four are one of data.
  const firstOrder = birthDeathYears(16, 4, disksAlone) * (1820 / 252);
  assert.ok(Math.abs(years / firstOrder - 1) < 0.02, `${years} for ${firstOrder}`);
});

test("loss chain: a destroyed rack with one member is one more way to lose it", () => {
  const both = meanYears("rs-10-4", 14, { disk: 0.015, domain: 0.005, domainRepair: 365 });
  // The disk of a destroyed rack fails with it, so the rates add up.
  assertClose(both, meanYears("rs-10-4", 14));
});

test("loss chain: a latent error that is found as quickly is a failure like another", () => {
  const both = meanYears("rs-8-4", 12, { disk: 0, latent: 0.02, scrub: 365 });
  assertClose(both, meanYears("rs-8-4", 12));
});

test("loss chain: a zone with more members than may be missing takes the extent with it", () => {
  const zones = (name: string): number => meanYears(name, 3, { disk: 1e-12, domain: 0.001 });
  // Two of the three zones hold five members of RS(10,4).
  assertClose(zones("rs-10-4"), 1 / 0.002);
  assert.ok(zones("rs-8-4") > 1e4);
});

test("loss chain: disks that are lost as quickly as they are repaired are refused with the fix", () => {
  // 64 members come to rest with half of them missing, and hardly ever with none.
  const scheme = modelSchemeNamed("rs-4-60");
  const rates = { ...disksAlone, repair: disksAlone.disk };
  assert.throws(
    () => solveLossChain(scheme, spreadOver(scheme, 64), rates),
    /give a lower --afr or a shorter --repair-hours/,
  );
});

test("loss chain: layouts with too many states are refused with the fix", () => {
  const scheme = modelSchemeNamed("rs-20-20");
  const rates = { ...disksAlone, latent: 0.01, domain: 0.001 };
  assert.throws(() => solveLossChain(scheme, spreadOver(scheme, 7), rates), /fewer zones/);
});
