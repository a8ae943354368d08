import { StoreError } from "../base/errors.ts";
import type { Change, CommitResult, Engine, Row } from "../engine/engine.ts";
import { prefixedEngine } from "../engine/prefixed-engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import type { MemoryEngine } from "../engine/memory-engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { decodeExtentRow } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import type { Space } from "../format/row-keys.ts";
import { idOfKey, partitionPrefix, space, spaceRange } from "../format/row-keys.ts";
import { firstPartitionId } from "../keymap/first-rows.ts";
import { DamagedRows } from "./engine/damaged-rows.ts";
import { IndexWatch } from "./engine/index-watch.ts";
import { nameOfChange } from "./engine/name-of-change.ts";
import type { SimProcess } from "./process.ts";
import type { SeededRandom } from "./random.ts";

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
  readonly #memory = createMemoryEngine();
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

  /** The engine as one process opens it. */
  open(process: SimProcess): Engine {
    let commits = 0;
    let transactions = 0;
    let conflicts = 0;
    const queue = new CommitQueue(process, this.#random, async (changes) => {
      transactions++;
      const results = await this.#transact(changes);
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
    if (result.outcome === "ok") this.damagedRows.replaced(change);
    const wrong = result.outcome === "ok" ? this.#watch.observe(change) : undefined;
    if (wrong !== undefined) this.#onWrong(wrong);
    return result;
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
  readonly #process: SimProcess;
  readonly #random: SeededRandom;
  readonly #transact: (changes: readonly Change[]) => Promise<CommitResult[]>;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(
    process: SimProcess,
    random: SeededRandom,
    transact: (changes: readonly Change[]) => Promise<CommitResult[]>,
  ) {
    this.#process = process;
    this.#random = random;
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
      const point = [...new Set(changes.map(nameOfChange))].join("+");
      try {
        const delayMs = between(this.#random, transactionMs);
        const results = await this.#process.perform(point, delayMs, () => this.#transact(changes));
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
