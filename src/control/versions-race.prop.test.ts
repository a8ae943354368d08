import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { VersionRef } from "../format/version-id.ts";
import { renewLease } from "../keymap/leases.ts";
import { createHash } from "../node/platform/hash.ts";
import { checkStore } from "./check.ts";
import { around } from "./testing/around.ts";
import { makeBucket, putChunks, read, remove, useVersions, versionsIn } from "./testing/objects.ts";
import {
  createTestMachine,
  type TestMachine,
  type TestProcess,
  tasksOf,
} from "./testing/processes.ts";
import { survey } from "./testing/survey.ts";

/*
 * Versions move between head and versions space at the moments that matter: between what background
 * work reads and what it commits.
 */

const hash = createHash();

type Step =
  | { readonly kind: "put"; readonly name: string; readonly chunks: number }
  | { readonly kind: "mark" | "state"; readonly name: string }
  | { readonly kind: "take"; readonly nth: number };

const name = fc.constantFrom("a", "b");
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("put"),
      name,
      // Up to 16 chunks stand in a row, more in a manifest.
      chunks: fc.constantFrom(1, 2, 17),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("mark"), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("state"), name }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("take"), nth: fc.integer({ min: 0, max: 4 }) }),
  },
) as fc.Arbitrary<Step>; // each record is one of the kinds

class Client {
  process: TestProcess;
  /** What each version holds. */
  readonly #texts = new Map<string, string>();
  #written = 0;
  #isEnabled = true;

  constructor(process: TestProcess) {
    this.process = process;
  }

  async apply(one: Step): Promise<void> {
    switch (one.kind) {
      case "put": {
        const id = this.#written++;
        const chunks = Array.from({ length: one.chunks }, (_, i) => `${id}.${i} `.repeat(3));
        await putChunks(this.process, one.name, chunks);
        const [newest] = (await versionsIn(this.process)).filter(
          (found) => found.name === one.name,
        );
        this.#texts.set(textKey(one.name, newest!.ref), chunks.join(""));
        return;
      }
      case "mark":
        return remove(this.process, one.name);
      case "state":
        this.#isEnabled = !this.#isEnabled;
        return useVersions(this.process, this.#isEnabled ? "enabled" : "suspended");
      case "take": {
        const found = (await versionsIn(this.process))[one.nth];
        if (found !== undefined) await remove(this.process, found.name, found.ref);
      }
    }
  }

  async verify(): Promise<void> {
    for (const { name, ref, isMarker } of await versionsIn(this.process)) {
      const expected = isMarker ? undefined : this.#texts.get(textKey(name, ref));
      assert.equal(await read(this.process, name, ref), expected, name);
    }
  }
}

const textKey = (name: string, ref: VersionRef): string =>
  ref.kind === "null" ? `${name} null` : `${name} ${ref.order}`;

async function verifyStore(machine: TestMachine, process: TestProcess): Promise<void> {
  const { signal } = new AbortController();
  const { problems } = await checkStore({ ...process, signal });
  assert.deepEqual(problems, []);
  const found = await survey(machine, process);
  assert.deepEqual([found.undrained, found.miscounted], [0, []]);
}

test("C5: no version is lost and none doubled, however they move while extents are compacted and drained", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 5, maxLength: 25 }),
    fc.array(fc.option(step), { maxLength: 60 }),
    fc.array(fc.option(step), { maxLength: 60 }),
    async (before, beforeScans, beforeCommits) => {
      const machine = await createTestMachine(hash, 2048);
      const writer = await machine.start("front-end");
      await makeBucket(writer);
      await useVersions(writer);
      const client = new Client(writer);
      for (const one of before) await client.apply(one);
      await writer.stop();
      client.process = await machine.start("front-end");
      const background = await machine.start("background");
      const pending = { scan: beforeScans.toReversed(), commit: beforeCommits.toReversed() };
      // The client does one thing after the other, whatever the background does at once.
      let turn = Promise.resolve();
      const keymap = around(background.keymap, (call) => {
        const one = pending[call].pop();
        if (one !== undefined && one !== null) turn = turn.then(() => client.apply(one));
        return turn;
      });
      const tasks = tasksOf(machine, { ...background, keymap });
      for (let round = 0; round < 5; round++) {
        await tasks.runUntilIdle();
        await machine.platform.clock.advance(1000);
        await renewLease(client.process);
        await renewLease(background);
        await client.verify();
      }
      await client.process.stop();
      client.process = await machine.start("front-end");
      for (let round = 0; round < 3; round++) await tasks.runUntilIdle();
      await client.verify();
      await verifyStore(machine, client.process);
    },
  );
  await fc.assert(property, { numRuns: 25 });
});
