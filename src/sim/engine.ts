import { StoreError } from "../base/errors.ts";
import type { Change, CommitResult, Engine, Row } from "../engine/engine.ts";
import { prefixedEngine } from "../engine/prefixed-engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import type { MemoryEngine } from "../engine/memory-engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import type { ReplayTarget } from "../engine/replay.ts";
import { memberOfPath } from "../extent/extent-files.ts";
import { decodeDiskRow, type DiskRow } from "../format/disk-row.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { decodeExtentRow } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import type { Space } from "../format/row-keys.ts";
import { idOfKey, partitionPrefix, space, spaceRange } from "../format/row-keys.ts";
import { firstPartitionId } from "../keymap/first-rows.ts";
import { DamagedRows } from "./engine/damaged-rows.ts";
import { IndexWatch } from "./engine/index-watch.ts";
import { LoggedIndex, type LoggedWith } from "./engine/logged-index.ts";
import { nameOfChange, nameOfChanges } from "./engine/name-of-change.ts";
import type { SimProcess } from "./process.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";

/*
 * The index of a simulated machine: the memory reference, shared by processes as an LMDB
 * environment is. Each process gathers its commits while its last transaction runs; a transaction
 * happens as a whole, at one instant before it is answered, and what is seen is durable. At a kill
 * the transaction under way has happened or never will, and what had not entered one is gone.
 * Outcomes may be lost (`unknown`), and after a failed sync the whole index is out of service for a
 * while.
 */

const transactionMs = [0.2, 2] as const;
const readMs = [0.005, 0.05] as const;
const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
/** Changes that one transaction takes. */
const transactionChangesMax = 64;

export interface SimEngineOptions {
  /** Chance that a commit's outcome is lost: it may have happened. */
  readonly unknownShare: number;
  /** Commits that may wait in one process: those past it are refused (C6). */
  readonly waitingCommitsMax: number;
  /** Parts whose rows one commit may take away (C6). */
  readonly partsPerCommit: number;
  /** Called with changes that must not be. */
  readonly onWrong: (wrong: string) => void;
  /** Called when a process meets a damaged row. */
  readonly onDamageMet: (process: SimProcess) => void;
}

