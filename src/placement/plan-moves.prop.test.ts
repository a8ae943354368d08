import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Scheme } from "../format/extent-row.ts";
import type { DiskId, ExtentId } from "../format/ids.ts";
import { planMembers } from "./plan-members.ts";
import { type MovePlan, type PlacedExtent, planMoves } from "./plan-moves.ts";
import { diskIdOf, diskList, numbersFrom, testDisk } from "./testing/disks.ts";
import { createTopology, fillOf, type PlacementDisk, takesMembers } from "./topology.ts";

const copies = (count: number): Scheme => ({ kind: "replicated", copies: count, quorum: 1 });
const rs = (data: number, parity: number): Scheme => ({ kind: "coded", code: "rs", data, parity });

/** Extents of 10 bytes a member, placed on these disks while all of them took members. */
function placed(
  disks: readonly PlacementDisk[],
  scheme: Scheme,
  extents: number,
  seed = 1,
): PlacedExtent[] {
  const all = disks.map((disk) => ({ ...disk, health: "writable" as const, isDraining: false }));
  const topology = createTopology(all);
  const random = numbersFrom(seed);
  const count = scheme.kind === "replicated" ? scheme.copies : scheme.data + scheme.parity;
  return Array.from({ length: extents }, (_, i) => {
    const { members } = planMembers(topology, { count, random });
    return { id: (i + 1) as ExtentId, scheme, members, lost: [], bytes: 10 };
  });
}

function carriedOut(extents: readonly PlacedExtent[], { moves }: MovePlan): PlacedExtent[] {
  return extents.map((extent) => {
    const own = moves.filter((move) => move.extent === extent.id);
    const members = extent.members.map((disk, member) => {
      return own.find((move) => move.member === member)?.to ?? disk;
    });
    return { ...extent, members, lost: [] };
  });
}

test("moves: after them no member is on a disk that is gone or drained, unless it is stuck", () => {
  fc.assert(
    fc.property(diskList, fc.integer(), (disks, seed) => {
      const roomy = disks.map((disk) => ({ ...disk, freeBytes: disk.capacityBytes }));
      const extents = placed(roomy, copies(3), 10, seed);
      const topology = createTopology(roomy);
      const plan = planMoves(topology, extents, { movesMax: 1000 });
      const usable = new Set(roomy.filter(takesMembers).map(({ disk }) => disk));
      const after = carriedOut(extents, plan);
      for (const extent of after) {
        assert.equal(new Set(extent.members).size, extent.members.length, "one file on each disk");
        for (const [member, disk] of extent.members.entries()) {
          const before = roomy.find((one) => one.disk === disk)!;
          const hasToGo = before.health === "gone" || before.isDraining;
          const isStuck = plan.stuck.some(
            (one) => one.extent === extent.id && one.member === member,
          );
          assert.ok(!hasToGo || isStuck);
        }
      }
      for (const { extent } of plan.stuck) {
        const { members } = after.find(({ id }) => id === extent)!;
        const original = extents.find(({ id }) => id === extent)!.members;
        const spare = [...usable].filter((id) => !members.includes(id) && !original.includes(id));
        assert.deepEqual(spare, []);
      }
      assert.deepEqual(
        planMoves(topology, after, { movesMax: 1000, balances: false }).moves.filter(
          ({ reason }) => reason !== "crowded",
        ),
        [],
      );
    }),
    { numRuns: 200 },
  );
});

test("moves: the extents with the fewest members to spare come first, as many as are asked for", () => {
  const disks = Array.from({ length: 20 }, (_, i) => {
    return testDisk(i, "", { health: i < 3 ? "gone" : "writable" });
  });
  const members = (lost: number, at: number): DiskId[] =>
    Array.from({ length: 6 }, (_, i) => diskIdOf(i < lost ? i : 3 + ((at + i) % 17)));
  const extents = [1, 2, 0, 2, 1].map((lost, i) => ({
    id: (i + 1) as ExtentId,
    scheme: rs(4, 2),
    members: members(lost, i),
    lost: [],
    bytes: 10,
  }));
  const { moves } = planMoves(createTopology(disks), extents, { movesMax: 5, balances: false });
  assert.deepEqual(
    moves.map(({ extent, member, reason }) => [extent, member, reason]),
    [
      [2, 0, "lost"],
      [2, 1, "lost"],
      [4, 0, "lost"],
      [4, 1, "lost"],
      [1, 0, "lost"],
    ],
  );
});

test("moves: what a lost disk held is rebuilt on all others, evenly", () => {
  const disks = Array.from({ length: 18 }, (_, i) =>
    testDisk(i, "", { capacityBytes: 1e6, freeBytes: 9e5 }),
  );
  const extents = placed(disks, copies(3), 1200);
  const gone = disks.map((disk, i) => (i === 0 ? { ...disk, health: "gone" as const } : disk));
  const { moves } = planMoves(createTopology(gone), extents, { movesMax: 1e6 });
  const held = extents.filter(({ members }) => members.includes(disks[0]!.disk)).length;
  assert.equal(moves.length, held);
  const targets = Map.groupBy(moves, ({ to }) => to);
  assert.equal(targets.size, 17);
  const counts = [...targets.values()].map(({ length }) => length);
  assert.ok(
    Math.max(...counts) <= 2 + held / 17 && Math.min(...counts) >= held / 17 - 2,
    `${counts}`,
  );
});

