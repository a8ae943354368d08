import assert from "node:assert/strict";
import { test } from "node:test";
import type { ShownIndexMove } from "../admin/disk-pages.ts";
import { Metrics, prometheusText } from "../admin/metrics.ts";
import type { BackgroundStatistics } from "../control/background.ts";
import type { IndexSnapshotStatistics } from "../control/index-snapshots.ts";
import type { Census, ExtentCensus } from "../control/extents/extent-census.ts";
import type { IndexScrubStatistics } from "../control/redundancy/index-scrub.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { MountedDisks } from "../extent/mounted-disks.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { type DiskRow, newDiskRow } from "../format/disk-row.ts";
import { type DiskId, idOfText, type StoreId } from "../format/ids.ts";
import { createHash } from "../node/platform/hash.ts";
import { sampleDisks, sampleIndexHome } from "../server/disk-metrics.ts";
import { sampleIndexScrub } from "../server/redundancy-metrics.ts";
import { sampleShipping } from "../server/shipping-metrics.ts";
import { sampleCensus, sampleRestoreWindow, sampleSnapshots } from "../server/store-metrics.ts";
import { quantilesBy, readFigures } from "./figures.ts";
import { statusOf } from "./status-report.ts";
import { statusLines } from "./status-text.ts";
import { bytesText, durationText } from "./units.ts";

/** A front end that answered so many requests of each operation, each in so many seconds. */
function page(
  answered: Readonly<Record<string, readonly number[]>>,
  process = "front-end-1",
  straysKept = 0,
) {
  const metrics = new Metrics();
  const requests = metrics.counter("holdfast_requests_total", "R.", ["operation", "status"]);
  const bounds = [0.01, 0.1, 1];
  const name = "holdfast_request_duration_seconds";
  const durations = metrics.histogram(name, "D.", bounds, ["operation"]);
  metrics.sampled("gauge", "holdfast_process_uptime_seconds", "U.", () => 5);
  metrics.sampled("gauge", "holdfast_extent_strays_kept", "F.", () => straysKept);
  for (const [operation, times] of Object.entries(answered)) {
    requests.at(operation, "200").add(times.length);
    for (const seconds of times) durations.at(operation).observe(seconds);
  }
  return prometheusText([{ process, families: metrics.read() }]);
}

const times = (count: number, seconds: number): number[] =>
  Array.from({ length: count }, () => seconds);

test("status: rates and quantiles are those of the time between two looks, over all processes", () => {
  const before = page({ GetObject: times(1000, 0.5) });
  const after = page({ GetObject: [...times(1000, 0.5), ...times(98, 0.005), 0.05, 0.05] });
  const other = page({ GetObject: times(100, 0.005), PutObject: times(10, 0.5) }, "front-end-2");
  const report = statusOf(
    { atMs: 0, figures: readFigures(before) },
    { atMs: 2000, figures: readFigures(after + other) },
  );
  assert.equal(report.requestsPerSecond, 105);
  const [get, put, more] = report.operations;
  assert.equal(more, undefined);
  assert.deepEqual([get?.name, get?.perSecond, put?.perSecond], ["GetObject", 100, 5]);
  assert.ok((get?.p50Ms ?? 0) > 4 && (get?.p50Ms ?? 0) < 6, `${get?.p50Ms}`);
  assert.equal(get?.p99Ms, 10);
  assert.ok((put?.p50Ms ?? 0) > 100);
  assert.equal(report.processes.length, 2);
  assert.equal(report.stored, undefined);
});

test("C8: status says whether the index is damaged, and when it was verified", () => {
  const metrics = new Metrics();
  let damaged = 0;
  metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => damaged);
  metrics.sampled("gauge", "holdfast_index_verified_timestamp_seconds", "V.", () => 1_790_000_000);
  metrics.sampled("gauge", "holdfast_index_problems", "P.", () => 3);
  const lines = (): string => {
    const text = prometheusText([{ process: "background", families: metrics.read() }]);
    const look = { atMs: 0, figures: readFigures(text) };
    return statusLines(statusOf(look, look)).join("\n");
  };
  assert.match(lines(), /index +verified at 2026-09-21T/);
  damaged = 1;
  assert.match(lines(), /index +DAMAGED, nothing is reclaimed.*3 problems.*check --repair/);
});

test("status: a process that was started again counts from its start", () => {
  const look = (atMs: number, count: number) => ({
    atMs,
    figures: readFigures(page({ GetObject: times(count, 0.005) })),
  });
  assert.equal(statusOf(look(0, 1000), look(1000, 30)).requestsPerSecond, 30);
});

