import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { StoreError } from "../../base/errors.ts";
import { chainFrom } from "../../engine/commit-chain.ts";
import type { CommitLog } from "../../engine/commit-log.ts";
import { readRow } from "../../engine/engine.ts";
import { ChangeMaker, bytesOf } from "../../engine/suite/rows.suite.ts";
import { findRecords, findSegments, LogRecordReader } from "../../extent/log-scan.ts";
import { firstLogPosition } from "../../format/commit-record.ts";
import { logQuorumKey } from "../../format/row-keys.ts";
import { createHash } from "../platform/hash.ts";
import { openTestIndex } from "../testing/test-index.ts";
import { openTestLog, testLogDisks, testLogStore } from "../testing/test-log.ts";

const hash = createHash();

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-log-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A log whose appends wait until they are let go, or fail. */
function heldLog() {
  const appends: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const log: CommitLog = {
    stamp: () => ({ generation: 1, instantUs: 1, wallMs: 1 }),
    append: () => new Promise((resolve, reject) => void appends.push({ resolve, reject })),
    close: () => Promise.resolve(),
  };
  const next = async () => {
    for (;;) {
      const append = appends.shift();
      if (append !== undefined) return append;
      await new Promise((resolve) => void setImmediate(resolve));
    }
  };
  return { log, next };
}

test("commit log: nobody sees a row before the log has it, not even a snapshot of before", async (t) => {
  const { log, next } = heldLog();
  const engine = await openTestIndex(join(directoryOf(t), "index"), { commitLog: log });
  const changes = new ChangeMaker();
  const key = bytesOf("a");
  const valueOf = async (reader: Parameters<typeof readRow>[0] = engine) =>
    (await readRow(reader, key))?.value;
  const first = engine.commit(changes.put({ key, value: bytesOf("1") }));
  const held = await next();
  assert.equal(await valueOf(), undefined);
  held.resolve();
  assert.deepEqual(await first, { outcome: "ok" });
  const snapshot = engine.snapshot();
  const second = engine.commit(changes.put({ key, value: bytesOf("2") }));
  const again = await next();
  assert.deepEqual([await valueOf(), await valueOf(snapshot)], [bytesOf("1"), bytesOf("1")]);
  again.resolve();
  await second;
  assert.deepEqual([await valueOf(), await valueOf(snapshot)], [bytesOf("2"), bytesOf("1")]);
  snapshot.close();
  await engine.close();
});

test("commit log: what it does not take has not happened, and later commits go on", async (t) => {
  const { log, next } = heldLog();
  const engine = await openTestIndex(join(directoryOf(t), "index"), { commitLog: log });
  const changes = new ChangeMaker();
  for (const code of ["storage_full", "unknown"] as const) {
    const commit = engine.commit(changes.put({ key: bytesOf("a"), value: bytesOf("1") }));
    (await next()).reject(new StoreError(code, "the disks took no record"));
    await assert.rejects(commit, { code });
    assert.equal(await readRow(engine, bytesOf("a")), undefined);
  }
  const commit = engine.commit(changes.put({ key: bytesOf("b"), value: bytesOf("2") }));
  (await next()).resolve();
  assert.deepEqual(await commit, { outcome: "ok" });
  assert.deepEqual((await readRow(engine, bytesOf("b")))?.value, bytesOf("2"));
  await engine.close();
});

test("commit log: changes of one group are judged after those before them", async (t) => {
  const { log, next } = heldLog();
  const engine = await openTestIndex(join(directoryOf(t), "index"), { commitLog: log });
  const changes = new ChangeMaker();
  const [a, b] = [bytesOf("a"), bytesOf("b")];
  const blocker = engine.commit(changes.put({ key: bytesOf("z"), value: bytesOf("0") }));
  const held = await next();
  const create = changes.change({
    puts: [{ key: a, value: bytesOf("1") }],
    checks: [{ key: a, expect: "absent" }],
  });
  const replace = changes.change({
    puts: [{ key: a, value: bytesOf("2") }],
    checks: [{ key: a, expect: create.id }],
  });
  const late = changes.change({
    puts: [{ key: b, value: bytesOf("3") }],
    checks: [{ key: a, expect: create.id }],
  });
  const remove = changes.change({ deletes: [a], checks: [{ key: a, expect: replace.id }] });
  const gone = changes.change({
    puts: [{ key: b, value: bytesOf("4") }],
    checks: [{ key: a, expect: "absent" }],
  });
  const commits = [create, replace, late, remove, gone].map((change) => engine.commit(change));
  held.resolve();
  await blocker;
  (await next()).resolve();
  const outcomes = (await Promise.all(commits)).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ["ok", "ok", "conflict", "ok", "ok"]);
  assert.equal(await readRow(engine, a), undefined);
  assert.deepEqual((await readRow(engine, b))?.value, bytesOf("4"));
  await engine.close();
});

test("commit log: it has each commit of several engines, in one chain", async (t) => {
  const directory = directoryOf(t);
  const disks = testLogDisks(directory, 3);
  const path = join(directory, "index");
  const changes = new ChangeMaker();
  const rows = new Map<string, string>();
  for (let round = 0; round < 3; round++) {
    const engine = await openTestIndex(path, { commitLog: openTestLog(disks) });
    const commits = Array.from({ length: 40 }, (_, i) => {
      const [key, value] = [`key ${(i * 7 + round) % 50}`, `value ${i} of ${round}`];
      rows.set(key, value);
      return engine.commit(changes.put({ key: bytesOf(key), value: bytesOf(value) }));
    });
    await Promise.all(commits);
    await engine.close();
  }
  const { segments, doubts } = await findSegments(hash, testLogStore, disks);
  assert.deepEqual(doubts, []);
  const { records } = await findRecords(hash, segments, firstLogPosition);
  const chain = chainFrom(firstLogPosition, records);
  assert.equal(chain.gapBefore, undefined);
  const logged = new Map<string, string>();
  const reader = new LogRecordReader(hash);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  for (const record of chain.records) {
    for (const { puts } of (await reader.read(record)).changes) {
      for (const { key, value } of puts) logged.set(text(key), text(value));
    }
  }
  await reader.close();
  assert.deepEqual(logged, rows);
});

test("C1: commit log: a record stands where the commit before it says", async (t) => {
  const rows: (Uint8Array | undefined)[] = [];
  const log: CommitLog = {
    stamp: () => ({ generation: 1, instantUs: 1, wallMs: 1 }),
    append: async (_sequence, _record, quorumRow) => void rows.push(quorumRow),
    close: () => Promise.resolve(),
  };
  const path = join(directoryOf(t), "index");
  const engines = [
    await openTestIndex(path, { commitLog: log }),
    await openTestIndex(path, { commitLog: log }),
  ];
  const changes = new ChangeMaker();
  for (const [i, key] of [logQuorumKey(), bytesOf("a"), logQuorumKey(), bytesOf("b")].entries()) {
    const value = bytesOf(`quorum ${i}`);
    await engines[i % 2]!.commit(changes.put({ key, value }));
  }
  assert.deepEqual(rows, [undefined, ...[0, 0, 2].map((i) => bytesOf(`quorum ${i}`))]);
  for (const engine of engines) await engine.close();
});
