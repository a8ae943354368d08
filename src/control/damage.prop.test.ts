import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isStoreError } from "../base/errors.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { checkStore } from "./check.ts";
import { leaveChunks, makeBucket, putChunks, read, remove } from "./testing/objects.ts";
import type { TestMachine, TestProcess } from "./testing/processes.ts";
import { createTestMachine, tasksOf } from "./testing/processes.ts";

/*
 * Damage in an extent whose writer died: it may cost the record it hit, and no other, however often
 * the background goes round.
 */

const hash = createHash();

type Write = { readonly chunks: number; readonly fate: "kept" | "removed" | "left" };

interface Abandoned {
  readonly machine: TestMachine;
  /** A front end that runs; the one that wrote is dead. */
  readonly front: TestProcess;
  readonly kept: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

const textOf = (name: string, chunk: number): string => `${name}.${chunk} `.repeat(20);

async function abandon(writes: readonly Write[]): Promise<Abandoned> {
  const machine = await createTestMachine(hash, 1 << 20);
  const writer = await machine.start("front-end");
  await makeBucket(writer);
  const kept = new Map<string, string>();
  const removed: string[] = [];
  for (const [i, { chunks, fate }] of writes.entries()) {
    const name = `${fate}${i}`;
    const texts = Array.from({ length: chunks }, (_, chunk) => textOf(name, chunk));
    if (fate === "left") await leaveChunks(writer, name, texts);
    else await putChunks(writer, name, texts);
    if (fate === "removed") removed.push(name);
    if (fate === "kept") kept.set(name, texts.join(""));
  }
  writer.kill();
  return { machine, front: await machine.start("front-end"), kept, removed };
}

function extentFiles({ disk }: TestMachine): string[] {
  return [...disk.files.keys()].filter((path) => path.endsWith(".extent"));
}

/** Each round with a process of its own, which knows of nothing that rests. */
async function goRound(machine: TestMachine, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const background = await machine.start("background");
    const tasks = tasksOf(machine, background, { oldReadMs: 500 });
    await tasks.runUntilIdle();
    await machine.platform.clock.advance(1000);
    await tasks.runUntilIdle();
    await background.stop();
  }
}

const outcomeOf = (front: TestProcess, name: string): Promise<string | undefined> =>
  read(front, name).catch((thrown: unknown) => {
    if (isStoreError(thrown, "corrupt")) return "corrupt";
    throw thrown;
  });

const write = fc.record({
  chunks: fc.constantFrom(1, 1, 1, 3, 18), // 18: with a manifest
  fate: fc.constantFrom<Write["fate"]>("kept", "kept", "kept", "removed", "left"),
});

test("C5: one flipped bit in an abandoned extent costs no object but its own, in any number of rounds", async () => {
  const property = fc.asyncProperty(
    fc.array(write, { minLength: 1, maxLength: 8 }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.nat(7),
    async (writes, where, bit) => {
      const { machine, front, kept, removed } = await abandon(writes);
      const [path] = extentFiles(machine);
      const bytes = machine.disk.files.get(path!)!;
      const at = extentHeaderBytes + Math.floor(where * (bytes.length - extentHeaderBytes));
      bytes[at]! ^= 1 << bit;
      const damaged = new Set<string>();
      for (const [name, text] of kept) {
        const outcome = await outcomeOf(front, name);
        if (outcome === "corrupt") damaged.add(name);
        else assert.equal(outcome, text);
      }
      assert.ok(damaged.size <= 1);
      for (const name of removed) await remove(front, name);
      await goRound(machine, 3);
      for (const [name, text] of kept) {
        assert.equal(await outcomeOf(front, name), damaged.has(name) ? "corrupt" : text, name);
      }
      const { signal } = new AbortController();
      const { isClean } = await checkStore({ ...front, signal });
      assert.equal(isClean, damaged.size === 0, "the check finds damage, and nothing but");
      await front.stop();
      const last = await machine.start("front-end");
      for (const name of kept.keys()) await remove(last, name);
      await last.stop();
      await goRound(machine, 3);
      // What a damaged manifest listed in other extents stays, but not the extent that was damaged.
      assert.ok(!extentFiles(machine).includes(path!), "nothing refers to it any more");
    },
  );
  await fc.assert(property, { numRuns: 25 });
});

test("C5: an extent that is damaged from end to end stays for as long as a row refers to it", async () => {
  const { machine, front } = await abandon([{ chunks: 1, fate: "kept" }]);
  const [path] = extentFiles(machine);
  machine.disk.files.get(path!)!.fill(0, extentHeaderBytes);
  await goRound(machine, 3);
  assert.ok(extentFiles(machine).includes(path!));
  assert.ok(machine.platform.events.includes("extent_damaged"));
  assert.equal(await outcomeOf(front, "kept0"), "corrupt");
  await remove(front, "kept0");
  await goRound(machine, 3);
  assert.deepEqual(extentFiles(machine), []);
});

const tails = { noise: 777, "half a record": 0 };
for (const [name, noise] of Object.entries(tails)) {
  test(`C5: an extent with ${name} behind its records is reclaimed in the end`, async () => {
    const { machine, front, kept } = await abandon([
      { chunks: 2, fate: "kept" },
      { chunks: 2, fate: "left" },
    ]);
    const [path] = extentFiles(machine);
    const bytes = machine.disk.files.get(path!)!;
    const torn = new Uint8Array(bytes.length + (noise === 0 ? -50 : noise)).fill(0x48);
    torn.set(bytes.subarray(0, torn.length));
    machine.disk.files.set(path!, torn);
    await goRound(machine, 3);
    assert.ok(!extentFiles(machine).includes(path!));
    assert.equal(await read(front, "kept0"), kept.get("kept0"));
    const { signal } = new AbortController();
    assert.deepEqual((await checkStore({ ...front, signal })).problems, []);
  });
}

test("C4: the check finds a damaged payload in an extent that is still open, and behind a sealed one's end", async () => {
  const { machine, front } = await abandon([
    { chunks: 1, fate: "kept" },
    { chunks: 1, fate: "kept" },
  ]);
  const [path] = extentFiles(machine);
  const bytes = machine.disk.files.get(path!)!;
  for (const name of ["kept0", "kept1"]) bytes[Buffer.from(bytes).indexOf(`${name}.0`)]! ^= 1;
  const kindsFound = async (): Promise<string[]> => {
    const { signal } = new AbortController();
    return (await checkStore({ ...front, signal })).problems.map(({ kind }) => kind);
  };
  assert.deepEqual(await kindsFound(), ["corrupt", "corrupt"]);
  await goRound(machine, 1);
  assert.deepEqual(await kindsFound(), ["corrupt", "corrupt"]);
});