test("status: a quantile above the last bound is that bound; without samples there is none", () => {
  const name = "holdfast_request_duration_seconds";
  const figures = readFigures(page({ GetObject: [50], PutObject: [] }));
  const quantiles = quantilesBy(figures, name, "operation", [0.5]);
  assert.deepEqual([...quantiles], [["GetObject", [1]]]);
});

test("C8: files that the index does not know are shown, where there are any", () => {
  const linesFor = (files: number): string => {
    const figures = readFigures(page({}, "background", files));
    return statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1, figures })).join("\n");
  };
  assert.doesNotMatch(linesFor(0), /kept/);
  assert.match(linesFor(3), /kept +3 files under extents\/ that the index does not know: stop/);
});

test("status: what is shown is for people", () => {
  assert.deepEqual([0, 1023, 1536, 300 * 1024, 5 * 1024 ** 4].map(bytesText), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "300 KiB",
    "5.0 TiB",
  ]);
  assert.deepEqual([0, 59, 60, 3700, 90_000].map(durationText), [
    "0s",
    "59s",
    "1m",
    "1h 1m",
    "1d 1h",
  ]);
  const figures = readFigures(page({ GetObject: times(10, 0.005) }));
  const lines = statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1000, figures })).join("\n");
  assert.match(lines, /requests +10\.0\/s, 0\.0\/s in error/);
  assert.match(lines, /OPERATION +PER S.*\n +GetObject +10\.0/);
});

const counted: Census = {
  extents: { open: 0, sealed: 0, settled: 0, reconciled: 3, dropping: 0 },
  lost: { missing: 2, damaged: 0 },
  lostBytes: { missing: 2048, damaged: 0 },
  bytes: 4096,
  deadBytes: 1024,
  redundancy: {
    levels: {
      full: { extents: 0, bytes: 0 },
      reduced: { extents: 0, bytes: 0 },
      none: { extents: 1, bytes: 1024 },
      unreadable: { extents: 2, bytes: 2048 },
    },
    held: {
      full: { extents: 0, bytes: 0 },
      reduced: { extents: 0, bytes: 0 },
      none: { extents: 0, bytes: 0 },
      unreadable: { extents: 0, bytes: 0 },
    },
    shortExtents: 2,
    waitingExtents: 0,
    narrowExtents: 0,
    levelOf: undefined,
    survival: undefined,
  },
  classes: [],
  holdings: new Map(),
  garbageRows: 0,
};

test("C8: status shows extents whose files are missing, and does not count their bytes as live", () => {
  const metrics = new Metrics();
  sampleCensus(metrics, () => counted);
  const families = metrics.read();
  const figures = readFigures(prometheusText([{ process: "background", families }]));
  const lines = statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1000, figures })).join("\n");
  assert.match(lines, /stored +1\.0 KiB live/);
  assert.match(lines, /missing +2 extents, 2\.0 KiB: /);
  assert.ok(!lines.includes("damaged"));
});

test("C8: status shows what each disk is to the store, and the capacity by that", () => {
  const gibibyte = 1024 ** 3;
  const store = idOfText<StoreId>("5".repeat(32)); // made up
  const row = (digit: string, more: Partial<DiskRow>): DiskRow => {
    const disk = idOfText<DiskId>(digit.repeat(32));
    return newDiskRow({ disk, addedMs: 0, name: `/d${digit}`, capacityBytes: gibibyte, ...more });
  };
  const rows = [
    row("1", { labels: { zone: "a", rack: "r1" } }),
    row("2", { state: "emptying" }),
    row("3", { state: "out" }),
    row("4", {}),
    row("5", { state: "removed" }),
  ];
  const pulledOut = row("6", {});
  const hanging = row("7", {});
  const place = ({ disk, name }: DiskRow) =>
    localDataDisk(createHash(), disk, new MemoryDisk(name));
  const mounted = [...rows.slice(0, 3), pulledOut, hanging];
  const disks = new MountedDisks(store, mounted.map(place));
  disks.set(disks.disks, new Map([...rows, pulledOut, hanging].map((one) => [one.disk, one])));
  const metrics = new Metrics();
  const census: Pick<ExtentCensus, "last" | "emptyInSeconds"> = {
    last: undefined,
    emptyInSeconds: (disk) => (disk === rows[1]?.disk ? 90 : undefined),
  };
  sampleDisks(metrics, disks, census);
  const troubles = new Map([
    [pulledOut, "missing"],
    [hanging, "no_answer"],
  ]);
  const conditions = mounted.map((one) => [[one.name, troubles.get(one) ?? "ok"], 1] as const);
  metrics.sampled("gauge", "holdfast_disk_state", "S.", () => conditions, ["disk", "state"]);
  const free = mounted.map(({ name }) => [[name], gibibyte / 2] as const);
  metrics.sampled("gauge", "holdfast_disk_free_bytes", "F.", () => free, ["disk"]);
  const text = prometheusText([{ process: "background", families: metrics.read() }]);
  const look = { atMs: 0, figures: readFigures(text) };
  const lines = statusLines(statusOf(look, look)).join("\n");
  assert.match(
    lines,
    /disk +\/d1 takes writes, 512 MiB of 1\.0 GiB free, zone=a,rack=r1; verified since: not yet\n/,
  );
  assert.match(lines, /disk +\/d2 is emptying \(1m 30s left\): see holdfast disk list/);
  assert.match(lines, /disk +\/d3 is out: see holdfast disk list/);
  assert.match(lines, /disk +\/d4 is MISSING: mount it, or holdfast disk replace/);
  assert.doesNotMatch(lines, /\/d5/);
  assert.match(lines, /disk +\/d7 takes no writes: it gives no answer, see holdfast disk list/);
  const sum =
    /capacity +2 active: 2\.0 GiB, 1\.0 GiB free; 1 emptying: .*; 1 out: .*; 2 missing: 2\.0 GiB\n/;
  assert.match(lines, sum);
});

