import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { compareBytes, decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { DataLocation } from "../../format/chunk-ref.ts";
import { createHash } from "../../node/platform/hash.ts";
import { headObject } from "../read/get.ts";
import { isRefusal } from "../refusal.ts";
import { get, ok, put, refusalOf } from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import type { TestStore } from "../testing/test-store.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { allVersions, refOf, remove, walkVersions } from "../testing/versions.ts";
import { setVersioning } from "../bucket/buckets.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";

const hash = createHash();

type State = "off" | "enabled" | "suspended";
interface ModelVersion {
  readonly id: string;
  /** Undefined: a delete marker. */
  readonly text: string | undefined;
  readonly data: DataLocation | undefined;
}

/** S3's words on versions, in the plainest form: a list for each key, newest first. */
class Model {
  readonly keys = new Map<string, ModelVersion[]>();
  readonly freed: DataLocation[] = [];
  state: State = "off";

  of(name: string): readonly ModelVersion[] {
    return this.keys.get(name) ?? [];
  }

  add(name: string, version: ModelVersion): void {
    const isNull = this.state !== "enabled";
    if (isNull) this.take(name, "null");
    this.keys.set(name, [version, ...this.of(name)]);
  }

  take(name: string, id: string): void {
    const [left, taken] = [this.of(name).filter((one) => one.id !== id), this.find(name, id)];
    if (taken?.data !== undefined) this.freed.push(taken.data);
    this.keys.set(name, left);
  }

  find(name: string, id: string): ModelVersion | undefined {
    return this.of(name).find((one) => one.id === id);
  }

  list(prefix: string, delimiter: string): string[] {
    const out: string[] = [];
    const names = [...this.keys.keys()].filter((name) => name.startsWith(prefix));
    names.sort((a, b) => compareBytes(encodeUtf8(a), encodeUtf8(b)));
    for (const name of names) {
      const at = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
      const group = `prefix ${name.slice(0, at + delimiter.length)}`;
      for (const [index, { id, text }] of this.of(name).entries()) {
        const kind = text === undefined ? "deleteMarker" : "object";
        const line = `${name} ${id} ${kind}${index === 0 ? " latest" : ""}`;
        if (at < 0) out.push(line);
        else if (out.at(-1) !== group) out.push(group);
      }
    }
    return out;
  }
}

type Step =
  | { readonly kind: "put" | "remove"; readonly name: string }
  | { readonly kind: "removeVersion"; readonly name: string; readonly nth: number }
  | { readonly kind: "state"; readonly state: "enabled" | "suspended" }
  | { readonly kind: "clock"; readonly ms: number };

const name = fc.constantFrom("a", "b", "b/1", "b/2", "b/2\0", "c");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put"), name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove"), name }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("removeVersion"),
      name,
      nth: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("state"),
      state: fc.constantFrom("enabled", "suspended"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("clock"), ms: fc.integer({ min: -5000, max: 5000 }) }),
  },
) as fc.Arbitrary<Step>; // each record is one of the kinds

class VersionsRun {
  readonly store: TestStore;
  readonly model = new Model();
  #written = 0;

  constructor(store: TestStore) {
    this.store = store;
  }

  async apply(one: Step): Promise<void> {
    const { store, model } = this;
    switch (one.kind) {
      case "put": {
        const text = `${this.#written++}`;
        const { versionId } = ok(await put(store, one.name, text));
        assert.equal(versionId === undefined, model.state === "off");
        const id = versionId ?? "null";
        const at = { bucket: testBucket, key: key(one.name), version: refOf(id), conditions: {} };
        const { data } = ok(await inNamedBucket(store, headObject, at)).row;
        model.add(one.name, { id, text, data });
        return;
      }
      case "remove": {
        const { versionId, deleteMarker } = await remove(store, one.name);
        assert.equal(deleteMarker, model.state !== "off");
        if (versionId === undefined) model.take(one.name, "null");
        else model.add(one.name, { id: versionId, text: undefined, data: undefined });
        return;
      }
      case "removeVersion": {
        const found = model.of(one.name)[one.nth];
        const id = found?.id ?? "null";
        const removed = await remove(store, one.name, id);
        const isMarker = (found ?? model.find(one.name, id))?.text === undefined;
        const isThere = model.find(one.name, id) !== undefined;
        assert.deepEqual(removed, { versionId: id, deleteMarker: isThere && isMarker });
        model.take(one.name, id);
        return;
      }
      case "state":
        ok(await setVersioning(store, testBucket, one.state));
        model.state = one.state;
        return;
      case "clock":
        store.platform.advance(one.ms);
    }
  }

