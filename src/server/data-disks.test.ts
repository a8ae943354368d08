import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiskId } from "../format/ids.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { knownDisks, registerDisks, requireKnownDisks } from "./data-disks.ts";
import { idOfText } from "../format/ids.ts";

const id = (n: number): DiskId => idOfText<DiskId>(n.toString(16).padStart(32, "0"));

test("data disks: what was registered is known, with its newest place", async () => {
  const index = createMemoryEngine();
  const platform = createPlatform({ log: () => undefined });
  assert.deepEqual(await knownDisks(index), []);
  const first = { id: id(1), name: "/a" };
  await registerDisks(index, platform, [], [first]);
  const before = await knownDisks(index);
  await registerDisks(index, platform, before, [
    { ...first, name: "/b" },
    { id: id(2), name: "/c" },
  ]);
  const [moved, added] = await knownDisks(index);
  assert.deepEqual([moved?.name, added?.name], ["/b", "/c"]);
  assert.equal(moved?.addedMs, before[0]?.addedMs);
});

test("data disks: C5: a start without a known disk is refused with its last place", () => {
  const known = [
    { disk: id(1), addedMs: 0, name: "/a" },
    { disk: id(2), addedMs: 0, name: "/b" },
  ];
  requireKnownDisks(known, [id(2), id(1), id(3)]);
  assert.throws(() => requireKnownDisks(known, [id(1)]), {
    code: "missing",
    message: /last at \/b/,
  });
});