test("C8: status says whether the index outlives its disk, and from when its snapshot is", () => {
  const metrics = new Metrics();
  const statistics: IndexSnapshotStatistics = {
    isLogged: true,
    sequence: 9,
    createdMs: Date.UTC(2026, 10, 29),
    oldestMs: Date.UTC(2026, 10, 28),
    copies: 3,
    logBytes: 3 * 1024 * 1024,
    held: undefined,
    finished: 1,
    failures: 0,
    rowsSoFar: undefined,
  };
  const shown: { statistics: IndexSnapshotStatistics } = { statistics };
  metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => 0);
  sampleSnapshots(metrics, shown);
  const line = (): string | undefined => {
    const text = prometheusText([{ process: "background", families: metrics.read() }]);
    const figures = readFigures(text);
    const lines = statusLines(statusOf({ atMs: 0, figures }, { atMs: 1000, figures }));
    return lines.find((one) => one.includes("index log"));
  };
  assert.match(
    line() ?? "",
    /3\.0 MiB behind the snapshot of 2026-11-29T00:00:00.000Z on 3 disks$/,
  );
  shown.statistics = { ...statistics, createdMs: undefined, rowsSoFar: 77 };
  assert.match(line() ?? "", /no snapshot yet, .*; another is being made, 77 rows so far$/);
  shown.statistics = { ...statistics, isLogged: false };
  assert.match(line() ?? "", /none: with one disk the index is lost with it$/);
  shown.statistics = { ...statistics, isLogged: undefined };
  assert.match(line() ?? "", /not known yet$/);
});

test("C8: status says where the index is, and how it moves to another disk", () => {
  const metrics = new Metrics();
  const store = idOfText<StoreId>("5".repeat(32)); // made up
  const id = idOfText<DiskId>("1".repeat(32));
  const home = localDataDisk(createHash(), id, new MemoryDisk("/d1"));
  const disks = new MountedDisks(store, [home]);
  const shown: { move: ShownIndexMove | undefined } = { move: undefined };
  metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => 0);
  sampleIndexHome(metrics, disks, () => shown.move);
  const line = (): string => {
    const text = prometheusText([{ process: "background", families: metrics.read() }]);
    const figures = readFigures(text);
    const lines = statusLines(statusOf({ atMs: 0, figures }, { atMs: 1000, figures }));
    return lines.find((one) => one.includes("index home")) ?? "";
  };
  assert.match(line(), /index home +\/d1$/);
  shown.move = { to: "/d2", doing: "commits of the log", done: 77 };
  assert.match(line(), /\/d1: it moves to \/d2: commits of the log, 77 so far$/);
  shown.move = { to: undefined, doing: "no other disk", done: 0 };
  assert.match(line(), /\/d1: it has to move, and waits: holdfast disk list says why$/);
});

test("status: what there is of each storage class is shown, and the space that it takes", () => {
  const metrics = new Metrics();
  const one = { storageClass: "STANDARD", extents: 1 };
  const classes = [
    { ...one, scheme: "rs-10-4", aliveBytes: 10 * 1024 ** 3, diskBytes: 14 * 1024 ** 3 },
    { ...one, scheme: "copies-3", aliveBytes: 1024 ** 3, diskBytes: 3 * 1024 ** 3 },
    { ...one, storageClass: "GLACIER_IR", scheme: "rs-20-4", aliveBytes: 0, diskBytes: 1024 },
  ];
  sampleCensus(metrics, () => ({ ...counted, classes }));
  const text = prometheusText([{ process: "background", families: metrics.read() }]);
  const figures = readFigures(text);
  const report = statusOf({ atMs: 0, figures: [] }, { atMs: 1, figures });
  assert.deepEqual(
    report.classes.map(({ storageClass, aliveBytes }) => [storageClass, aliveBytes]),
    [
      ["GLACIER_IR", 0],
      ["STANDARD", 11 * 1024 ** 3],
    ],
  );
  const lines = statusLines(report).join("\n");
  assert.match(
    lines,
    /class +STANDARD: 11\.0 GiB live on 17\.0 GiB of disk \(10\.0 GiB as rs-10-4, 1\.0 GiB as copies-3\)/,
  );
});