  async verify(limit: number): Promise<void> {
    const { store, model } = this;
    for (const [name, versions] of model.keys) {
      assert.equal(await this.#read(name), versions[0]?.text ?? "noSuchKey");
      for (const { id, text } of versions) {
        assert.equal(await this.#read(name, id), text ?? "isDeleteMarker");
      }
    }
    for (const [prefix, delimiter] of [
      ["", ""],
      ["", "/"],
      ["b", ""],
      ["b/", "2"],
      ["c", "/"],
    ] as const) {
      const query = { prefix: encodeUtf8(prefix), delimiter: encodeUtf8(delimiter) };
      const listed = await walkVersions(store, query, limit);
      assert.deepEqual(listed, model.list(prefix, delimiter), `${prefix} by ${delimiter}`);
    }
    assert.deepEqual(await freedIn(store), refsOf(model.freed));
  }

  async #read(name: string, id?: string): Promise<string> {
    const found = await get(this.store, name, id === undefined ? {} : { version: refOf(id) });
    return isRefusal(found) ? found.refusal : decodeUtf8(found);
  }
}

test("C2, C5: puts, deletes and changes of state do to versions what the model says, and free just what it says", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 3, maxLength: 40 }),
    fc.constantFrom(1, 2, 3, 100),
    async (steps, limit) => {
      const run = new VersionsRun(await createTestStore(hash));
      for (const one of steps) await run.apply(one);
      await run.verify(limit);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test("C2, C5: whatever races, each key's versions are those that were answered, and one creator wins", async () => {
  const states = fc.constantFrom<State>("off", "enabled", "suspended");
  const property = fc.asyncProperty(states, fc.boolean(), async (state, isDeleted) => {
    const store = await createTestStore(hash);
    ok(await put(store, "k", "null"));
    if (state !== "off") ok(await setVersioning(store, testBucket, state));
    if (isDeleted) await remove(store, "k");
    const before = await allVersions(store);
    const other = await store.machine.frontEnd();
    const writers = Array.from({ length: 8 }, (_, index) =>
      put(index % 2 === 0 ? store : other, "k", `${index}`, { kind: "ifAbsent" }),
    );
    const results = await Promise.all(writers);
    const won = results.filter((result) => refusalOf(result) === "not refused");
    assert.equal(won.length, isDeleted ? 1 : 0);
    assert.ok(
      results.every((one) => ["not refused", "preconditionFailed"].includes(refusalOf(one))),
    );
    const more = isDeleted && (state === "enabled" || before.length === 0) ? 1 : 0;
    assert.equal((await allVersions(store)).length, before.length + more);
  });
  await fc.assert(property, { numRuns: 20 });
});

test("C5: of writers and deleters that race in a versioned bucket each leaves its version, or takes its own", async () => {
  const actions = fc.array(fc.constantFrom("put", "remove", "undo"), {
    minLength: 2,
    maxLength: 8,
  });
  const property = fc.asyncProperty(actions, async (kinds) => {
    const store = await createTestStore(hash);
    ok(await setVersioning(store, testBucket, "enabled"));
    const other = await store.machine.frontEnd();
    const left = await Promise.all(
      kinds.map(async (kind, index) => {
        const at = index % 2 === 0 ? store : other;
        if (kind === "remove") return (await remove(at, "k")).versionId;
        const { versionId } = ok(await put(at, "k", `${index}`));
        if (kind === "undo") await remove(at, "k", versionId);
        return kind === "undo" ? undefined : versionId;
      }),
    );
    const listed = (await allVersions(store)).map((line) => line.split(" ")[1]);
    const expected = left.filter((id) => id !== undefined);
    assert.equal(listed.length, expected.length);
    assert.deepEqual(new Set(listed), new Set(expected));
    assert.equal((await freedIn(store)).length, kinds.filter((kind) => kind === "undo").length);
  });
  await fc.assert(property, { numRuns: 60 });
});

test("a listing walked while versions move to the head leaves none out", async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 2, max: 6 }),
    fc.constantFrom(1, 2),
    async (count, limit) => {
      const store = await createTestStore(hash);
      ok(await setVersioning(store, testBucket, "enabled"));
      const ids: (string | undefined)[] = [];
      for (let i = 0; i < count; i++) ids.push(ok(await put(store, "k", `${i}`)).versionId);
      // From the newest on, as the pages go: what is left moves to the head.
      const walk = walkVersions(store, { prefix: encodeUtf8(""), delimiter: undefined }, limit);
      for (const id of ids.slice(1).toReversed()) await remove(store, "k", id);
      const listed = (await walk).map((line) => line.split(" ")[1]);
      assert.ok(listed.includes(ids[0]), "the oldest was there all the time");
    },
  );
  await fc.assert(property, { numRuns: 50 });
});
