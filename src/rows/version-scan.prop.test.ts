import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { type BucketId, noId } from "../format/ids.ts";
import { encodeObjectRow } from "../format/object-row.ts";
import { headKey, versionKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { openTestKeymap } from "../keymap/testing/open-test-keymap.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { allVersions, positionOf, scanVersionPages, versionsOfKey } from "./version-scan.ts";

const platform = createTestPlatform(createHash());
const bucket = 3 as BucketId;
const names = ["a", "a\0", "a\0b", "b"];

function rowOf(order: number): Uint8Array {
  return encodeObjectRow({
    kind: "object",
    order,
    nullVersion: false,
    nullOrder: undefined,
    modifiedMs: 0,
    size: 0,
    md5: new Uint8Array(16),
    partCount: 0,
    checksum: undefined,
    attributes: {
      headers: [],
      metadata: [],
      tags: [],
      owner: "",
      account: "",
      storageClass: "",
      encryption: undefined,
      lock: undefined,
    },
    blob: noId,
    upload: undefined,
    data: { kind: "empty" },
  });
}

/** Keys with versions, as rows: the newest is the head. */
class Rows {
  readonly keymap: Keymap;
  readonly orders = new Map<string, number[]>(names.map((name) => [name, []]));
  #order = 0;

  constructor(keymap: Keymap) {
    this.keymap = keymap;
  }

  async push(name: string): Promise<void> {
    const key = encodeUtf8(name);
    const orders = this.orders.get(name)!;
    const [head] = orders;
    orders.unshift(++this.#order);
    const puts = [{ key: headKey(bucket, key), value: rowOf(this.#order) }];
    if (head !== undefined) puts.push({ key: versionKey(bucket, key, head), value: rowOf(head) });
    await this.#commit(puts, []);
  }

  async pop(name: string): Promise<void> {
    const key = encodeUtf8(name);
    const orders = this.orders.get(name)!;
    orders.shift();
    const [next] = orders;
    if (next === undefined) return this.#commit([], [headKey(bucket, key)]);
    const puts = [{ key: headKey(bucket, key), value: rowOf(next) }];
    return this.#commit(puts, [versionKey(bucket, key, next)]);
  }

  async #commit(puts: { key: Uint8Array; value: Uint8Array }[], deletes: Uint8Array[]) {
    const id = this.keymap.session.nextChangeId();
    await this.keymap.partitions[0]!.commit({ id, checks: [], puts, deletes });
  }

  positions(): string[] {
    return [...this.orders].flatMap(([name, orders]) =>
      orders.map((order) => toHex(versionKey(bucket, encodeUtf8(name), order))),
    );
  }
}

test("C5: a scan of versions meets each that stays just once and in order, however they move meanwhile", async () => {
  const move = fc.record({ name: fc.constantFrom(...names), isPush: fc.boolean() });
  const property = fc.asyncProperty(
    fc.array(move, { maxLength: 20 }),
    fc.array(fc.array(move, { maxLength: 4 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 4 }),
    fc.option(fc.constantFrom(...names), { nil: undefined }),
    async (before, between, limit, only) => {
      const engines = new Map([["main", createMemoryEngine()]]);
      const rows = new Rows(await openTestKeymap({ platform, engines, role: "tool" }));
      const [partition] = rows.keymap.partitions;
      const apply = ({ name, isPush }: { name: string; isPush: boolean }) =>
        isPush ? rows.push(name) : rows.pop(name);
      for (const one of before) await apply(one);
      let stayed = new Set(rows.positions());
      const range = only === undefined ? allVersions() : versionsOfKey(bucket, encodeUtf8(only));
      const met: string[] = [];
      let turn = 0;
      for await (const page of scanVersionPages(partition!, range, limit)) {
        assert.ok(page.length <= limit);
        met.push(...page.map((version) => toHex(positionOf(version))));
        for (const one of between[turn++] ?? []) {
          await apply(one);
          stayed = stayed.intersection(new Set(rows.positions()));
        }
      }
      assert.deepEqual(met, [...new Set(met)].toSorted(), "each once and in order");
      const inRange = [...stayed].filter((position) => {
        return (
          only === undefined ||
          position.startsWith(toHex(versionsOfKey(bucket, encodeUtf8(only)).older.start))
        );
      });
      assert.deepEqual(
        inRange.filter((position) => !met.includes(position)),
        [],
      );
    },
  );
  await fc.assert(property, { numRuns: 300 });
});