test("C8: status says since when log and snapshots are verified, and what was found in them", () => {
  const row = { startedMs: 1, isDone: true, readSinceMs: Date.UTC(2026, 10, 29), bytes: 1 };
  const found = { bad: 0, mended: 0, lost: 0 };
  const textOf = (indexScrub: IndexScrubStatistics | undefined): string | undefined => {
    const metrics = new Metrics();
    metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => 0);
    const statistics = () => ({ indexScrub }) as BackgroundStatistics; // nothing else is asked for
    sampleIndexScrub(metrics, { statistics });
    const text = prometheusText([{ process: "background", families: metrics.read() }]);
    const look = { atMs: 0, figures: readFigures(text) };
    return statusLines(statusOf(look, look)).find((line) => line.includes("index copies"));
  };
  const read = (more: object) => {
    return textOf({ row: { ...row, ...found, ...more }, isAsked: false, damaged: new Map() });
  };
  assert.equal(textOf(undefined), undefined);
  assert.match(read({ readSinceMs: 0 }) ?? "", /verified since: not yet$/);
  assert.match(read({}) ?? "", /verified since: 2026-11-29T00:00:00.000Z$/);
  const lost = /Z; 3 not whole, 2 of them made anew; 1 LOST: see log_record_lost .* in the log$/;
  assert.match(read({ bad: 3, mended: 2, lost: 1 }) ?? "", lost);
});

test("C8: status says to when the index can be restored, what is kept for it, and how far it is shipped", () => {
  const metrics = new Metrics();
  const nowMs = Date.UTC(2026, 10, 29);
  const shown = { row: { windowMs: 7_200_000, sinceMs: 0 }, oldestMs: nowMs - 9_000_000 };
  const figures = () => readFigures(prometheusText([{ process: "b", families: metrics.read() }]));
  const lines = (): string[] => {
    const reading = { atMs: 0, figures: figures() };
    return statusLines(statusOf(reading, { ...reading, atMs: 1000 }));
  };
  metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => 0);
  assert.ok(
    lines().every((line) => !/^ *(restore|index shipped) /.test(line)),
    "both are off",
  );
  const mebibyte = 1024 * 1024;
  const held = { ...counted.redundancy.held, full: { extents: 2, bytes: 3 * mebibyte } };
  const heldIndex = { logBytes: mebibyte, snapshotBytes: 2048 };
  const heldNow = { held };
  sampleRestoreWindow(metrics, {
    row: () => shown.row,
    oldestMs: () => shown.oldestMs,
    clock: { now: () => nowMs },
    held: () => heldNow.held,
    heldIndex: () => heldIndex,
  });
  const shipped = { target: "s3://b/p", sequence: 42, behind: 3, lagMs: 61_000, bytes: 1000 };
  const statistics = { ...shipped, placesHeld: 3 };
  const unshipped = { bytes: 0, isGivenUp: false };
  sampleShipping(metrics, { statistics }, () => unshipped);
  const line = (name: string) => lines().find((one) => one.trimStart().startsWith(name)) ?? "";
  assert.match(line("restore"), /to any time since 2026-11-28T22:00:00.000Z, within 2h/);
  const all = /4\.0 MiB: 3\.0 MiB in 2 extents, 1\.0 MiB of log, 2\.0 KiB of snapshots$/;
  assert.match(line("kept for it"), all);
  const one = { extents: 1, bytes: mebibyte };
  heldNow.held = { ...held, reduced: one, none: one, unreadable: one };
  const short = /6\.0 MiB in 5 extents, .*; 2\.0 MiB below full redundancy; 1\.0 MiB UNREADABLE$/;
  assert.match(line("kept for it"), short);
  shown.oldestMs = nowMs - 3_600_000;
  assert.match(line("restore"), /since 2026-11-28T23:00/, "no snapshot is older");
  assert.match(line("index shipped"), /to s3:\/\/b\/p, commit 42; 3 commits and 1m.* behind$/);
  unshipped.bytes = 5 * 1024 * 1024;
  assert.match(line("index shipped"), /behind; 5\.0 MiB freed are kept until it is there$/);
  unshipped.isGivenUp = true;
  assert.match(line("index shipped"), /behind; TOO FAR BEHIND: files that are freed are not kept/);
});
