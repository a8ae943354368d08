import assert from "node:assert/strict";
import fc from "fast-check";
import { compareBytes, concatBytes } from "../../base/bytes.ts";
import { afterPrefix } from "../../base/bytes.ts";
import { must } from "../../base/assert.ts";
import type { Change, Check, CommitResult, Engine, EngineReader, Row } from "../engine.ts";
import type { Bench, ChangeMaker } from "./rows.suite.ts";
import { textOf } from "./rows.suite.ts";

/*
 * An engine against the plainest thing that could be one: a Map, sorted whenever asked. Few keys,
 * so that they meet; each run has its own prefix, so that one engine serves all runs.
 */

type Model = ReadonlyMap<string, Row>;

const keys = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((bytes) => bytes.map((byte) => [0, 1, 0x61, 0xff][byte % 4]!));
const expectation = fc.constantFrom(
  "asIs" as const,
  "asIs" as const,
  "absent" as const,
  "other" as const,
);
const changeOf = fc.record({
  checks: fc.array(fc.tuple(keys, expectation), { maxLength: 2 }),
  puts: fc.array(fc.tuple(keys, fc.uint8Array({ maxLength: 5 })), { maxLength: 4 }),
  deletes: fc.array(keys, { maxLength: 2 }),
});
const scanOf = fc.record({
  start: fc.oneof(keys, fc.constant(new Uint8Array(0))),
  end: keys,
  limit: fc.integer({ min: 1, max: 12 }),
  reverse: fc.boolean(),
});
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ commit: fc.array(changeOf, { minLength: 1, maxLength: 3 }) }),
    },
    { weight: 3, arbitrary: fc.record({ scan: scanOf }) },
    { weight: 1, arbitrary: fc.record({ read: fc.array(keys, { maxLength: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ snapshot: fc.boolean() }) },
  ),
  { minLength: 1, maxLength: 20 },
);
type Step = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;
type ScanStep = typeof scanOf extends fc.Arbitrary<infer T> ? T : never;
type ChangeStep = typeof changeOf extends fc.Arbitrary<infer T> ? T : never;

export async function agreesWithModel({ engine, changes }: Bench, runs: number): Promise<void> {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const prefix = new Uint8Array(4);
      new DataView(prefix.buffer).setUint32(0, ++run);
      await new ModelRun(engine, changes, prefix).all(list);
    }),
    { numRuns: runs },
  );
}

class ModelRun {
  readonly #engine: Engine;
  readonly #changes: ChangeMaker;
  readonly #prefix: Uint8Array;
  #model: Model = new Map();

  constructor(engine: Engine, changes: ChangeMaker, prefix: Uint8Array) {
    this.#engine = engine;
    this.#changes = changes;
    this.#prefix = prefix;
  }

  async all(list: readonly Step[]): Promise<void> {
    const snapshots = [];
    for (const step of list) {
      if ("commit" in step) await this.#commit(step.commit);
      else if ("scan" in step) await this.#scan(this.#engine, this.#model, step.scan);
      else if ("read" in step) await this.#read(this.#engine, this.#model, step.read);
      else snapshots.push({ reader: this.#engine.snapshot(), model: this.#model });
    }
    const whole = { start: new Uint8Array(0), end: undefined, limit: 1000, reverse: false };
    await this.#scan(this.#engine, this.#model, whole);
    for (const { reader, model } of snapshots) {
      await this.#scan(reader, model, whole);
      await this.#read(
        reader,
        model,
        [...model.values()].map(({ key }) => key.subarray(4)).slice(0, 9),
      );
      reader.close();
    }
  }

  async #read(reader: EngineReader, model: Model, list: readonly Uint8Array[]): Promise<void> {
    const full = list.map((key) => concatBytes([this.#prefix, key]));
    const rows = full.map((key) => model.get(textOf(key)));
    assert.deepEqual(await reader.read(full), rows);
  }

  async #scan(
    reader: EngineReader,
    model: Model,
    scan: Omit<ScanStep, "end"> & { readonly end: Uint8Array | undefined },
  ): Promise<void> {
    const start = concatBytes([this.#prefix, scan.start]);
    const after = must(afterPrefix(this.#prefix), "prefixes count from 1");
    const end = scan.end === undefined ? after : concatBytes([this.#prefix, scan.end]);
    const inside = [...model.values()]
      .filter(({ key }) => compareBytes(start, key) <= 0 && compareBytes(key, end) < 0)
      .toSorted((a, b) => compareBytes(a.key, b.key));
    if (scan.reverse) inside.reverse();
    assert.deepEqual(await reader.scan({ start, end }, scan), inside.slice(0, scan.limit));
  }

  /** Commits them at once; they are judged in the order of the calls. */
  async #commit(list: readonly ChangeStep[]): Promise<void> {
    const expected: CommitResult[] = [];
    const made: Change[] = [];
    for (const each of list) {
      const change = this.#changeOf(each);
      made.push(change);
      expected.push(this.#apply(change));
    }
    const results = await Promise.all(made.map((change) => this.#engine.commit(change)));
    assert.deepEqual(results, expected);
  }

  #changeOf({ checks, puts, deletes }: ChangeStep): Change {
    const full = (key: Uint8Array): Uint8Array => concatBytes([this.#prefix, key]);
    const writes = new Map<string, { key: Uint8Array; value: Uint8Array | undefined }>();
    for (const key of deletes) writes.set(textOf(key), { key: full(key), value: undefined });
    for (const [key, value] of puts) writes.set(textOf(key), { key: full(key), value });
    return this.#changes.change({
      checks: checks.map(([key, kind]): Check => {
        const stamp: Check["expect"] = this.#model.get(textOf(full(key)))?.stamp ?? "absent";
        const expect = { asIs: stamp, absent: "absent" as const, other: this.#changes.nextId() };
        return { key: full(key), expect: expect[kind] };
      }),
      puts: [...writes.values()].flatMap(({ key, value }) =>
        value === undefined ? [] : [{ key, value }],
      ),
      deletes: [...writes.values()].flatMap(({ key, value }) => (value === undefined ? [key] : [])),
    });
  }

  #apply(change: Change): CommitResult {
    const failed = change.checks.find(
      ({ key, expect }) => (this.#model.get(textOf(key))?.stamp ?? "absent") !== expect,
    );
    if (failed !== undefined) return { outcome: "conflict", key: failed.key };
    const next = new Map(this.#model);
    for (const key of change.deletes) next.delete(textOf(key));
    for (const put of change.puts) next.set(textOf(put.key), { ...put, stamp: change.id });
    this.#model = next;
    return { outcome: "ok" };
  }
}
