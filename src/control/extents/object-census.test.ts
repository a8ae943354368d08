import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { makeBucket, putChunks, remove } from "../testing/objects.ts";
import { createTestMachine } from "../testing/processes.ts";
import type { RedundancyLevel } from "./extent-health.ts";
import { Manifests } from "./manifests.ts";
import { ObjectCensus } from "./object-census.ts";
import type { LevelCount, LevelsOfExtents } from "./redundancy-tally.ts";

const hash = createHash();

/** Objects of a chunk each, one to an extent, and one of two chunks, with levels as a test sets. */
async function create() {
  const machine = await createTestMachine(hash, 1200);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (const key of ["a", "b", "c", "d"]) await putChunks(front, key, ["x".repeat(1000)]);
  await putChunks(front, "two", ["x".repeat(1000), "y".repeat(1000)]);
  await remove(front, "d");
  await front.stop();
  const background = await machine.start("background");
  const { clock } = machine.platform;
  const extents = (await background.table.list(undefined, 100)).map(({ id }) => id);
  let levels: LevelsOfExtents | undefined;
  let manifestsRead = 0;
  const manifests = new Manifests(background);
  const census = new ObjectCensus({
    ...background,
    clock,
    manifests: {
      chunksOf: (data) => {
        manifestsRead++;
        return manifests.chunksOf(data);
      },
    },
    levelOf: () => levels,
  });
  const set = (
    most: RedundancyLevel,
    others: Readonly<Record<number, RedundancyLevel>> = {},
    all: LevelCount = { extents: extents.length, bytes: 6000 },
  ) => {
    levels = {
      most,
      all,
      others: new Map(Object.entries(others).map(([i, level]) => [extents[Number(i)]!, level])),
    };
  };
  const count = async () => {
    for (let steps = 0; (await census.step()) === "busy"; steps++) assert.ok(steps < 100, "ends");
    return census.last;
  };
  return {
    census,
    count,
    set,
    clock,
    extents,
    forget: () => void (levels = undefined),
    reads: () => manifestsRead,
  };
}

test("C8: objects are counted at the level of the worst extent that has a piece of them", async () => {
  const { count, set, clock, extents, reads } = await create();
  assert.ok(extents.length >= 6);
  assert.equal(await count(), undefined, "nothing is known of extents");
  set("full");
  const first = await count();
  assert.deepEqual(first?.levels, { full: 4, reduced: 0, none: 0, unreadable: 0 });
  assert.equal(first?.countedMs, clock.now());
  assert.equal(reads(), 0, "where all are alike no object is looked into");
  // The first extent has object a, and the last one a chunk of the object of two.
  set("reduced", { 0: "none", [extents.length - 1]: "full" });
  await clock.advance(10_000);
  assert.deepEqual((await count())?.levels, { full: 0, reduced: 3, none: 1, unreadable: 0 });
});

test("objects are counted again soon when there is much more or less of them", async () => {
  const { count, set, clock } = await create();
  const sizes = [
    { extents: 20, bytes: 6000 },
    { extents: 23, bytes: 6000 },
    { extents: 23, bytes: 4000 },
  ];
  for (const all of sizes) {
    set("full", {}, all);
    await clock.advance(10_000);
    assert.equal((await count())?.countedMs, clock.now());
  }
  const before = clock.now();
  set("full", {}, { extents: 24, bytes: 4100 });
  await clock.advance(10_000);
  assert.equal((await count())?.countedMs, before);
  await clock.advance(600_000);
  assert.equal((await count())?.countedMs, clock.now());
});

test("C8: objects that cannot be read are named at once, and again when they can be", async () => {
  const { count, set, extents } = await create();
  set("full");
  await count();
  set("full", { 0: "unreadable", [extents.length - 1]: "unreadable" });
  const lost = await count();
  assert.deepEqual(lost?.levels, { full: 2, reduced: 0, none: 0, unreadable: 2 });
  assert.deepEqual(
    lost?.unreadable.map(({ bucket, key, versionId, bytes }) => [bucket, key, versionId, bytes]),
    [
      ["bucket", "a", "null", 1000],
      ["bucket", "two", "null", 2000],
    ],
  );
  set("full");
  assert.deepEqual((await count())?.unreadable, []);
});

test("object census: walks again when levels changed, seldom where they did not, and forgets what is not known", async () => {
  const { count, set, clock, forget } = await create();
  set("full");
  const first = await count();
  set("full", { 0: "reduced" });
  assert.equal(await count(), first, "not yet time");
  await clock.advance(10_000);
  const second = await count();
  assert.equal(second?.levels.reduced, 1);
  await clock.advance(60_000);
  assert.equal(await count(), second);
  await clock.advance(600_000);
  assert.notEqual(await count(), second);
  forget();
  assert.equal(await count(), undefined);
});
