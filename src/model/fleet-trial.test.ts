import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../platform/seeded-random.ts";
import { annualDurability, type DurabilityReport } from "./annual-durability.ts";
import { defaultFleet, domainRepairHoursOf, type Fleet, repairHoursOf, setsOf } from "./fleet.ts";
import { membersOf, modelSchemeNamed, type ModelScheme } from "./model-scheme.ts";

/*
 * A whole fleet by trial, without any help from probability theory: its disks, the sets on them,
 * which disks are of the bad batch. It is unlike the model where that is only an approximation.
 * Each repair takes the same time, and sets share disks.
 */

const zoneCount = 3;

interface FleetTrial {
  /** Losses of a set and year. */
  readonly setRate: number;
  /** Events a year in which some set was lost. */
  readonly anyRate: number;
  readonly events: number;
}

/** A loss is the first one of a store, or one of many in the life of a set. */
type AfterLoss = "start again" | "go on";

/** Zones, if there are any, take disks in turn, and each set has as many in one as in another. */
function tryFleet(scheme: ModelScheme, fleet: Fleet, after: AfterLoss): FleetTrial {
  const { domains } = fleet;
  const hasZones = domains.kind === "zone";
  const zoneRate = hasZones ? domains.count * domains.lossesPerYear : 0;
  const repairYears = repairHoursOf(scheme, fleet) / 8766;
  const zoneRepairYears = domainRepairHoursOf(scheme, fleet) / 8766;
  const random = new SeededRandom(7);
  const rounds = 80;
  const yearsOfRound = 250;
  const good = -Math.log1p(-fleet.annualFailureRate);
  const { share, factor } = fleet.batch;
  let [events, lost, years, sets] = [0, 0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const disks = shuffled(fleet.disks, random);
    const isBad = new Set(disks.slice(0, Math.round(fleet.disks * share)));
    const placed = placeSets(scheme, fleet, random);
    sets = placed.length;
    const rates = disks.map((_, disk) => good * (isBad.has(disk) ? factor : 1));
    const setsOfDisk = disks.map((_, disk) => placed.filter((set) => set.includes(disk)));
    const backAt = new Float64Array(fleet.disks);
    const sum = rates.reduce((one, other) => one + other) + zoneRate;
    let now = 0;
    for (;;) {
      now -= Math.log1p(-random.unit()) / sum;
      if (now >= yearsOfRound) break;
      let at = random.unit() * sum;
      const disk = rates.findIndex((rate) => (at -= rate) < 0);
      // One that is away already can't fail.
      if (disk >= 0 && backAt[disk]! > now) continue;
      const atRisk = disk < 0 ? placed : setsOfDisk[disk]!;
      const isLost = (set: readonly number[]): boolean =>
        !scheme.isDecodable([set.filter((member) => backAt[member]! > now).length]);
      const before = new Set(atRisk.filter(isLost));
      if (disk >= 0) backAt[disk] = now + repairYears;
      else destroyZone(backAt, Math.floor(random.unit() * domains.count), now + zoneRepairYears);
      const losing = atRisk.filter((set) => isLost(set) && !before.has(set));
      if (losing.length === 0) continue;
      events++;
      lost += losing.length;
      if (after === "start again") backAt.fill(0);
    }
    years += yearsOfRound;
  }
  return { setRate: lost / sets / years, anyRate: events / years, events };
}

/** Cuts permutations into sets, as many as the model has. */
function placeSets(scheme: ModelScheme, fleet: Fleet, random: SeededRandom): number[][] {
  const members = membersOf(scheme);
  const zones = fleet.domains.kind === "zone" ? fleet.domains.count : 1;
  const sets: number[][] = [];
  while (sets.length < setsOf(scheme, fleet)) {
    const byZone = Array.from({ length: zones }, (_, zone) => {
      return shuffled(fleet.disks / zones, random).map((i) => i * zones + zone);
    });
    const disks = byZone[0]!.flatMap((_, i) => byZone.map((own) => own[i]!));
    for (let i = 0; i + members <= disks.length; i += members) {
      sets.push(disks.slice(i, i + members));
    }
  }
  return sets;
}

function destroyZone(backAt: Float64Array, zone: number, until: number): void {
  for (let disk = zone; disk < backAt.length; disk += zoneCount) backAt[disk] = until;
}

function shuffled(count: number, random: SeededRandom): number[] {
  const all = Array.from({ length: count }, (_, i) => ({ i, rank: random.unit() }));
  return all.toSorted((one, other) => one.rank - other.rank).map(({ i }) => i);
}

const inZones: Partial<Fleet> = {
  domains: { kind: "zone", count: zoneCount, lossesPerYear: 0.1 },
  annualFailureRate: 0.3,
};

const fleet: Fleet = {
  ...defaultFleet,
  disks: 36,
  annualFailureRate: 0.4,
  repair: { hours: 100 },
  domains: { kind: "disk", count: 36, lossesPerYear: 0 },
  latentErrorsPerDisk: 0,
};

function both(
  name: string,
  changed: Partial<Fleet>,
  after: AfterLoss,
): [DurabilityReport, FleetTrial] {
  const scheme = modelSchemeNamed(name);
  const all = { ...fleet, ...changed };
  return [annualDurability(scheme, all), tryFleet(scheme, all, after)];
}

test("fleet trial: sets are lost as often as the closed form says, with and without a bad batch", () => {
  for (const batch of [fleet.batch, { share: 0.25, factor: 3 }]) {
    for (const name of ["copies-2", "copies-3", "rs-4-2"]) {
      const [closed, trial] = both(name, { batch, scatterWidth: 10 }, "go on");
      const ratio = trial.setRate / closed.rate;
      const said = `${name}: ${trial.setRate} for ${closed.rate}, ${trial.events} events`;
      assert.ok(ratio > 0.85 && ratio < 1.15, said);
    }
  }
});

test("fleet trial: something is lost at most as often as the closed form says, and not much less", () => {
  for (const name of ["copies-2", "copies-3", "rs-4-2"]) {
    for (const scatterWidth of [2, 60]) {
      const [closed, trial] = both(name, { scatterWidth }, "start again");
      const ratio = trial.anyRate / closed.anyRate;
      const said = `${name}, ${closed.sets} sets: ${trial.anyRate} for ${closed.anyRate}`;
      // Less where nearly each failure that meets another loses something.
      assert.ok(ratio > 0.75 && ratio < 1.1, `${said}, ${trial.events} events`);
    }
  }
});

test("fleet trial: the same with zones that are destroyed, whether the scheme survives that or not", () => {
  for (const name of ["copies-3", "rs-4-2", "rs-3-3", "rs-7-2"]) {
    const changed = { ...inZones, scatterWidth: 20 };
    const [closed, trial] = both(name, changed, "go on");
    const [, first] = both(name, changed, "start again");
    const ratio = trial.setRate / closed.rate;
    const said = `${name}: ${trial.setRate} for ${closed.rate}, ${trial.events} events`;
    // All sets are lost together, so few events are seen.
    assert.ok(ratio > 0.75 && ratio < 1.25, said);
    assert.ok(first.anyRate < 1.1 * closed.anyRate, `${name}: ${first.anyRate}, ${closed.anyRate}`);
    // RS(7,2) has three members in each zone: the loss of a zone is nearly all that loses it.
    if (name === "rs-7-2") assert.ok(first.anyRate > 0.9 * closed.anyRate);
  }
});
