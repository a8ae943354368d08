import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../base/refusal.ts";
import type { DiskSurvey } from "../control/redundancy/disk-survey.ts";
import { changeChosenScheme } from "../keymap/chosen-schemes.ts";
import { createHash } from "../node/platform/hash.ts";
import { createTestStore } from "../object/testing/test-store.ts";
import { testDisk } from "../placement/testing/disks.ts";
import { createTopology } from "../placement/topology.ts";
import { FollowedChoices } from "./followed-choices.ts";

async function followed(disks = 14, mayCodeInline = true) {
  const { keymap, platform } = await createTestStore(createHash());
  const events: string[] = [];
  const topology = createTopology(Array.from({ length: disks }, (_, i) => testDisk(i, "")));
  const survey = {
    now: () => Promise.resolve({ disks: new Map(), topology, usual: topology }),
    random: () => 0.5,
  } as unknown as DiskSurvey; // what is asked of it
  const choices = new FollowedChoices({
    platform: { clock: platform.clock, log: (_, event) => void events.push(event) },
    keymap,
    survey,
    reserveBytes: 0,
    mayCodeInline,
  });
  const choose = async (storageClass: string, scheme: string, isInline = false): Promise<void> => {
    const row = { scheme, isInline, chosenMs: 1 };
    assert.ok(!isRefusal(await changeChosenScheme(keymap, { storageClass }, row)));
    await choices.look();
  };
  const of = (storageClass: string, bucketScheme?: string) =>
    choices.of({ storageClass, bucketScheme });
  return { choose, of, events, choices };
}

test("choices: three copies of each class, until a number is chosen for it or a bucket", async () => {
  const { choose, of } = await followed();
  assert.deepEqual(of("STANDARD"), { copies: 3, inline: undefined });
  await choose("STANDARD_IA", "copies-2");
  assert.deepEqual(
    [of("STANDARD").copies, of("STANDARD_IA").copies, of("STANDARD_IA", "rs-4-2").copies],
    [3, 2, 3],
  );
  assert.deepEqual([of("STANDARD", "copies-1").copies, of("STANDARD", "newer").copies], [1, 3]);
});

test("choices: large objects of a class are coded at once, but not those of a bucket that has its own", async () => {
  const { choose, of } = await followed();
  await choose("GLACIER_IR", "rs-4-2", true);
  const { inline } = of("GLACIER_IR");
  assert.deepEqual(inline, { kind: "coded", code: "rs", data: 4, parity: 2 });
  assert.deepEqual(
    [of("STANDARD").inline, of("GLACIER_IR", "rs-4-2").inline],
    [undefined, undefined],
  );
  await choose("GLACIER_IR", "rs-4-2");
  assert.equal(of("GLACIER_IR").inline, undefined);
  const background = await followed(14, false);
  await background.choose("GLACIER_IR", "rs-4-2", true);
  assert.equal(background.of("GLACIER_IR").inline, undefined);
});

test("choices: where the disks allow no code, that is said once for each class", async () => {
  const { choose, of, events, choices } = await followed(3);
  await choose("STANDARD", "rs-4-2", true);
  await choices.look();
  assert.equal(of("STANDARD").inline, undefined);
  assert.deepEqual(events, ["large_objects_not_coded_inline"]);
  await choose("GLACIER_IR", "rs-4-2", true);
  assert.equal(events.length, 2);
});
