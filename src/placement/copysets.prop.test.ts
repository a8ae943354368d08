import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { idText } from "../format/ids.ts";
import { Copysets } from "./copysets.ts";
import { planMembers } from "./plan-members.ts";
import { diskList, numbersFrom, testDisk } from "./testing/disks.ts";
import { createTopology, type PlacementDisk, takesMembers } from "./topology.ts";

test("copysets: each disk is in one of each permutation, of even disks there are no more than needed", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (zones, disksOfZone, size) => {
        const count = zones * disksOfZone;
        const disks = Array.from({ length: count }, (_, i) => testDisk(i, `zone=${i % zones}`));
        const { tree } = createTopology(disks);
        const copysets = new Copysets(tree, size);
        for (let number = 0; number < copysets.permutations; number++) {
          const sets = copysets.ofPermutation(number);
          // Where sets take unequal shares of the zones, some are over before the others.
          const setsMax =
            size % zones === 0 ? Math.ceil(count / size) : Math.ceil(count / size) + zones;
          assert.ok(sets.length <= setsMax, `${sets.length} sets`);
          if (size <= count) assert.equal(new Set(sets.flat()).size, count);
        }
      },
    ),
  );
});

test("copysets: there are no more of a permutation than the weights of all disks", () => {
  fc.assert(
    fc.property(diskList, fc.integer({ min: 1, max: 6 }), (disks, size) => {
      const { tree } = createTopology(disks);
      const weights = tree.disks.reduce((sum, { weight }) => sum + weight, 0);
      const sets = new Copysets(tree, size).ofPermutation(0);
      assert.ok(sets.length <= weights);
      const used = new Set(sets.flat());
      for (const [place, { weight }] of tree.disks.entries()) {
        assert.ok(weight > 0 || !used.has(place), "a drained disk is in none");
        if (sets.length > 0) assert.ok(weight === 0 || used.has(place));
      }
    }),
  );
});

/** The sets that 20,000 new extents of three members use. */
function setsInUse(disks: Parameters<typeof createTopology>[0], seed = 3): Set<string> {
  const topology = createTopology(disks);
  const random = numbersFrom(seed);
  const sets = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const { members } = planMembers(topology, { count: 3, random });
    sets.add(members.map(idText).toSorted().join());
  }
  return sets;
}

test("copysets: extents use few sets, the same in each process, each disk shares them with many others", () => {
  const disks = Array.from({ length: 120 }, (_, i) => testDisk(i, `host=h${i % 40}`));
  const sets = setsInUse(disks);
  // 30 permutations of 40 sets and some for what hosts have left, of 252,720 over three hosts.
  assert.ok(sets.size <= 1230 && sets.size > 1000, `${sets.size}`);
  const again = setsInUse(disks.toReversed(), 4);
  assert.ok([...again].filter((set) => !sets.has(set)).length < 50);
  const first = idText(disks[0]!.disk);
  const others = new Set(
    [...sets].filter((set) => set.includes(first)).flatMap((s) => s.split(",")),
  );
  assert.ok(others.size - 1 >= 40, `${others.size - 1} others`);
});

const isPresent = (id: string) => (disk: PlacementDisk) =>
  idText(disk.disk) === id && takesMembers(disk);

test("copysets: while disks are away the other sets stay as they are, and few come", () => {
  const disks = Array.from({ length: 60 }, (_, i) => testDisk(i, ""));
  const sets = setsInUse(disks);
  const without = disks.map((disk, i) => (i < 3 ? { ...disk, health: "gone" as const } : disk));
  const now = setsInUse(without);
  const added = [...now].filter((set) => !sets.has(set));
  // A disk is in 30 sets; what stands in for it is the same each time.
  assert.ok(added.length <= 90, `${added.length} new ones`);
  // A set that has lost a disk keeps the two others.
  const lost = [...sets].filter((set) => set.includes(idText(disks[0]!.disk)));
  assert.ok(lost.length >= 30);
  for (const set of lost) {
    const kept = set.split(",").filter((id) => without.some(isPresent(id)));
    assert.ok(
      [...now].some((other) => kept.every((id) => other.includes(id))),
      set,
    );
  }
  const gone = without.filter((disk) => !takesMembers(disk)).map(({ disk }) => idText(disk));
  assert.ok(![...now].some((set) => gone.some((disk) => set.split(",").includes(disk))));
});
