import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { idText } from "../format/ids.ts";
import { type DomainLevel, domainLevels, domainName } from "./failure-domain.ts";
import { planMembers } from "./plan-members.ts";
import { diskList, numbersFrom, testDisk } from "./testing/disks.ts";
import { createTopology, type PlacementDisk, takesMembers } from "./topology.ts";

const nameOf = ({ labels, disk }: PlacementDisk, level: DomainLevel): string =>
  domainName(labels, level, idText(disk));

function byDomain(
  disks: readonly PlacementDisk[],
  level: DomainLevel,
): ReadonlyMap<string, readonly PlacementDisk[]> {
  return Map.groupBy(disks, (disk) => nameOf(disk, level));
}

/** What is wrong with how these members are spread over the disks that could have been chosen. */
function crowded(members: readonly PlacementDisk[], usable: readonly PlacementDisk[]): string[] {
  const spare = usable.filter((disk) => !members.includes(disk));
  return domainLevels.flatMap((level, depth) => {
    const parentOf = (disk: PlacementDisk): string =>
      depth === 0 ? "" : nameOf(disk, domainLevels[depth - 1]!);
    const counts = byDomain(members, level);
    return spare.flatMap((disk) => {
      const here = counts.get(nameOf(disk, level))?.length ?? 0;
      const siblings = [...counts.values()].filter(([one]) => parentOf(one!) === parentOf(disk));
      const most = Math.max(0, ...siblings.map(({ length }) => length));
      return most > here + 1 ? [`${most} in one ${level}, ${here} in another with a disk`] : [];
    });
  });
}

test("members: never two in one domain while a sibling is free, counts are equal or one apart", () => {
  fc.assert(
    fc.property(
      diskList,
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(30), { maxLength: 3 }),
      fc.integer(),
      (disks, count, excluded, seed) => {
        const random = numbersFrom(seed);
        const exclude = excluded.flatMap((place) => disks[place]?.disk ?? []);
        const plan = planMembers(createTopology(disks), { count, exclude, random });
        const usable = disks.filter((disk) => takesMembers(disk) && !exclude.includes(disk.disk));
        const members = plan.members.map((id) => usable.find(({ disk }) => disk === id)!);
        assert.ok(!members.includes(undefined!), "all take members");
        assert.equal(new Set(members).size, members.length);
        assert.equal(members.length, Math.min(count, usable.length));
        assert.equal(plan.missing, count - members.length);
        assert.deepEqual(crowded(members, usable), []);
      },
    ),
    { numRuns: 400 },
  );
});

test("members: what is added to existing ones goes to the emptiest domains", () => {
  fc.assert(
    fc.property(diskList, fc.integer({ min: 2, max: 16 }), fc.integer(), (disks, count, seed) => {
      const random = numbersFrom(seed);
      const topology = createTopology(disks);
      const { members: before } = planMembers(topology, { count, random });
      const existing = before.slice(1);
      const exclude = before.slice(0, 1);
      const plan = planMembers(topology, { count, existing, exclude, random });
      const usable = disks.filter((disk) => takesMembers(disk) && !exclude.includes(disk.disk));
      const all = [...existing, ...plan.members].map((id) => {
        return usable.find(({ disk }) => disk === id)!;
      });
      assert.equal(new Set(all).size, Math.min(count, usable.length));
      if (before.length < count) return;
      const [lost] = disks.filter(({ disk }) => disk === before[0]);
      const [added] = all.slice(-1);
      // Where its own zone has a disk left, the loss is made up there, or where it is as empty.
      const counts = byDomain(all, "zone");
      const here = counts.get(nameOf(lost!, "zone"))?.length ?? 0;
      const spare = usable.some((disk) => {
        return !all.includes(disk) && nameOf(disk, "zone") === nameOf(lost!, "zone");
      });
      const there = counts.get(nameOf(added!, "zone"))?.length ?? 0;
      if (spare && added !== undefined && nameOf(lost!, "region") === nameOf(added, "region")) {
        assert.ok(there <= here + 1, `${there} in the zone of the new one, ${here} in the old one`);
      }
    }),
    { numRuns: 300 },
  );
});

test("members: of 12 over three zones four are in each, of 14 at most five", () => {
  const disks = Array.from({ length: 18 }, (_, i) => testDisk(i, `zone=z${i % 3}`));
  const topology = createTopology(disks);
  for (const [count, most] of [
    [12, 4],
    [14, 5],
  ] as const) {
    const { members } = planMembers(topology, { count, random: numbersFrom(count) });
    const chosen = disks.filter(({ disk }) => members.includes(disk));
    const counts = [...byDomain(chosen, "zone").values()].map(({ length }) => length);
    assert.equal(Math.max(...counts), most);
  }
});

