import assert from "node:assert/strict";
import { isStoreError } from "../../base/errors.ts";
import { noBytes } from "../../base/bytes.ts";
import { readKeysMax, readRow, scanRowsMax } from "../engine.ts";
import type { Bench } from "./rows.suite.ts";
import { asText, bytesOf, everything, textOf } from "./rows.suite.ts";

type Test = (bench: Bench) => Promise<void>;

async function fill({ engine, changes }: Bench, keys: readonly string[]): Promise<void> {
  const puts = keys.map((key) => ({ key: bytesOf(key), value: bytesOf(key) }));
  assert.deepEqual(await engine.commit(changes.put(...puts)), { outcome: "ok" });
}

export const readTests: Record<string, Test> = {
  "read answers each row with its stamp, or undefined": async ({ engine, changes }) => {
    const key = bytesOf("key");
    assert.equal(await readRow(engine, key), undefined);
    const change = changes.put({ key, value: bytesOf("value") });
    await engine.commit(change);
    assert.deepEqual(await readRow(engine, key), {
      key,
      value: bytesOf("value"),
      stamp: change.id,
    });
    assert.equal(await readRow(engine, bytesOf("ke")), undefined);
    assert.equal(await readRow(engine, bytesOf("key0")), undefined);
  },

  "read answers in the order of the keys, and a key asked for twice has its row twice": async (
    bench,
  ) => {
    const { engine } = bench;
    await fill(bench, ["a", "b", "c"]);
    const keys = ["c", "none", "a", "c"].map(bytesOf);
    const rows = await engine.read(keys);
    assert.deepEqual(
      rows.map((row) => row && textOf(row.value)),
      ["c", undefined, "a", "c"],
    );
    for (const [index, row] of rows.entries()) if (row) assert.equal(row.key, keys[index]);
    assert.deepEqual(await engine.read([]), []);
  },

  "C2: the rows of one read are of one moment": async ({ engine, changes }) => {
    const [a, b] = [bytesOf("a"), bytesOf("b")];
    const put = (count: number) => {
      const value = Uint8Array.of(count);
      return engine.commit(changes.put({ key: a, value }, { key: b, value }));
    };
    await put(0);
    let isOver = false;
    const writing = (async () => {
      for (let count = 1; count < 64; count++) await put(count);
      isOver = true;
    })();
    for (let reads = 0; !isOver; reads++) {
      const [first, second] = await engine.read(reads % 2 === 0 ? [a, b] : [b, a]);
      assert.deepEqual(first?.value, second?.value);
      assert.equal(first?.stamp, second?.stamp);
      await new Promise(setImmediate);
    }
    await writing;
  },

  "a read of more than readKeysMax keys is refused": async ({ engine }) => {
    const keys = Array.from({ length: readKeysMax + 1 }, () => bytesOf("k"));
    await assert.rejects(async () => engine.read(keys), { name: "AssertionError" });
    assert.equal((await engine.read(keys.slice(1))).length, readKeysMax);
  },

  "an empty value is a row": async ({ engine, changes }) => {
    await engine.commit(changes.put({ key: bytesOf("k"), value: noBytes }));
    assert.deepEqual((await readRow(engine, bytesOf("k")))?.value, noBytes);
  },

  "bytes given stay the caller's, bytes got become the caller's": async ({ engine, changes }) => {
    const key = bytesOf("key");
    const value = bytesOf("value");
    const committed = engine.commit(changes.put({ key, value }));
    key.fill(0xee);
    value.fill(0xee);
    await committed;
    for (const row of [
      await readRow(engine, bytesOf("key")),
      ...(await engine.scan(everything, { limit: 1 })),
    ]) {
      assert.deepEqual(row?.value, bytesOf("value"));
      row.value.fill(0xdd);
      row.key.fill(0xdd);
    }
    assert.deepEqual((await readRow(engine, bytesOf("key")))?.value, bytesOf("value"));
  },

  "scan takes the start and not the end, in byte order": async (bench) => {
    const { engine } = bench;
    await fill(bench, ["b", "a", "ab", "a\0", "\0", "\xff", "a\xff", "c"]);
    const scan = async (start: string, end: string, limit = 100): Promise<string[]> => {
      const rows = await engine.scan({ start: bytesOf(start), end: bytesOf(end) }, { limit });
      return asText(rows).map((text) => text.slice(0, text.indexOf("=")));
    };
    assert.deepEqual(await scan("a", "b"), ["a", "a\0", "ab", "a\xff"]);
    assert.deepEqual(await scan("a\0", "c"), ["a\0", "ab", "a\xff", "b"]);
    assert.deepEqual(await scan("", "\xff"), ["\0", "a", "a\0", "ab", "a\xff", "b", "c"]);
    assert.deepEqual(await scan("", "\xff\xff", 3), ["\0", "a", "a\0"]);
    assert.deepEqual(await scan("aa", "aa"), []);
    assert.deepEqual(await scan("b", "a"), []);
    assert.deepEqual(await scan("d", "e"), []);
  },

  "a reverse scan gives the same rows from the end": async (bench) => {
    const { engine } = bench;
    await fill(bench, ["b", "a", "ab", "a\0", "\0", "\xff", "a\xff", "c"]);
    const scan = async (start: string, end: string, limit = 100): Promise<string[]> => {
      const range = { start: bytesOf(start), end: bytesOf(end) };
      const rows = await engine.scan(range, { limit, reverse: true });
      return asText(rows).map((text) => text.slice(0, text.indexOf("=")));
    };
    assert.deepEqual(await scan("a", "b"), ["a\xff", "ab", "a\0", "a"]);
    assert.deepEqual(await scan("", "\xff\xff"), [
      "\xff",
      "c",
      "b",
      "a\xff",
      "ab",
      "a\0",
      "a",
      "\0",
    ]);
    assert.deepEqual(await scan("", "\xff"), ["c", "b", "a\xff", "ab", "a\0", "a", "\0"]);
    assert.deepEqual(await scan("a", "c", 2), ["b", "a\xff"]);
    assert.deepEqual(await scan("c", "a"), []);
    assert.deepEqual(await scan("aba", "abb"), []);
  },

  "a scan goes on from where it is asked to, and not for rows past its limit": async (bench) => {
    const { engine } = bench;
    await fill(bench, ["a1", "a2", "b1", "b2", "b3", "c1", "d1"]);
    const range = { start: bytesOf("a"), end: bytesOf("d") };
    const snapshot = engine.snapshot();
    for (const reader of [engine, snapshot]) {
      const scan = async (limit: number, skips: Record<string, string>): Promise<string[]> => {
        const asked: string[] = [];
        const skipTo = ({ key }: { readonly key: Uint8Array }): Uint8Array | undefined => {
          asked.push(textOf(key));
          const to = skips[textOf(key)];
          return to === undefined ? undefined : bytesOf(to);
        };
        const rows = await reader.scan(range, { limit, skipTo });
        const keys = rows.map(({ key }) => textOf(key));
        assert.deepEqual(asked.slice(0, limit - 1), keys.slice(0, limit - 1));
        return keys;
      };
      assert.deepEqual(await scan(9, {}), ["a1", "a2", "b1", "b2", "b3", "c1"]);
      assert.deepEqual(await scan(9, { a1: "b", b1: "c" }), ["a1", "b1", "c1"]);
      assert.deepEqual(await scan(2, { a1: "b2", b2: "c" }), ["a1", "b2"]);
      assert.deepEqual(await scan(9, { a2: "b2", b3: "d" }), ["a1", "a2", "b2", "b3"]);
      assert.deepEqual(await scan(9, { a1: "z" }), ["a1"]);
    }
    snapshot.close();
    const skipTo = (): undefined => undefined;
    await assert.rejects(async () => engine.scan(range, { limit: 1, reverse: true, skipTo }), {
      name: "AssertionError",
    });
  },

  "a scan skips few rows and many alike": async (bench) => {
    const { engine } = bench;
    const group = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${name}${String(i).padStart(2, "0")}`);
    const counts = [1, 2, 4, 5, 6, 1, 30, 3];
    const groups = counts.map((count, i) => group(textOf(Uint8Array.of(0x61 + i)), count));
    await fill(bench, groups.flat());
    const range = { start: bytesOf("a"), end: bytesOf("z") };
    const skipTo = ({ key }: { readonly key: Uint8Array }) => Uint8Array.of(key[0]! + 1);
    for (const limit of [100, counts.length, 3]) {
      const rows = await engine.scan(range, { limit, skipTo });
      const firsts = groups.map(([first]) => first).slice(0, limit);
      assert.deepEqual(
        rows.map(({ key }) => textOf(key)),
        firsts,
      );
    }
    const part = { start: bytesOf("b01"), end: bytesOf("g20") };
    const rows = await engine.scan(part, { limit: 100, skipTo });
    const found = rows.map(({ key }) => textOf(key));
    assert.deepEqual(found, ["b01", "c00", "d00", "e00", "f00", "g00"]);
    assert.equal((await engine.scan(range, { limit: 100 })).length, groups.flat().length);
  },

  "scan limits are whole numbers from 1 to scanRowsMax": async ({ engine }) => {
    for (const limit of [0, -1, 1.5, Number.NaN, scanRowsMax + 1]) {
      await assert.rejects(async () => engine.scan(everything, { limit }), {
        name: "AssertionError",
      });
    }
    assert.deepEqual(await engine.scan(everything, { limit: scanRowsMax }), []);
  },

  "a snapshot shows its moment, whatever is committed after": async (bench) => {
    const { engine, changes } = bench;
    await fill(bench, ["a", "b", "c"]);
    const snapshot = engine.snapshot();
    const changed = { key: bytesOf("a"), value: bytesOf("new") };
    await engine.commit(
      changes.change({
        puts: [changed, { key: bytesOf("bb"), value: noBytes }],
        deletes: [bytesOf("c")],
      }),
    );
    const later = engine.snapshot();
    assert.deepEqual(asText(await snapshot.scan(everything, { limit: 9 })), ["a=a", "b=b", "c=c"]);
    assert.deepEqual((await readRow(snapshot, bytesOf("a")))?.value, bytesOf("a"));
    assert.equal(await readRow(snapshot, bytesOf("bb")), undefined);
    assert.deepEqual(asText(await later.scan(everything, { limit: 9 })), ["a=new", "b=b", "bb="]);
    assert.deepEqual(asText(await engine.scan(everything, { limit: 9 })), ["a=new", "b=b", "bb="]);
    snapshot.close();
    await assert.rejects(
      async () => readRow(snapshot, bytesOf("a")),
      (thrown) => isStoreError(thrown, "unavailable"),
    );
    assert.deepEqual((await readRow(later, bytesOf("a")))?.value, bytesOf("new"));
    later.close();
    later.close();
  },

  "a closed engine answers unavailable": async (bench) => {
    const { engine, changes } = bench;
    await fill(bench, ["a"]);
    const snapshot = engine.snapshot();
    const underWay = engine.commit(changes.put({ key: bytesOf("b"), value: noBytes }));
    const closed = engine.close();
    const unavailable = (thrown: unknown): boolean => isStoreError(thrown, "unavailable");
    await assert.rejects(
      engine.commit(changes.put({ key: bytesOf("c"), value: noBytes })),
      unavailable,
    );
    assert.deepEqual(await underWay, { outcome: "ok" });
    await closed;
    await assert.rejects(async () => readRow(engine, bytesOf("a")), unavailable);
    await assert.rejects(async () => engine.scan(everything, { limit: 1 }), unavailable);
    await assert.rejects(async () => readRow(snapshot, bytesOf("a")), unavailable);
    assert.throws(() => engine.snapshot(), unavailable);
    snapshot.close();
    await engine.close();
  },
};