test("moves: each disk takes a share of what is rebuilt by its free space", () => {
  const disks = Array.from({ length: 11 }, (_, i) => {
    return testDisk(i, "", { capacityBytes: 1e6, freeBytes: i === 1 ? 9e5 : 3e5 });
  });
  const extents = placed(disks, copies(2), 2000);
  const gone = disks.map((disk, i) => (i === 0 ? { ...disk, health: "gone" as const } : disk));
  const { moves } = planMoves(createTopology(gone), extents, { movesMax: 1e6, balances: false });
  const toEmpty = moves.filter(({ to }) => to === disks[1]!.disk).length;
  const fair = (moves.length * 9) / (9 + 9 * 3);
  assert.ok(toEmpty > 0.6 * fair && toEmpty < 1.2 * fair, `${toEmpty} of ${moves.length}`);
});

test("moves: a missing file is made again where it was, if its disk works", () => {
  const disks = Array.from({ length: 6 }, (_, i) => testDisk(i, ""));
  const [extent] = placed(disks, rs(4, 2), 1);
  const { moves } = planMoves(createTopology(disks), [{ ...extent!, lost: [3] }], { movesMax: 9 });
  assert.deepEqual(moves, [
    {
      extent: 1,
      member: 3,
      from: extent!.members[3],
      to: extent!.members[3],
      reason: "lost",
      bytes: 10,
    },
  ]);
});

test("moves: a member that no disk takes is stuck, and the plan says why", () => {
  const disks = Array.from({ length: 4 }, (_, i) => testDisk(i, ""));
  const extents = placed(disks.slice(0, 3), copies(3), 1);
  const drained = disks.map((disk, i) => ({ ...disk, isDraining: i === 0 }));
  const few = planMoves(createTopology(drained.slice(0, 3)), extents, { movesMax: 9 });
  assert.deepEqual(few.moves, []);
  assert.deepEqual(
    few.stuck.map(({ why }) => why),
    ["2 disks can take members, and each has one of this extent: add a disk"],
  );
  const full = drained.map((disk, i) => (i === 3 ? { ...disk, freeBytes: 15 } : disk));
  const options = { movesMax: 9, reserveBytes: 10 };
  const { stuck } = planMoves(createTopology(full), extents, options);
  assert.deepEqual(
    stuck.map(({ why }) => why),
    ["3 disks can take members; of the 1 without one of this extent none has 10 bytes free"],
  );
});

test("moves: members that share a zone move apart when another zone is there", () => {
  const disks = Array.from({ length: 9 }, (_, i) => testDisk(i, `zone=z${i % 3}`));
  const inOneZone = [0, 3, 6].map((i) => disks[i]!.disk);
  const extent = { id: 1 as ExtentId, scheme: copies(3), members: inOneZone, lost: [], bytes: 10 };
  let extents: PlacedExtent[] = [extent];
  const topology = createTopology(disks);
  const reasons: string[] = [];
  for (let step = 0; step < 5; step++) {
    const plan = planMoves(topology, extents, { movesMax: 1 });
    reasons.push(...plan.moves.map(({ reason }) => reason));
    extents = carriedOut(extents, plan);
  }
  assert.deepEqual(reasons, ["crowded", "crowded"]);
  const zones = extents[0]!.members.map((id) => disks.find(({ disk }) => disk === id)!.labels.zone);
  assert.equal(new Set(zones).size, 3);
});

test("moves: no member goes to a disk that another one of the extent is only about to leave", () => {
  const disks = [
    testDisk(0, "zone=a"),
    testDisk(1, "zone=a", { freeBytes: 100 }),
    testDisk(2, "zone=b", { freeBytes: 500 }),
  ];
  const members = disks.slice(0, 2).map(({ disk }) => disk);
  const extent = { id: 1 as ExtentId, scheme: copies(2), members, lost: [], bytes: 10 };
  const { moves } = planMoves(createTopology(disks), [extent], { movesMax: 9 });
  assert.deepEqual(
    moves.map(({ member, to }) => [member, to]),
    [[0, disks[2]!.disk]],
  );
});

/** The disks with the moves carried out. */
function moved(disks: readonly PlacementDisk[], { moves }: MovePlan): PlacementDisk[] {
  return disks.map((disk) => {
    const bytes = (list: MovePlan["moves"]) => list.reduce((sum, one) => sum + one.bytes, 0);
    const came = bytes(moves.filter(({ to }) => to === disk.disk));
    const went = bytes(moves.filter(({ from }) => from === disk.disk));
    return { ...disk, freeBytes: disk.freeBytes - came + went };
  });
}

test("moves: a new disk is filled from the fullest ones, and then nothing moves", () => {
  const disks = Array.from({ length: 9 }, (_, i) => testDisk(i, `zone=z${i % 3}`));
  const old = disks.slice(0, 6);
  const extents = placed(old, copies(3), 120);
  const used = (id: DiskId): number =>
    extents.reduce((sum, { members }) => sum + (members.includes(id) ? 10 : 0), 0);
  const before = disks.map((disk) => ({ ...disk, freeBytes: 1000 - used(disk.disk) }));
  const plan = planMoves(createTopology(before), extents, { movesMax: 1e6 });
  assert.ok(plan.moves.every(({ reason }) => reason === "balance"));
  const after = moved(before, plan);
  const mean = after.reduce((sum, disk) => sum + fillOf(disk), 0) / 9;
  for (const disk of after) assert.ok(Math.abs(fillOf(disk) - mean) <= 0.05, `${fillOf(disk)}`);
  const again = planMoves(createTopology(after), carriedOut(extents, plan), { movesMax: 1e6 });
  assert.deepEqual(again.moves, []);
});
