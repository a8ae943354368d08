import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../erasure/codes.ts";
import { chooseScheme, survivalOn } from "./choose-scheme.ts";
import { SchemeChooser } from "./scheme-chooser.ts";
import { memberCount, schemeNamed, schemeNames, schemeTable } from "./scheme-table.ts";
import { lossesAt } from "./survival.ts";
import { canLoseByCode as canLose } from "./testing/codes.ts";
import { diskList, testDisk } from "./testing/disks.ts";
import { createTopology, takesMembers, type Topology } from "./topology.ts";

/** So many disks, dealt to so many domains of a level. */
function store(disks: number, level: string, domains: number): Topology {
  return createTopology(
    Array.from({ length: disks }, (_, i) => testDisk(i, level && `${level}=${i % domains}`)),
  );
}

const chosenOn = (topology: Topology, storageClass = "STANDARD", chosen?: string) =>
  chooseScheme(topology, { storageClass, chosen, canLose });

test("schemes: the defaults by disks and zones", () => {
  const cases = [
    [1, "", 1, "copies-1"],
    [2, "", 1, "copies-2"],
    [3, "", 1, "copies-3"],
    [5, "", 1, "copies-3"],
    [6, "", 1, "rs-4-2"],
    [9, "", 1, "rs-6-3"],
    [12, "", 1, "rs-8-4"],
    [14, "", 1, "rs-10-4"],
    [18, "", 1, "rs-10-4"],
    [18, "zone", 3, "rs-8-4"],
    [18, "zone", 4, "rs-10-4"],
    [18, "zone", 2, "rs-4-4"],
    [9, "zone", 3, "rs-6-3"],
    [6, "zone", 3, "rs-4-2"],
    [6, "host", 2, "copies-3"],
    [6, "host", 3, "rs-4-2"],
    [14, "host", 3, "rs-8-4"],
  ] as const;
  for (const [disks, level, domains, name] of cases) {
    const { atRest } = chosenOn(store(disks, level, domains));
    assert.equal(atRest.name, name, `${disks} disks, ${domains} of ${level}`);
  }
});

test("schemes: hot data gets the local code, cold data the widest", () => {
  const topology = store(24, "", 1);
  assert.equal(chosenOn(topology, "INTELLIGENT_TIERING").atRest.name, "lrc-12-2-2");
  assert.equal(chosenOn(topology, "STANDARD_IA").atRest.name, "rs-20-4");
  assert.equal(chosenOn(store(18, "", 1), "STANDARD_IA").atRest.name, "rs-10-4");
  assert.equal(chosenOn(store(24, "zone", 3), "INTELLIGENT_TIERING").atRest.name, "rs-8-4");
  assert.equal(chosenOn(store(24, "zone", 4), "INTELLIGENT_TIERING").atRest.name, "lrc-12-2-2");
});

test("schemes: written as three copies of which two are synced, fewer on fewer disks", () => {
  const writes = [1, 2, 3, 18].map((disks) => chosenOn(store(disks, "", 1)).write);
  assert.deepEqual(
    writes.map(({ copies, quorum }) => [copies, quorum]),
    [
      [1, 1],
      [2, 2],
      [3, 2],
      [3, 2],
    ],
  );
  const { writeSurvival } = chosenOn(store(18, "zone", 3));
  assert.equal(lossesAt(writeSurvival, "zone"), 1);
  assert.equal(lossesAt(writeSurvival, "disk"), 1);
});

test("schemes: it is said what is survived, and why a narrower one is kept", () => {
  assert.deepEqual(chosenOn(store(18, "zone", 3)).said, [
    "Written as 3 copies, acknowledged when 2 are synced; kept as rs-8-4, 1.50 bytes on disk for each stored.",
    "At rest it survives the loss of any 1 of 3 zones, any 4 of 12 disks.",
    "rs-10-4 would not survive the loss of any 1 zone; copies do.",
  ]);
  assert.deepEqual(chosenOn(store(1, "", 1)).said, [
    "Written as 1 copy; kept as copies-1, 1.00 bytes on disk for each stored.",
    "There is no redundancy: the loss of one disk may lose data.",
    "rs-10-4 takes 14 disks; 1 can be used.",
  ]);
});

