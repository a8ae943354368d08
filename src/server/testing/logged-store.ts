import type { Engine } from "../../engine/engine.ts";
import { createLoggedEngine, replayOf } from "../../engine/logged-engine.ts";
import type { MemoryEngine } from "../../engine/memory-engine.ts";
import { createMemoryEngine } from "../../engine/memory-engine.ts";
import { bytesOf, ChangeMaker } from "../../engine/suite/rows.suite.ts";
import { IndexSnapshots } from "../../control/index-snapshots.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { localLogDisks } from "../../extent/local-log-members.ts";
import { planLogQuorum } from "../../extent/log-quorum.ts";
import { MountedDisks } from "../../extent/mounted-disks.ts";
import { logWriterOf } from "../../extent/testing/log-writer.ts";
import { settle } from "../../extent/testing/manual-clock.ts";
import { TestStore } from "../../extent/testing/test-store.ts";
import type { DiskLabels } from "../../format/disk-labels.ts";
import { type DiskRow, encodeDiskRow, newDiskRow } from "../../format/disk-row.ts";
import { encodeLogQuorumRow } from "../../format/log-quorum-row.ts";
import { logHeaderBytes } from "../../format/log-segment.ts";
import { diskKey, logQuorumKey } from "../../format/row-keys.ts";
import { makeFirstRows } from "../../keymap/first-rows.ts";
import type { Hash } from "../../platform/hash.ts";
import { type NewIndex, rebuildIndex, type RecoveryOptions } from "../index-recovery.ts";

/** A store in memory whose index has a log, and whose processes come and go. */
export class LoggedStore {
  readonly store: TestStore;
  readonly changes = new ChangeMaker();
  rows: MemoryEngine = createMemoryEngine();
  engine: Engine;
  readonly disks: MountedDisks;
  #writers = 0;

  readonly #hash: Hash;
  readonly #aheadBytes: number | undefined;

  /** @param aheadBytes zeros written ahead of the log's records at a time. */
  constructor(hash: Hash, store: TestStore, aheadBytes?: number) {
    this.#hash = hash;
    this.#aheadBytes = aheadBytes;
    this.store = store;
    this.disks = new MountedDisks(store.disks.store, store.disks.disks);
    this.engine = this.#open();
  }

  static async create(hash: Hash, disks: number, aheadBytes?: number): Promise<LoggedStore> {
    const logged = new LoggedStore(hash, await TestStore.create(hash, disks), aheadBytes);
    const { platform, disks: extentDisks } = logged.store;
    const first = { platform, engine: logged.engine, engineName: "main" };
    await makeFirstRows({ ...first, store: extentDisks.store });
    return logged;
  }

  /** The registry has the disks, with these labels, and the log the quorum that suits them. */
  async label(labels: readonly DiskLabels[]): Promise<void> {
    const { disks } = this.disks;
    const rows = disks.map(({ id }, i): DiskRow => {
      return newDiskRow({ disk: id, addedMs: 0, name: `/d${i}`, labels: labels[i] ?? {} });
    });
    this.disks.set(disks, new Map(rows.map((row) => [row.disk, row])));
    const puts = rows.map((row) => ({ key: diskKey(row.disk), value: encodeDiskRow(row) }));
    const quorum = planLogQuorum(rows, rows[0]!.disk);
    if (quorum !== undefined) {
      puts.push({ key: logQuorumKey(), value: encodeLogQuorumRow(quorum) });
    }
    await this.engine.commit(this.changes.change({ puts }));
    await settle();
  }

  #open(): Engine {
    const { disks } = this;
    const { clock } = this.store;
    const log = logWriterOf(this.#hash, this.store, {
      on: disks,
      disks: () => localLogDisks(this.#hash, disks, this.#aheadBytes),
      writer: (++this.#writers).toString(16).padStart(16, "0"),
      instantUs: () => clock.monotonicMs() * 1000 + this.#writers,
      segmentBytes: logHeaderBytes + 6 * 512,
    });
    return createLoggedEngine(this.rows, log, this.#hash);
  }

  /** Another process goes on with the rows. */
  reopen(rows = this.rows): void {
    this.rows = rows;
    this.engine = this.#open();
  }

  async commit(key: number, value: number | undefined): Promise<void> {
    const bytes = bytesOf(`key ${key}`);
    const change =
      value === undefined
        ? this.changes.change({ deletes: [bytes] })
        : this.changes.put({ key: bytes, value: bytesOf(`value ${value}`) });
    await this.engine.commit(change);
    await settle();
  }

  async snapshot(): Promise<void> {
    const { platform } = this.store;
    const task = new IndexSnapshots({ platform, index: this.engine, disks: this.disks });
    task.ask();
    while ((await task.step()) === "busy");
    await settle();
  }

  /** The rows as snapshot and log have them, without some disks. */
  async rebuilt(
    without: readonly number[] = [],
    options: Partial<RecoveryOptions> = {},
  ): Promise<MemoryEngine> {
    const { platform, disks } = this.store;
    const seen: ExtentDisks = {
      store: disks.store,
      disks: disks.disks.filter((_, i) => !without.includes(i)),
    };
    let made = createMemoryEngine();
    await rebuildIndex({ platform, disks: seen, ...options }, async () => {
      made = createMemoryEngine();
      return newIndexOf(made);
    });
    return made;
  }
}

export async function newIndexOf(rows: MemoryEngine): Promise<NewIndex> {
  const target = await replayOf(rows);
  const giveUp = { giveUp: () => Promise.resolve() };
  return Object.defineProperties(giveUp, Object.getOwnPropertyDescriptors(target)) as NewIndex;
}
