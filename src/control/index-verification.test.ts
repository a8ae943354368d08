import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../base/errors.ts";
import type { Engine, VerifyReport } from "../engine/engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { type ChangeId, idOfText } from "../format/ids.ts";
import { indexDamageFile } from "../format/data-directory.ts";
import { space, spaceRange } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import { IndexVerification } from "./index-verification.ts";
import { makeBucket, putChunks, read } from "./testing/objects.ts";
import { createTestMachine, type TestMachine, tasksOf } from "./testing/processes.ts";

const hash = createHash();

function extentFiles({ disk }: TestMachine): string[] {
  return [...disk.files.keys()].filter((path) => path.endsWith(".extent"));
}

async function goRound(machine: TestMachine): Promise<void> {
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background, { oldReadMs: 500 });
  await tasks.runUntilIdle();
  await machine.platform.clock.advance(1000);
  await tasks.runUntilIdle();
  await background.stop();
}

/**
 * A store with one object whose row is hidden, as a damaged branch hides it: nobody has deleted it.
 */
async function withHiddenObject(): Promise<{ machine: TestMachine; unhide: () => Promise<void> }> {
  const machine = await createTestMachine(hash, 1 << 20);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "hidden", ["what is hidden. "]);
  await front.stop();
  const [row] = await machine.partition.scan(spaceRange(space.heads), { limit: 1 });
  assert.ok(row !== undefined);
  // No session's.
  const change = { id: idOfText<ChangeId>("7".repeat(32)), checks: [], puts: [], deletes: [] };
  await machine.partition.commit({ ...change, deletes: [row.key] });
  const unhide = async (): Promise<void> => {
    await machine.partition.commit({ ...change, puts: [row] });
  };
  return { machine, unhide };
}

test("C9: an object whose row can't be found keeps its bytes for as long as the index is marked as damaged", async () => {
  const { machine, unhide } = await withHiddenObject();
  const front = await machine.start("front-end");
  front.damage.seen("a bit flipped");
  await front.damage.settled();
  for (let i = 0; i < 3; i++) await goRound(machine);
  assert.equal(extentFiles(machine).length, 1);
  await unhide(); // as by a repair
  machine.disk.files.delete(indexDamageFile);
  for (let i = 0; i < 3; i++) await goRound(machine);
  assert.equal(await read(front, "hidden"), "what is hidden. ");
  await front.stop();

  const { machine: unmarked } = await withHiddenObject();
  for (let i = 0; i < 3; i++) await goRound(unmarked);
  assert.deepEqual(extentFiles(unmarked), [], "what the mark prevents");
});

/** An engine whose verification finds what the test says. */
function verifiable(reports: VerifyReport[]): Engine {
  return {
    ...createMemoryEngine(),
    async *verify() {
      yield { rows: 1, bytes: 1, problemCount: 0, problems: [] };
      return reports.shift() ?? { rows: 2, bytes: 2, problemCount: 0, problems: [] };
    },
  };
}

test("C9: a mark goes only when a verification that began after it found nothing; a sight of damage begins one", async () => {
  const machine = await createTestMachine(hash);
  const { damage, platform } = await machine.start("background");
  const bad = { rows: 2, bytes: 2, problemCount: 1, problems: [{ kind: "row", message: "bad" }] };
  const engines = new Map([["main", verifiable([bad as VerifyReport])]]);
  const everyMs = 60_000;
  const verification = new IndexVerification({ platform, engines, damage, everyMs });
  const round = async (): Promise<void> => {
    while ((await verification.step()) === "busy");
  };
  await round();
  assert.equal(verification.statistics().finished, 0, "not yet");
  damage.seen(new StoreError("corrupt", "a row").message);
  await round();
  assert.equal(verification.statistics().last?.problems, 1);
  await round();
  assert.equal(
    verification.statistics().finished,
    1,
    "damage that is known is not looked for again at once",
  );
  assert.notEqual(await damage.mark(), undefined);
  await machine.platform.clock.advance(everyMs);
  await verification.step();
  await machine.platform.clock.advance(2000);
  damage.seen("another row, while it runs");
  await round();
  assert.notEqual(await damage.mark(), undefined, "that one may have been missed");
  await round();
  assert.equal(await damage.mark(), undefined);
  assert.equal(verification.statistics().isMarked, false);
});
