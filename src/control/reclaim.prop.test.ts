import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UploadId } from "../format/ids.ts";
import { renewLease } from "../keymap/leases.ts";
import { createHash } from "../node/platform/hash.ts";
import { checkStore } from "./check.ts";
import {
  abort,
  beginUpload,
  complete,
  leaveChunks,
  makeBucket,
  putChunks,
  putPart,
  read,
  remove,
} from "./testing/objects.ts";
import type { TestMachine, TestProcess, TestTasks } from "./testing/processes.ts";
import { Killed, createTestMachine, tasksOf } from "./testing/processes.ts";
import { survey } from "./testing/survey.ts";

/*
 * One client, any history of puts, parts, deletes, deaths of either process and background work in
 * between, against a Map. What was answered is there with its bytes at any time; in the end nothing
 * is left that is not.
 */

const hash = createHash();

type Step =
  | { readonly kind: "put" | "leave"; readonly name: string; readonly chunks: number }
  | { readonly kind: "remove" | "complete" | "abort"; readonly name: string }
  | { readonly kind: "part"; readonly name: string; readonly part: number; readonly chunks: number }
  | { readonly kind: "background"; readonly steps: number; readonly dieAt: number }
  | { readonly kind: "restart"; readonly how: "kill" | "stop" };

const name = fc.constantFrom("a", "b", "c");
// Up to 16 chunks stand in a row, more in a manifest.
const chunks = fc.constantFrom(1, 2, 5, 17, 20);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put"), name, chunks }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave"), name, chunks }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("remove", "complete"), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort"), name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("part"),
      name,
      part: fc.integer({ min: 1, max: 3 }),
      chunks,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("background"),
      steps: fc.integer({ min: 1, max: 10 }),
      dieAt: fc.oneof(fc.constant(1000), fc.integer({ min: 0, max: 30 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("restart"), how: fc.constantFrom("kill", "stop") }),
  },
) as fc.Arbitrary<Step>; // each record is one of the kinds

class ReclaimHistory {
  readonly machine: TestMachine;
  front: TestProcess;
  background: TestProcess;
  tasks: TestTasks;
  readonly objects = new Map<string, string>();
  readonly uploads = new Map<string, { id: UploadId; parts: Map<number, string> }>();
  #written = 0;

  constructor(machine: TestMachine, front: TestProcess, background: TestProcess) {
    this.machine = machine;
    this.front = front;
    this.background = background;
    this.tasks = tasksOf(machine, background);
  }

  #chunks(count: number): string[] {
    const id = this.#written++;
    return Array.from({ length: count }, (_, i) => `${id}.${i} `.repeat(1 + ((id + i) % 5)));
  }

  async apply(one: Step): Promise<void> {
    switch (one.kind) {
      case "put": {
        const bytes = this.#chunks(one.chunks);
        await putChunks(this.front, one.name, bytes);
        this.objects.set(one.name, bytes.join(""));
        return;
      }
      case "leave":
        return leaveChunks(this.front, one.name, this.#chunks(one.chunks));
      case "remove":
        await remove(this.front, one.name);
        this.objects.delete(one.name);
        return;
      case "part":
        return this.#part(one.name, one.part, one.chunks);
      case "complete":
      case "abort":
        return this.#end(one.name, one.kind);
      case "background":
        return this.#work(one.steps, one.dieAt);
      case "restart":
        if (one.how === "stop") await this.front.stop();
        else this.front.kill();
        this.front = await this.machine.start("front-end");
    }
  }

  async #part(key: string, part: number, count: number): Promise<void> {
    const upload = this.uploads.get(key) ?? {
      id: await beginUpload(this.front, key),
      parts: new Map<number, string>(),
    };
    const bytes = this.#chunks(count);
    await putPart(this.front, key, upload.id, part, bytes);
    upload.parts.set(part, bytes.join(""));
    this.uploads.set(key, upload);
  }

  async #end(key: string, how: "complete" | "abort"): Promise<void> {
    const upload = this.uploads.get(key);
    if (upload === undefined) return;
    this.uploads.delete(key);
    if (how === "abort") return abort(this.front, key, upload.id);
    await complete(this.front, key, upload.id);
    const parts = [...upload.parts].toSorted(([a], [b]) => a - b);
    this.objects.set(key, parts.map(([, bytes]) => bytes).join(""));
  }

  async #work(steps: number, dieAt: number): Promise<void> {
    const { signal } = new AbortController();
    this.background.dieAtCommit(dieAt);
    try {
      for (let i = 0; i < steps; i++) {
        await this.machine.platform.clock.advance(1000);
        await renewLease(this.front);
        for (const task of this.tasks.tasks) await task.step(signal);
      }
      this.background.dieAtCommit(Infinity);
    } catch (thrown) {
      if (!(thrown instanceof Killed)) throw thrown;
      await this.restartBackground();
    }
  }

  async rest(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await this.tasks.runUntilIdle();
      await this.machine.platform.clock.advance(1000);
      await renewLease(this.front);
    }
  }

  async restartBackground(): Promise<void> {
    this.background.kill();
    this.background = await this.machine.start("background");
    // Objects across two extents have manifests that no compaction can make without leaving dead
    // ones behind.
    this.tasks = tasksOf(this.machine, this.background, { deadShare: 0.25 });
  }

  async verify(): Promise<void> {
    for (const key of ["a", "b", "c"]) {
      assert.equal(await read(this.front, key), this.objects.get(key), key);
    }
  }
}

test("C5: whatever happens in whichever order, nothing is lost, and what is dead is reclaimed", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 5, maxLength: 40 }),
    async (steps) => {
      const machine = await createTestMachine(hash, 8192);
      const front = await machine.start("front-end");
      await makeBucket(front);
      const history = new ReclaimHistory(machine, front, await machine.start("background"));
      for (const one of steps) {
        await history.apply(one);
        await history.verify();
      }
      for (let round = 0; round < 4; round++) {
        await history.apply({ kind: "restart", how: "kill" });
        await history.restartBackground();
        await history.rest();
      }
      await history.verify();
      const { signal } = new AbortController();
      const { problems } = await checkStore({ ...history.front, signal });
      assert.deepEqual(problems, []);
      const found = await survey(machine, history.front);
      assert.deepEqual([found.undrained, found.miscounted], [0, []]);
      assert.ok(found.deadBytes <= 0.3 * (found.aliveBytes + found.deadBytes), "much is left");
    },
  );
  await fc.assert(property, { numRuns: 20 });
});
