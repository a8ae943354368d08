import { unlinkSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { scanAll } from "../../engine/scan-pages.ts";
import type { CommitLog } from "../../engine/commit-log.ts";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import { bytesOf, ChangeMaker } from "../../engine/suite/rows.suite.ts";
import { composeId } from "../../format/ids.ts";
import type { ChangeId, SessionId } from "../../format/ids.ts";
import type { LmdbEngine } from "./lmdb-engine.ts";
import { openTestIndex } from "../testing/test-index.ts";
import { openEnvironment } from "./environment.ts";
import { knownChange } from "./known-changes.suite.ts";
import { readRow } from "../../engine/engine.ts";

/*
 * A process for tests: opens the environment and does one job. What it says it says with one write
 * to its standard output, at once, so that a trace of its system calls shows when.
 *
 *     engine-process.suite.ts PATH JOB [ARGUMENT …]
 */

const say = (line: string): void => void writeSync(1, `${line}\n`);

type Job = (engine: LmdbEngine, ...words: string[]) => Promise<void>;

const jobs: Readonly<Record<string, Job>> = {
  /**
   * Makes the known changes FIRST to LAST, AT_ONCE at a time. Says `ack N` or what else came of
   * it.
   */
  async commit(engine, first, last, atOnce) {
    for (let next = Number(first); next <= Number(last); next += Number(atOnce)) {
      const count = Math.min(Number(atOnce), Number(last) + 1 - next);
      await Promise.all(
        Array.from({ length: count }, (_, index) => commitKnown(engine, next + index)),
      );
    }
  },

  /** Does what `commit` does, with a log that takes each record at once: so syncs are its own. */
  commitLogged: (...given) => jobs["commit"]?.(...given) ?? Promise.resolve(),

  /**
   * Increments a counter COUNT times by compare-and-set, eight at a time, each with a row of its
   * own that makes the file grow; SESSION makes the change ids.
   */
  async count(engine, count, session) {
    let left = Number(count);
    let ids = 0;
    const nextId = (): ChangeId => composeId(Number(session) as SessionId, ++ids);
    const run = async (): Promise<void> => {
      while (left-- > 0) await increment(engine, nextId);
    };
    await Promise.all(Array.from({ length: 8 }, run));
  },

  /** Puts one row, once. */
  async put(engine, key, value) {
    const puts = [{ key: bytesOf(key ?? ""), value: bytesOf(value ?? "") }];
    say((await engine.commit(new ChangeMaker().change({ puts }))).outcome);
  },

  /**
   * Puts a row that is not synced in time; says what the engine answered, and when the row is
   * there.
   */
  async putLate(engine) {
    const key = bytesOf("late");
    await engine.commit(new ChangeMaker().put({ key, value: key })).catch((thrown: unknown) => {
      say(isStoreError(thrown) ? thrown.code : messageOf(thrown));
    });
    while ((await readRow(engine, key)) === undefined) await setTimeout(50);
    say("there");
  },

  /** Stops itself in the middle of a transaction, with the lock of the environment's writer. */
  async stopInWrite() {
    openEnvironment(path).transactionSync(() => process.kill(process.pid, "SIGSTOP"));
  },

  /** Exits in the middle of commits, as an uncaught error would make it. */
  async exit(engine, first, last) {
    const commits = jobs["commit"]?.(engine, first ?? "", last ?? "", "8");
    await setTimeout(50);
    process.exit(3);
    await commits;
  },

  /** Begins a snapshot and holds it until killed. */
  async hold(engine) {
    await readRow(engine.snapshot(), bytesOf("k"));
    say("holding");
    await setTimeout(60_000);
  },

  /**
   * Fills the file system it stands on, then deletes, then frees space by removing BALLAST, then
   * writes again.
   */
  async fillDisk(engine, ballast) {
    const changes = new ChangeMaker();
    const keyOf = (index: number): Uint8Array => Uint8Array.of(1, index >> 8, index & 255);
    const put = (index: number) =>
      engine.commit({
        ...changes.put({ key: keyOf(index), value: new Uint8Array(4000).fill(index) }),
        leavesReserve: true,
      });
    let count = 0;
    try {
      for (; ; count++) await put(count);
    } catch (thrown) {
      say(`after ${count} puts: ${isStoreError(thrown) ? thrown.code : messageOf(thrown)}`);
    }
    for (let index = 0; index < count; index++) {
      const row = await readRow(engine, keyOf(index));
      if (row?.value[0] !== (index & 255)) throw new StoreError("io", `row ${index} is not there`);
    }
    // All at once, since that needs most: half of the reserve is there for it.
    const deletes = Array.from({ length: 50 }, (_, index) => keyOf(index));
    await engine.commit(changes.change({ deletes }));
    for (let index = 50; index < 100; index++) {
      await engine.commit(changes.change({ deletes: [keyOf(index)] }));
    }
    say("deleted 100 rows");
    unlinkSync(ballast ?? "");
    for (let index = count; index < count + 200; index++) await put(index);
    say("put 200 rows after space was freed");
    const reads = await scanAll(engine, { start: keyOf(0), end: keyOf(65_535) });
    say(reads.length === count + 100 ? "all rows are there" : `${reads.length} rows`);
  },
};

async function commitKnown(engine: LmdbEngine, n: number): Promise<void> {
  try {
    const { outcome } = await engine.commit(knownChange(n));
    say(outcome === "ok" ? `ack ${n}` : `${outcome} ${n}`);
  } catch (thrown) {
    say(`${isStoreError(thrown) ? thrown.code : messageOf(thrown)} ${n}`);
  }
}

async function increment(engine: LmdbEngine, nextId: () => ChangeId): Promise<void> {
  const key = bytesOf("counter");
  for (;;) {
    const row = await readRow(engine, key);
    const before = row?.value ?? new Uint8Array(4);
    const value = new Uint8Array(4);
    const count = new DataView(before.buffer, before.byteOffset).getUint32(0) + 1;
    new DataView(value.buffer).setUint32(0, count);
    const own = { key: bytesOf(`row ${count}`), value: new Uint8Array(2500).fill(count) };
    const checks = [{ key, expect: row?.stamp ?? ("absent" as const) }];
    const change = { id: nextId(), checks, puts: [{ key, value }, own], deletes: [] };
    if ((await engine.commit(change)).outcome === "ok") return;
  }
}

const readyLog: CommitLog = {
  stamp: () => ({ generation: 1, instantUs: 1, wallMs: 1 }),
  append: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

const [path = "", job = "", ...words] = process.argv.slice(2);
const engine = await openTestIndex(path, {
  reserveBytes: 1024 * 1024,
  commitLog: job === "commitLogged" ? readyLog : undefined,
  commitWaitMs: job === "putLate" ? 500 : undefined,
  onFailed: () => say("failed sync"),
});
say("ready");
await jobs[job]?.(engine, ...words);
await engine.close();
say("closed");
