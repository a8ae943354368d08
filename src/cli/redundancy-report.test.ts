import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, prometheusText } from "../admin/metrics.ts";
import type { BackgroundStatistics } from "../control/background.ts";
import type { Census } from "../control/extents/extent-census.ts";
import type { ObjectCount } from "../control/extents/object-census.ts";
import type { RedundancyLevel } from "../control/extents/extent-health.ts";
import { sampleObjects, sampleRedundancy } from "../server/redundancy-metrics.ts";
import { readFigures } from "./figures.ts";
import { redundancyIn, redundancyRows, unreadableRows } from "./redundancy-report.ts";

const still = {
  isLooking: false,
  extents: 0,
  bytesLeft: 0,
  isPaused: false,
  stuck: 0,
  leftMs: undefined,
};

function reportOf(
  extents: Readonly<Record<RedundancyLevel, number>>,
  shortExtents: number,
  repair: Partial<BackgroundStatistics["repair"]> = {},
  {
    narrowExtents = 0,
    waitingExtents = 0,
    objects,
  }: { narrowExtents?: number; waitingExtents?: number; objects?: ObjectCount } = {},
) {
  const metrics = new Metrics();
  const of = (level: RedundancyLevel) => ({
    extents: extents[level],
    bytes: 1024 * extents[level],
  });
  const levels = {
    full: of("full"),
    reduced: of("reduced"),
    none: of("none"),
    unreadable: of("unreadable"),
  };
  // Only zones are labelled: what has no other label is in the domain of its zone.
  const levelsOf = [
    { level: "region", domains: 1, losses: 0 },
    { level: "zone", domains: 3, losses: 1 },
    { level: "row", domains: 3, losses: 1 },
    { level: "rack", domains: 3, losses: 1 },
    { level: "host", domains: 3, losses: 1 },
    { level: "disk", domains: 12, losses: 2 },
  ] as const;
  const isEmpty = Object.values(extents).every((count) => count === 0);
  const survival = isEmpty ? undefined : { isWhole: true, levels: levelsOf };
  const redundancy = { levels, shortExtents, waitingExtents, narrowExtents, survival };
  sampleObjects(metrics, () => objects);
  const census = { redundancy } as unknown as Census; // nothing else of it is read
  const statistics = { repair: { ...still, ...repair }, scrubs: [], extentsToEncode: 0 };
  // As above.
  const background = { statistics: () => statistics as unknown as BackgroundStatistics };
  sampleRedundancy(metrics, () => census, background);
  return redundancyIn(
    readFigures(prometheusText([{ process: "background", families: metrics.read() }])),
  );
}

test("C8: status says what is below its redundancy, what survives, and when repair ends", () => {
  const report = reportOf({ full: 5, reduced: 2, none: 1, unreadable: 0 }, 3, {
    extents: 3,
    bytesLeft: 4096,
    leftMs: 90_000,
  });
  assert.equal(report?.isWhole, false);
  const text = redundancyRows(report)
    .map((row) => row.join(" "))
    .join("\n");
  assert.match(text, /5.0 KiB in 5 extents at full redundancy/);
  assert.match(text, /2.0 KiB in 2 extents at reduced redundancy/);
  assert.match(text, /1.0 KiB in 1 extents with NO redundancy/);
  assert.match(text, /survives the loss of any 1 zone, or any 2 disks/);
  assert.match(text, /3 extents to repair, 4.0 KiB, 1m 30s left/);
});

test("status: an empty store is not said to survive the loss of no disk", () => {
  const none = { full: 0, reduced: 0, none: 0, unreadable: 0 };
  const text = redundancyRows(reportOf(none, 0)).map((row) => row.join(" "));
  assert.ok(text.includes("redundancy nothing is stored"));
  assert.deepEqual(
    text.filter((row) => row.startsWith("survives")),
    [],
  );
});

