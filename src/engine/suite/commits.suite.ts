import assert from "node:assert/strict";
import { noBytes } from "../../base/bytes.ts";
import { must } from "../../base/assert.ts";
import { rowKeyBytesMax } from "../../format/limits.ts";
import { readRow, changeRowsMax } from "../engine.ts";
import type { Bench } from "./rows.suite.ts";
import { allRows, asText, bytesOf, everything } from "./rows.suite.ts";

type Test = (bench: Bench) => Promise<void>;

export const commitTests: Record<string, Test> = {
  "a change puts and deletes in one": async ({ engine, changes }) => {
    const [a, b, c] = [bytesOf("a"), bytesOf("b"), bytesOf("c")];
    await engine.commit(changes.put({ key: a, value: a }, { key: b, value: b }));
    const change = changes.change({ puts: [{ key: a, value: c }], deletes: [b, c] });
    assert.deepEqual(await engine.commit(change), { outcome: "ok" });
    assert.deepEqual(await engine.scan(everything, { limit: 9 }), [
      { key: a, value: c, stamp: change.id },
    ]);
  },

  "checks: a stamp, or absent": async ({ engine, changes }) => {
    const [a, b] = [bytesOf("a"), bytesOf("b")];
    const first = changes.change({
      checks: [{ key: a, expect: "absent" }],
      puts: [{ key: a, value: a }],
    });
    assert.deepEqual(await engine.commit(first), { outcome: "ok" });
    const again = { ...first, id: changes.nextId() };
    assert.deepEqual(await engine.commit(again), { outcome: "conflict", key: a });
    const next = changes.change({
      checks: [
        { key: a, expect: first.id },
        { key: b, expect: "absent" },
      ],
      puts: [{ key: b, value: b }],
      deletes: [a],
    });
    assert.deepEqual(await engine.commit(next), { outcome: "ok" });
    const stale = { ...next, id: changes.nextId() };
    assert.deepEqual(await engine.commit(stale), { outcome: "conflict", key: a });
    assert.deepEqual(asText(await allRows(engine)), ["b=b"]);
  },

  "a conflict names the first failed check and changes nothing": async ({ engine, changes }) => {
    const [a, b, c] = [bytesOf("a"), bytesOf("b"), bytesOf("c")];
    await engine.commit(changes.put({ key: a, value: a }));
    const result = await engine.commit(
      changes.change({
        checks: [
          { key: c, expect: "absent" },
          { key: b, expect: changes.nextId() },
          { key: a, expect: "absent" },
        ],
        puts: [{ key: c, value: c }],
        deletes: [a],
      }),
    );
    assert.deepEqual(result, { outcome: "conflict", key: b });
    assert.deepEqual(asText(await allRows(engine)), ["a=a"]);
  },

  "a change of checks alone only answers": async ({ engine, changes }) => {
    const checks = [{ key: bytesOf("a"), expect: "absent" }] as const;
    assert.deepEqual(await engine.commit(changes.change({ checks })), { outcome: "ok" });
    await engine.commit(changes.put({ key: bytesOf("a"), value: noBytes }));
    const result = await engine.commit(changes.change({ checks }));
    assert.deepEqual(result, { outcome: "conflict", key: bytesOf("a") });
  },

  "C2: 64 racing creators have one winner": async ({ engine, changes }) => {
    const key = bytesOf("contended");
    const racers = Array.from({ length: 64 }, () =>
      changes.change({ checks: [{ key, expect: "absent" }], puts: [{ key, value: noBytes }] }),
    );
    const results = await Promise.all(racers.map((change) => engine.commit(change)));
    const winners = racers.filter((_, index) => results[index]?.outcome === "ok");
    assert.equal(winners.length, 1);
    assert.equal(results.filter(({ outcome }) => outcome === "conflict").length, 63);
    assert.equal((await readRow(engine, key))?.stamp, winners[0]?.id);
  },

  "C2: 32 racing counters lose no increment": async ({ engine, changes }) => {
    const key = bytesOf("counter");
    const increment = async (): Promise<void> => {
      for (;;) {
        const row = await readRow(engine, key);
        const result = await engine.commit(
          changes.change({
            checks: [{ key, expect: row?.stamp ?? "absent" }],
            puts: [{ key, value: Uint8Array.of((row?.value[0] ?? 0) + 1) }],
          }),
        );
        if (result.outcome === "ok") return;
      }
    };
    await Promise.all(Array.from({ length: 32 }, increment));
    assert.deepEqual((await readRow(engine, key))?.value, Uint8Array.of(32));
  },

  "commits under way together are judged in order, each on its own": async (bench) => {
    const { engine, changes } = bench;
    const [a, b] = [bytesOf("a"), bytesOf("b")];
    const first = changes.put({ key: a, value: a });
    const refused = changes.change({
      checks: [{ key: a, expect: "absent" }],
      puts: [{ key: b, value: b }],
    });
    const second = changes.change({
      checks: [{ key: a, expect: first.id }],
      puts: [{ key: a, value: b }],
    });
    const results = await Promise.all([first, refused, second].map((each) => engine.commit(each)));
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ["ok", "conflict", "ok"],
    );
    assert.deepEqual(asText(await allRows(engine)), ["a=b"]);
  },

  "a malformed change is refused whole": async ({ engine, changes }) => {
    const key = bytesOf("a");
    const value = noBytes;
    const malformed = [
      changes.put({ key, value }, { key: bytesOf("a"), value }),
      changes.change({ puts: [{ key, value }], deletes: [bytesOf("a")] }),
      changes.change({ deletes: [key, key] }),
      changes.put({ key, value }, { key: noBytes, value }),
      changes.put({ key, value }, { key: new Uint8Array(rowKeyBytesMax + 1), value }),
      changes.change({ deletes: Array.from({ length: changeRowsMax + 1 }, () => key) }),
    ];
    for (const change of malformed) {
      await assert.rejects(engine.commit(change), { name: "AssertionError" });
    }
    assert.deepEqual(await allRows(engine), []);
  },

  "the largest change happens whole": async ({ engine, changes }) => {
    const keys = Array.from({ length: changeRowsMax }, (_, index) => {
      const key = new Uint8Array(8);
      new DataView(key.buffer).setUint32(0, Math.imul(index, 0x9e3779b1) >>> 0);
      return key;
    });
    const change = changes.put(...keys.map((key) => ({ key, value: key })));
    assert.deepEqual(await engine.commit(change), { outcome: "ok" });
    const rows = await allRows(engine);
    assert.equal(rows.length, changeRowsMax);
    assert.ok(rows.every((row) => row.stamp === change.id));
    assert.deepEqual(await engine.commit(changes.change({ deletes: keys })), { outcome: "ok" });
    assert.deepEqual(await allRows(engine), []);
  },

  "large values": async ({ engine, changes }) => {
    for (const size of [4000, 40_000, 70_000, 1_000_000]) {
      const value = Uint8Array.from({ length: size }, (_, index) => index % 251);
      const key = bytesOf(`value of ${size}`);
      await engine.commit(changes.put({ key, value }));
      assert.deepEqual((await readRow(engine, key))?.value, value);
    }
    const rows = await engine.scan(everything, { limit: 9 });
    assert.equal(
      rows.reduce((sum, row) => sum + row.value.length, 0),
      1_114_000,
    );
  },

  "statistics count what this instance answered": async ({ engine, changes }) => {
    const key = bytesOf("a");
    const change = changes.change({
      checks: [{ key, expect: "absent" }],
      puts: [{ key, value: noBytes }],
    });
    await Promise.all([change, { ...change, id: changes.nextId() }].map((c) => engine.commit(c)));
    await engine.commit(changes.put({ key, value: noBytes }));
    const { commits, conflicts, transactions, bytesOnDisk } = engine.statistics();
    assert.deepEqual({ commits, conflicts }, { commits: 2, conflicts: 1 });
    assert.ok(transactions >= 1 && transactions <= commits, `${transactions} transactions`);
    assert.ok(bytesOnDisk >= 0);
  },

  "a commit is seen by the reads after it": async ({ engine, changes }) => {
    for (let round = 0; round < 50; round++) {
      const key = Uint8Array.of(1, round);
      const before = await engine.scan(everything, { limit: 100 });
      await engine.commit(changes.put({ key, value: noBytes }));
      must(await readRow(engine, key), "the row just committed");
      const after = await engine.scan(everything, { limit: 100 });
      assert.equal(after.length, before.length + 1);
    }
  },
};