test("members: in four zones of five racks 14 are in all zones, no two in one rack", () => {
  const disks = Array.from({ length: 160 }, (_, i) => {
    return testDisk(i, `zone=z${i % 4},rack=r${(i >> 2) % 5},host=h${(i >> 2) % 20}`);
  });
  const topology = createTopology(disks);
  const random = numbersFrom(5);
  for (let run = 0; run < 100; run++) {
    const { members } = planMembers(topology, { count: 14, random });
    const chosen = disks.filter(({ disk }) => members.includes(disk));
    assert.equal(byDomain(chosen, "zone").size, 4);
    assert.equal(byDomain(chosen, "rack").size, 14);
    assert.equal(byDomain(chosen, "host").size, 14);
  }
});

test("members: those one after the other are in different zones", () => {
  const disks = Array.from({ length: 30 }, (_, i) => testDisk(i, `zone=z${i % 3}`));
  const topology = createTopology(disks);
  const random = numbersFrom(7);
  for (let run = 0; run < 50; run++) {
    const { members } = planMembers(topology, { count: 12, random });
    for (let round = 0; round < 12; round += 3) {
      const zones = members.slice(round, round + 3).map((id) => {
        return disks.find(({ disk }) => disk === id)?.labels.zone;
      });
      assert.equal(new Set(zones).size, 3);
    }
  }
});

test("members: no disk always gets the same place, so none holds parities alone", () => {
  for (const zones of [1, 3]) {
    const disks = Array.from({ length: 12 }, (_, i) => testDisk(i, `zone=z${i % zones}`));
    const topology = createTopology(disks);
    const random = numbersFrom(13);
    const last = new Set<unknown>();
    for (let run = 0; run < 200; run++) {
      last.add(planMembers(topology, { count: 12, random }).members[11]);
    }
    assert.equal(last.size, 12, `${zones} zones`);
  }
});

/** How many of 6,000 members each disk gets. */
function shares(disks: readonly PlacementDisk[], count: number): readonly number[] {
  const topology = createTopology(disks);
  const random = numbersFrom(11);
  const got = new Map(disks.map(({ disk }) => [disk, 0]));
  for (let i = 0; i < 6000 / count; i++) {
    const { members } = planMembers(topology, { count, random });
    for (const id of members) got.set(id, got.get(id)! + 1);
  }
  return [...got.values()];
}

test("members: a disk twice as large gets about twice as many", () => {
  const disks = Array.from({ length: 18 }, (_, i) => {
    return testDisk(i, "", { capacityBytes: i < 6 ? 2000 : 1000, freeBytes: i < 6 ? 2000 : 1000 });
  });
  const got = shares(disks, 3);
  const large = got.slice(0, 6).reduce((sum, one) => sum + one, 0) / 6;
  const small = got.slice(6).reduce((sum, one) => sum + one, 0) / 12;
  assert.ok(large / small > 1.6 && large / small < 2.4, `${large} against ${small}`);
});

test("members: a fuller disk and a busier one get fewer", () => {
  const disks = Array.from({ length: 18 }, (_, i) => {
    return testDisk(i, "", { freeBytes: i === 0 ? 200 : 1000, load: i === 1 ? 0.8 : 0 });
  });
  const [full = 0, busy = 0, ...others] = shares(disks, 3);
  const usual = others.reduce((sum, one) => sum + one, 0) / others.length;
  assert.ok(full < 0.5 * usual && busy < 0.5 * usual, `${full}, ${busy} against ${usual}`);
});

test("members: too few disks give the widest set there is, and the plan says what is missing", () => {
  const disks = Array.from({ length: 5 }, (_, i) => {
    return testDisk(i, `host=h${i}`, {
      health: i === 0 ? "gone" : "writable",
      isDraining: i === 1,
    });
  });
  const plan = planMembers(createTopology(disks), { count: 4, random: numbersFrom(1) });
  assert.equal(plan.members.length, 3);
  assert.equal(plan.missing, 1);
  assert.equal(
    plan.why,
    "one member on each host; 4 more disks wanted, 3 of 5 can be used (1 gone, 1 being drained)",
  );
});

test("members: a disk without the space that is needed takes none", () => {
  const disks = Array.from({ length: 4 }, (_, i) => testDisk(i, "", { freeBytes: 100 * i }));
  const wish = { count: 3, freeBytesMin: 150, random: numbersFrom(1) };
  const plan = planMembers(createTopology(disks), wish);
  assert.deepEqual(
    disks.map(({ disk }) => plan.members.includes(disk)),
    [false, false, true, true],
  );
});
