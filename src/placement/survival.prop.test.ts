import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../erasure/codes.ts";
import type { Scheme } from "../format/extent-row.ts";
import { idText } from "../format/ids.ts";
import { type DomainLevel, domainName } from "./failure-domain.ts";
import { planMembers } from "./plan-members.ts";
import { memberCount, neededMembers, schemeTable } from "./scheme-table.ts";
import {
  type CanLose,
  lossesAt,
  type MemberPlace,
  survivalText,
  whatItSurvives,
} from "./survival.ts";
import { canLoseByCode } from "./testing/codes.ts";
import { diskList, numbersFrom, testDisk } from "./testing/disks.ts";
import { createTopology } from "./topology.ts";

/** Looks at every choice of domains, of all numbers of them. */
function bruteForce(
  scheme: Scheme,
  members: readonly MemberPlace[],
  level: DomainLevel,
  canLose: CanLose,
): number {
  const nameOf = (member: MemberPlace): string | undefined =>
    member && domainName(member.labels, level, idText(member.disk));
  const names = [...new Set(members.flatMap((member) => nameOf(member) ?? []))];
  let worst = names.length - 1;
  for (let choice = 0; choice < 2 ** names.length; choice++) {
    const lostNames = names.filter((_, i) => (choice >> i) % 2 === 1);
    const lost = [...members.keys()].filter((i) => {
      const name = nameOf(members[i]);
      return name === undefined || lostNames.includes(name);
    });
    const isLeft =
      scheme.kind === "coded"
        ? canLose(scheme, lost)
        : members.length - lost.length >= neededMembers(scheme);
    if (!isLeft) worst = Math.min(worst, lostNames.length - 1);
  }
  return Math.max(0, worst);
}

const anyScheme = fc.constantFrom(...schemeTable.filter(({ name }) => name !== "rs-20-4"));

test("survival: it is what losing every choice of domains shows, members lost before included", () => {
  fc.assert(
    fc.property(
      diskList,
      anyScheme,
      fc.array(fc.nat(15), { maxLength: 3 }),
      fc.integer(),
      (disks, { scheme }, lost, seed) => {
        const count = memberCount(scheme);
        const topology = createTopology(disks);
        const plan = planMembers(topology, { count, random: numbersFrom(seed) });
        if (plan.missing > 0) return;
        const members = plan.members.map((id, i) => {
          return lost.includes(i) ? undefined : disks.find(({ disk }) => disk === id);
        });
        const { levels, isWhole } = whatItSurvives(scheme, members, canLoseByCode);
        for (const { level, losses } of levels) {
          const expected = isWhole ? bruteForce(scheme, members, level, canLoseByCode) : 0;
          assert.equal(losses, expected, level);
        }
      },
    ),
    { numRuns: 150 },
  );
});

const inZones = (scheme: Scheme, zones: number) => {
  const disks = Array.from({ length: 24 }, (_, i) => testDisk(i, `zone=z${i % zones}`));
  const topology = createTopology(disks);
  const count = memberCount(scheme);
  const { members } = planMembers(topology, { count, random: numbersFrom(zones) });
  const places = members.map((id) => disks.find(({ disk }) => disk === id));
  return { places, survival: whatItSurvives(scheme, places, canLoseByCode) };
};

test("survival: one of z zones may be lost if m is at least (k+m)/z", () => {
  for (const { scheme } of schemeTable) {
    if (scheme.kind !== "coded" || scheme.code !== "rs") continue;
    for (let zones = 2; zones <= 8; zones++) {
      const { survival } = inZones(scheme, zones);
      const isSurvived: boolean = scheme.parity >= Math.ceil(memberCount(scheme) / zones);
      assert.equal(lossesAt(survival, "zone") >= 1, isSurvived, `${memberCount(scheme)}, ${zones}`);
      assert.equal(lossesAt(survival, "disk"), scheme.parity);
    }
  }
});

test("survival: RS(8,4) over three zones survives any one of them, RS(10,4) none, and they say so", () => {
  const eight = inZones({ kind: "coded", code: "rs", data: 8, parity: 4 }, 3);
  assert.equal(survivalText(eight.survival), "any 1 of 3 zones, any 4 of 12 disks");
  const ten = inZones({ kind: "coded", code: "rs", data: 10, parity: 4 }, 3);
  assert.equal(survivalText(ten.survival), "any 4 of 14 disks; no zone");
});

test("survival: LRC(12,2,2) survives any three disks, and a zone from four zones on", () => {
  const lrc: Scheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };
  assert.equal(codeOf({ code: "lrc", data: 12, parity: 4 }).shards, 16);
  for (const [zones, losses] of [
    [3, 0],
    [4, 1],
    [5, 1],
    [6, 1],
    [8, 1],
  ] as const) {
    const { survival } = inZones(lrc, zones);
    assert.equal(lossesAt(survival, "zone"), losses, `${zones} zones`);
    assert.equal(lossesAt(survival, "disk"), 3);
  }
});

test("survival: with members lost it says what is left, and when nothing is", () => {
  const scheme: Scheme = { kind: "coded", code: "rs", data: 4, parity: 2 };
  const { places } = inZones(scheme, 3);
  const losses = (lost: number) => {
    const left = places.map((place, i) => (i < lost ? undefined : place));
    const survival = whatItSurvives(scheme, left, canLoseByCode);
    return [survival.isWhole, lossesAt(survival, "zone"), lossesAt(survival, "disk")];
  };
  assert.deepEqual(losses(0), [true, 1, 2]);
  assert.deepEqual(losses(1), [true, 0, 1]);
  assert.deepEqual(losses(2), [true, 0, 0]);
  assert.deepEqual(losses(3), [false, 0, 0]);
});
