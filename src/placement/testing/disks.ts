import fc from "fast-check";
import { changeLabels, type DiskLabels, parseDiskLabels } from "../../format/disk-labels.ts";
import { type DiskId, idOfText } from "../../format/ids.ts";
import type { NumberSource } from "../plan-members.ts";
import type { PlacementDisk } from "../topology.ts";

/** The id of a test's disk. */
export function diskIdOf(number: number): DiskId {
  return idOfText(number.toString(16).padStart(32, "0"));
}

/** An empty disk of 1,000 bytes, unless said otherwise. */
export function testDisk(
  number: number,
  labels: string | DiskLabels,
  fields: Partial<PlacementDisk> = {},
): PlacementDisk {
  return {
    disk: diskIdOf(number),
    labels: typeof labels === "string" ? parseDiskLabels(labels) : labels,
    capacityBytes: 1000,
    freeBytes: 1000,
    load: 0,
    health: "writable",
    isDraining: false,
    ...fields,
  };
}

/** Numbers from a seed (mulberry32, public domain). */
export function numbersFrom(seed: number): NumberSource {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const someDisk = fc.record({
  region: fc.constantFrom("", "", "eu"),
  zone: fc.constantFrom("", "a", "b", "c"),
  rack: fc.constantFrom("", "1", "2", "3"),
  host: fc.constantFrom("", "x", "y"),
  capacityBytes: fc.constantFrom(1000, 2000, 16_000),
  fill: fc.double({ min: 0, max: 1, noNaN: true }),
  load: fc.double({ min: 0, max: 1, noNaN: true }),
  health: fc.constantFrom("writable", "writable", "writable", "readable", "gone"),
  isDraining: fc.constantFrom(false, false, false, true),
} as const);

/** Up to 30 disks at all kinds of places, in all states. */
export const diskList: fc.Arbitrary<PlacementDisk[]> = fc
  .array(someDisk, { minLength: 1, maxLength: 30 })
  .map((disks) =>
    disks.map(({ region, zone, rack, host, fill, ...fields }, number) => {
      const labels = changeLabels({}, { region, zone, rack, host });
      const freeBytes = Math.round((1 - fill) * fields.capacityBytes);
      return testDisk(number, labels, { ...fields, freeBytes });
    }),
  );