export class SimEngine {
  readonly damagedRows = new DamagedRows();
  /** Commits of an index with a log. */
  readonly logged = new LoggedIndex((change) => this.#observe(change));
  #memory = createMemoryEngine();
  /** The rows that processes find in its place: others while the index is away. */
  #found: MemoryEngine = this.#memory;
  readonly #random: SeededRandom;
  readonly #watch: IndexWatch;
  readonly #onWrong: (wrong: string) => void;
  readonly #onDamageMet: (process: SimProcess) => void;
  #unknownShare: number;
  #waitingMax: number;
  /** True after a failed sync: nothing is answered until it is verified. */
  #outOfService = false;

  constructor(random: SeededRandom, options: SimEngineOptions) {
    this.#random = random;
    this.#watch = new IndexWatch(options.partsPerCommit);
    this.#unknownShare = options.unknownShare;
    this.#waitingMax = options.waitingCommitsMax;
    this.#onWrong = options.onWrong;
    this.#onDamageMet = options.onDamageMet;
  }

  /** The index as it is now, for `replaceBy`. */
  copy(): MemoryEngine {
    return this.#memory.clone();
  }

  /**
   * Processes that are started from now on find this one, into which none may ever commit; until
   * `putBack`.
   */
  replaceBy(other: MemoryEngine): void {
    this.#found = other;
  }

  putBack(): void {
    this.#found = this.#memory;
  }

  /** Puts one of an earlier time in the index's place, which is the right one from now on. */
  async restore(earlier: MemoryEngine): Promise<void> {
    this.#memory = earlier;
    this.#found = earlier;
    this.logged.beginAnew();
    this.#watch.begin(await scanAll(earlier, everything));
  }

  /** A power cut may undo the last commit of an index with a log, or the index is lost as well. */
  harm(how: "undo the last commit" | "lose the index"): void {
    const isFound = this.#found === this.#memory;
    const isLost = how === "lose the index";
    this.#memory = isLost ? createMemoryEngine() : this.logged.undone(this.#memory);
    if (isFound) this.#found = this.#memory;
  }

  /** The rows, to be moved on or made again by the one process that starts the store. */
  replay(): Promise<ReplayTarget> {
    return this.logged.replay(this.#memory);
  }

  /** Called when a process has died: what it held is free. */
  died(process: SimProcess): void {
    this.logged.lock.release(process);
  }

  /** Lets syncs fail until `recover`. */
  fail(): void {
    this.#outOfService = true;
  }

  recover(): void {
    this.#outOfService = false;
  }

  /** No outcome is lost any more, and there is space for all that wait. */
  heal(): void {
    this.recover();
    this.#unknownShare = 0;
    this.#waitingMax = Number.POSITIVE_INFINITY;
  }

  /** The rows of a space as they are, in the system or in the only other partition. */
  rowsIn(spaceByte: Space): Promise<Row[]> {
    const isSystem = spaceByte < space.partitionSelf;
    const engine = isSystem
      ? this.#memory
      : prefixedEngine(this.#memory, partitionPrefix(firstPartitionId));
    return scanAll(engine, spaceRange(spaceByte));
  }

  /** The extent table as it is, for the code that judges or harms the machine. */
  async extents(): Promise<{ id: ExtentId; row: ExtentRow }[]> {
    const rows = await this.rowsIn(space.extents);
    return rows.map(({ key, value }) => ({
      id: idOfKey<ExtentId>(key),
      row: decodeExtentRow(value),
    }));
  }

  /** Somebody makes a file of an extent: its row stated it before (C5). */
  fileIsMade(path: string): void {
    const member = memberOfPath(path);
    if (member === undefined || this.#watch.wasStated(member)) return;
    this.#onWrong(`C5: ${path} is made, and no row ever stated it`);
  }

  /** The registry of disks as it is. */
  async disks(): Promise<DiskRow[]> {
    return (await this.rowsIn(space.disks)).map(({ value }) => decodeDiskRow(value));
  }

  /** The engine as one process opens it. */
  open(process: SimProcess, withLog?: LoggedWith): Engine {
    let commits = 0;
    let transactions = 0;
    let conflicts = 0;
    const queue = new CommitQueue(async (changes) => {
      transactions++;
      const results =
        withLog === undefined
          ? await process.perform(
              nameOfChanges(changes),
              between(this.#random, transactionMs),
              () => this.#transact(changes),
            )
          : await this.#transactLogged(process, withLog, changes);
      for (const { outcome } of results) {
        if (outcome === "ok") commits++;
        else if (outcome === "conflict") conflicts++;
      }
      return results;
    });
    const rows = this.damagedRows.seenBy(() => this.#onDamageMet(process));
    return {
      read: (keys) => this.#read(process, () => rows.read(this.#found, keys)),
      scan: (range, options) => this.#read(process, () => rows.scan(this.#found, range, options)),
      commit: (change) => queue.add(change, this.#waitingMax),
      snapshot: () => {
        this.#assertInService();
        const snapshot = this.#found.snapshot();
        return {
          read: (keys) => this.#read(process, () => rows.read(snapshot, keys)),
          scan: (range, options) => this.#read(process, () => rows.scan(snapshot, range, options)),
          close: () => snapshot.close(),
        };
      },
      verify: () => this.damagedRows.verify(() => this.#read(process, () => Promise.resolve())),
      statistics: () => ({ commits, transactions, conflicts, bytesOnDisk: 0 }),
      close: () => queue.idle(),
    };
  }

  async #read<T>(process: SimProcess, read: () => Promise<T>): Promise<T> {
    return process.perform("index read", between(this.#random, readMs), () => {
      this.#assertInService();
      const answer = read();
      // A failure is met when the answer arrives, and not before.
      void answer.catch(() => undefined);
      return answer;
    });
  }

  async #transact(changes: readonly Change[]): Promise<CommitResult[]> {
    if (this.#outOfService) {
      const cause = new StoreError("io", "the index could not be synced");
      const happens = this.#random.chance(0.5);
      if (happens) await Promise.all(changes.map((change) => this.#apply(change)));
      return changes.map(() => ({ outcome: "unknown", cause }));
    }
    return Promise.all(changes.map((change) => this.#commit(change)));
  }

  /** What `#transact` does, with a log; an outcome that is lost is decided before. */
  async #transactLogged(
    process: SimProcess,
    withLog: LoggedWith,
    changes: readonly Change[],
  ): Promise<CommitResult[]> {
    await process.perform("index write", between(this.#random, transactionMs), () => undefined);
    const lost = changes.map(() => this.#random.chance(this.#unknownShare));
    const isDone = lost.map((isLost) => !isLost || this.#random.chance(0.5));
    const wanted = this.#outOfService ? [] : changes.filter((_, i) => isDone[i]);
    const rows = (): MemoryEngine => this.#memory;
    const results = await this.logged.commit(process, withLog, rows, wanted);
    const cause = new StoreError("io", "the index could not be synced");
    return changes.map((change, i) => {
      const result = results[wanted.indexOf(change)];
      return result === undefined || lost[i] ? { outcome: "unknown", cause } : result;
    });
  }

  async #commit(change: Change): Promise<CommitResult> {
    const lost = this.#random.chance(this.#unknownShare);
    if (!lost) return this.#apply(change);
    if (this.#random.chance(0.5)) await this.#apply(change);
    return { outcome: "unknown", cause: new StoreError("io", "the connection to the index broke") };
  }

  async #apply(change: Change): Promise<CommitResult> {
    if (this.#found !== this.#memory) {
      this.#onWrong(`C9: ${nameOfChange(change)} into an index that does not belong to the disks`);
      return this.#found.commit(change);
    }
    const result = await this.#memory.commit(change);
    if (result.outcome === "ok") this.#observe(change);
    return result;
  }

  #observe(change: Change): void {
    this.damagedRows.replaced(change);
    const wrong = this.#watch.observe(change);
    if (wrong !== undefined) this.#onWrong(wrong);
  }

  #assertInService(): void {
    if (this.#outOfService) {
      throw new StoreError(
        "unavailable",
        "the index waits for its verification after a failed sync",
      );
    }
  }
}

interface Waiting {
  readonly change: Change;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

class CommitQueue {
  readonly #transact: (changes: readonly Change[]) => Promise<CommitResult[]>;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(transact: (changes: readonly Change[]) => Promise<CommitResult[]>) {
    this.#transact = transact;
  }

  add(change: Change, waitingMax: number): Promise<CommitResult> {
    if (this.#waiting.length >= waitingMax) {
      return Promise.reject(new StoreError("overloaded", "too many commits are waiting"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, transactionChangesMax);
      const changes = batch.map(({ change }) => change);
      try {
        const results = await this.#transact(changes);
        for (const [i, waiting] of batch.entries()) waiting.resolve(results[i]!);
      } catch (error) {
        for (const waiting of batch) waiting.reject(error);
      }
    }
    this.#running = undefined;
  }
}

function between(random: SeededRandom, [least, most]: readonly [number, number]): number {
  return least + random.unit() * (most - least);
}