test("C8: repair is never shown as done while a member is short, or extents are looked through", () => {
  const all = { full: 5, reduced: 0, none: 0, unreadable: 0 };
  assert.equal(reportOf(all, 0)?.isWhole, true);
  assert.equal(reportOf(all, 0, { isLooking: true })?.isWhole, false);
  const waiting = reportOf({ ...all, reduced: 1 }, 1, {}, { waitingExtents: 1 });
  assert.equal(waiting?.isWhole, false);
  const text = (report: ReturnType<typeof reportOf>): string =>
    redundancyRows(report)
      .map((row) => row.join(" "))
      .join("\n");
  assert.match(text(waiting), /repair members are short, and wait for their disks$/m);
  const unplanned = reportOf({ ...all, reduced: 1 }, 1);
  assert.match(
    text(unplanned),
    /repair members were short as last counted, and are not planned yet/,
  );
  assert.match(
    text(reportOf(all, 0, { isLooking: true })),
    /repair no members .* yet; still looking/,
  );
  // Nothing is queued, and yet nobody knows when all is whole.
  assert.equal(reportOf({ ...all, reduced: 1 }, 1, { leftMs: 0 })?.repair.secondsLeft, undefined);
  assert.equal(reportOf(all, 0, { leftMs: 0 })?.repair.secondsLeft, 0);
  const left = { extents: 1, leftMs: 6000 };
  assert.equal(reportOf({ ...all, reduced: 1 }, 1, left)?.repair.secondsLeft, 6);
  const narrow = reportOf({ ...all, reduced: 1 }, 1, left, { narrowExtents: 1 });
  assert.equal(narrow?.repair.secondsLeft, undefined);
});

test("C8: copies that are fewer than wanted are not shown as done either, nor a time as known", () => {
  const all = { full: 5, reduced: 1, none: 0, unreadable: 0 };
  const narrow = reportOf(all, 0, {}, { narrowExtents: 1 });
  assert.equal(narrow?.isWhole, false);
  const text = (report: ReturnType<typeof reportOf>): string =>
    redundancyRows(report)
      .map((row) => row.join(" "))
      .join("\n");
  assert.match(text(narrow), /repair extents with few copies are written anew/);
  const unknown = reportOf(all, 1, { extents: 1, bytesLeft: 1024, isPaused: true });
  assert.match(
    text(unknown),
    /repair 1 extents to repair, 1.0 KiB, time left not known; PAUSED: holdfast repair resume/,
  );
});

test("C8: status says how many objects are at each level, as of when, and names what cannot be read", () => {
  const objects: ObjectCount = {
    levels: { full: 120, reduced: 7, none: 0, unreadable: 9 },
    unreadable: [],
    countedMs: Date.UTC(2026, 0, 2),
  };
  const report = reportOf({ full: 5, reduced: 2, none: 0, unreadable: 1 }, 3, {}, { objects });
  const text = redundancyRows(report)
    .map((row) => row.join(" "))
    .join("\n");
  assert.match(text, /120 objects, 5.0 KiB in 5 extents at full redundancy; 7 objects, 2.0 KiB/);
  assert.match(text, /9 objects, 1.0 KiB in 1 extents UNREADABLE/);
  assert.match(text, /objects as of 2026-01-02T00:00:00.000Z/);
  assert.equal(report?.levels.find(({ level }) => level === "unreadable")?.objects, 9);
  const named = Array.from({ length: 9 }, (_, i) => ({
    bucket: "photos",
    key: `a\u001b${i}`,
    versionId: i === 0 ? "null" : "v1",
    bytes: 2048,
  }));
  const rows = unreadableRows({ counted: "2026", total: 9, objects: named });
  assert.deepEqual(rows.slice(0, 2), [
    ["unreadable", String.raw`"photos/a\u001b0", 2.0 KiB`],
    ["unreadable", String.raw`"photos/a\u001b1" version v1, 2.0 KiB`],
  ]);
  assert.deepEqual(rows.slice(5), [["unreadable", "4 more: holdfast repair unreadable"]]);
  assert.deepEqual(unreadableRows({ counted: null, total: 0, objects: [] }), []);
});