test("schemes: where no disk takes members it is said, and one copy is the wish", () => {
  const disks = [testDisk(0, "", { health: "readable" }), testDisk(1, "", { isDraining: true })];
  const { write, said, isRedundant } = chosenOn(createTopology(disks));
  assert.deepEqual(write, { kind: "replicated", copies: 1, quorum: 1 });
  assert.equal(isRedundant, false);
  assert.equal(said[1], "No disk takes new members now.");
});

test("schemes: full disks do not count, and a remembered choice is made again when they are", () => {
  const disks = Array.from({ length: 14 }, (_, i) => testDisk(i, ""));
  const chooser = new SchemeChooser(canLose);
  const wish = { storageClass: "STANDARD", freeBytesMin: 500 };
  const empty = createTopology(disks);
  const first = chooser.choose(empty, wish);
  assert.equal(first.atRest.name, "rs-10-4");
  const fuller = disks.map((disk, i) => ({ ...disk, freeBytes: i < 2 ? 499 : 600 }));
  const later = createTopology(fuller, empty);
  assert.equal(chooser.choose(later, wish).atRest.name, "rs-8-4");
  assert.equal(chooser.choose(later, { ...wish, chosen: "rs-4-2" }).atRest.name, "rs-4-2");
  const again = createTopology(disks, later);
  assert.equal(chooser.choose(again, wish).atRest.name, "rs-10-4");
  assert.equal(chooser.choose(createTopology(disks, again), wish), chooser.choose(again, wish));
});

test("schemes: what an operator chose is kept if there are disks for it, else something narrower", () => {
  const topology = store(18, "zone", 3);
  assert.equal(chosenOn(topology, "STANDARD", "rs-10-4").atRest.name, "rs-10-4");
  assert.match(chosenOn(topology, "STANDARD", "rs-10-4").said.join(), /disks; no zone/);
  assert.equal(chosenOn(topology, "STANDARD", "rs-20-4").atRest.name, "rs-8-4");
  const single = chosenOn(topology, "STANDARD", "copies-1");
  assert.equal(single.isRedundant, false);
  assert.deepEqual(single.write, { kind: "replicated", copies: 1, quorum: 1 });
  assert.deepEqual(chosenOn(topology, "STANDARD", "copies-2").write.quorum, 2);
  const unknown = chosenOn(topology, "STANDARD", "rs-17-3");
  assert.equal(unknown.atRest.name, "rs-8-4");
  assert.match(unknown.reasons[0]!, /^There is no scheme rs-17-3 in this version/);
});

test("schemes: none is chosen that survives less than the copies it replaces", () => {
  const class_ = fc.constantFrom("STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING");
  fc.assert(
    fc.property(diskList, class_, (disks, storageClass) => {
      const topology = createTopology(disks);
      const { atRest, write, survival } = chosenOn(topology, storageClass);
      const usable = disks.filter(takesMembers).length;
      assert.ok(memberCount(atRest.scheme) <= Math.max(1, usable));
      for (const { level, losses } of survivalOn(topology, write, canLose).levels) {
        const least = level === "disk" ? losses : Math.min(1, losses);
        assert.ok(lossesAt(survival, level) >= least, level);
      }
    }),
    { numRuns: 60 },
  );
});

test("schemes: the repair reads of the table are those of the codes", () => {
  for (const { name, scheme, repairReads } of schemeTable) {
    if (scheme.kind === "replicated") continue;
    const { code, data, parity } = scheme;
    const shards = Array.from({ length: data + parity }, (_, shard) => shard);
    const reads = shards.map((lost) => {
      const left = shards.filter((shard) => shard !== lost);
      return codeOf({ code, data, parity }).repairPlan([lost], left)!.reads.length;
    });
    assert.equal(Math.max(...reads), repairReads.most, name);
    assert.ok(
      reads.filter((count) => count === repairReads.usual).length > shards.length / 2,
      name,
    );
  }
});

test("schemes: each name in the table is the scheme's own", () => {
  assert.equal(new Set(schemeNames).size, schemeNames.length);
  assert.deepEqual(schemeNamed("rs-10-4")?.scheme, {
    kind: "coded",
    code: "rs",
    data: 10,
    parity: 4,
  });
});
