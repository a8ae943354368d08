import { StoreError, messageOf } from "../../base/errors.ts";
import type { Change, Check, CommitResult } from "../../engine/engine.ts";
import { sealRow, stampOfRow } from "../../format/row-envelope.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";
import { saysFull, saysIo, toStoreError } from "./failures.ts";

/*
 * Group commit. Changes wait in a queue; one LMDB transaction at a time takes what has gathered, judges each
 * change on its own against what stands there with the changes before it, writes those that hold, and is synced
 * once; then all are answered. Two transactions at a time would not help: LMDB has one writer, whatever the process.
 *
 * What a failure means:
 * - An error while judging or writing: LMDB marks the transaction, so it ends without a trace. Not happened.
 * - No room, found while pages were being written: the transaction ends, the meta page was not touched. Not
 *   happened. Each change of the group is tried once more on its own, so one that needs no room (LMDB reuses
 *   free pages) does not fail with one that does.
 * - Anything else from the commit itself: a write or sync failed. Perhaps the meta page is on the disk, perhaps not;
 *   what the disk keeps from then on is not known. The group is answered `unknown`, and no more is taken.
 */

/** Changes that may wait. At 25,000 commits/s the last of them waits 160 ms. */
export const queueChangesMax = 4096;
/** Bytes that may wait, though a single larger change finds place when nothing else waits. */
export const queueBytesMax = 64 * 1024 * 1024;
/** Rows of one group, though a single larger change is taken: 10 µs a row, so 20 ms of this thread. */
const groupRowsMax = 2048;
/** A cut-short write is reported as an I/O error. With less room than this we take it for a full disk. */
const roomMin = 16 * 1024 * 1024;

export interface GroupCommitHost {
  readonly database: Database;
  readonly hash: Hash;
  /** For messages. */
  readonly what: string;
  /** Bytes free where the environment is. */
  room(): Promise<number>;
  /** Called once: nothing more may be read or written until the environment was verified. */
  failed(cause: unknown): void;
}

interface SealedChange {
  readonly checks: readonly Check[];
  readonly puts: readonly { readonly key: Uint8Array; readonly sealed: Uint8Array }[];
  readonly deletes: readonly Uint8Array[];
  readonly rows: number;
  readonly bytes: number;
}

interface Waiting {
  readonly change: SealedChange;
  readonly answer: (result: CommitResult) => void;
  readonly refuse: (error: StoreError) => void;
}

export class GroupCommit {
  readonly #host: GroupCommitHost;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  #failed = false;
  #commits = 0;
  #conflicts = 0;
  #transactions = 0;

  constructor(host: GroupCommitHost) {
    this.#host = host;
  }

  get counts(): { commits: number; conflicts: number; transactions: number } {
    return {
      commits: this.#commits,
      conflicts: this.#conflicts,
      transactions: this.#transactions,
    };
  }

  /** The bytes of `change` are copied before this returns. */
  async commit(change: Change): Promise<CommitResult> {
    const sealed = seal(this.#host.hash, change);
    const { length } = this.#queue;
    const fits = length === 0 || this.#queueBytes + sealed.bytes <= queueBytesMax;
    if (length >= queueChangesMax || !fits) {
      throw new StoreError("overloaded", `${this.#host.what}: ${length} commits are waiting`);
    }
    return await new Promise<CommitResult>((answer, refuse) => {
      this.#queue.push({ change: sealed, answer, refuse });
      this.#queueBytes += sealed.bytes;
      this.#running ??= this.#run();
    });
  }

  /** Resolves once nothing waits. */
  async drained(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#take();
      const full = await this.#runGroup(group);
      if (full === undefined) continue;
      for (const waiting of group) {
        const stillFull = group.length === 1 ? full : await this.#runGroup([waiting]);
        if (stillFull !== undefined) waiting.refuse(stillFull);
      }
    }
    this.#running = undefined;
  }

  #take(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { change } of this.#queue) {
      rows += change.rows;
      if (count > 0 && rows > groupRowsMax) break;
      count++;
      this.#queueBytes -= change.bytes;
    }
    return this.#queue.splice(0, count);
  }

  /** Answers all of the group, unless there was no room: then returns that, and nothing has happened. */
  async #runGroup(group: readonly Waiting[]): Promise<StoreError | undefined> {
    if (this.#failed) {
      refuseAll(group, new StoreError("unavailable", `${this.#host.what}: awaits verification`));
      return undefined;
    }
    const attempt: Attempt = { results: [], wrote: false, error: undefined };
    let refusal: { readonly cause: unknown } | undefined;
    try {
      await this.#host.database.transaction(() => judgeAll(this.#host.database, group, attempt));
    } catch (thrown) {
      refusal = { cause: await commitCause(thrown) };
    }
    if (attempt.error !== undefined) {
      const partial = attempt.wrote && refusal === undefined;
      if (partial) return this.#giveUp(group, attempt.error);
      return this.#judgingFailed(group, attempt.error);
    }
    if (refusal !== undefined) return await this.#commitFailed(group, refusal.cause);
    if (attempt.wrote) this.#transactions++;
    for (const [index, waiting] of group.entries()) {
      const result = attempt.results[index]!;
      if (result.outcome === "ok") this.#commits++;
      else this.#conflicts++;
      waiting.answer(result);
    }
    return undefined;
  }

  #judgingFailed(group: readonly Waiting[], cause: unknown): StoreError | undefined {
    const error = toStoreError(cause, `${this.#host.what}: commit`);
    if (error.code === "storage_full") return error;
    refuseAll(group, error);
    return undefined;
  }

  async #commitFailed(group: readonly Waiting[], cause: unknown): Promise<StoreError | undefined> {
    const full = saysFull(cause) || (saysIo(cause) && (await this.#host.room()) < roomMin);
    if (full && canBegin(this.#host.database)) {
      const message = `${this.#host.what}: ${messageOf(cause)} (make room on this file system)`;
      return new StoreError("storage_full", message, { cause });
    }
    return this.#giveUp(group, cause);
  }

  #giveUp(group: readonly Waiting[], cause: unknown): undefined {
    this.#failed = true;
    for (const waiting of group) waiting.answer({ outcome: "unknown", cause });
    this.#host.failed(cause);
  }
}

interface Attempt {
  readonly results: CommitResult[];
  wrote: boolean;
  /** Thrown while judging or writing. */
  error: unknown;
}

/**
 * Runs inside the transaction. Errors are kept, not thrown: the binding commits what was written before a throw. LMDB
 * does not commit after an error of its own; should it ever, that is found above.
 */
function judgeAll(database: Database, group: readonly Waiting[], attempt: Attempt): void {
  try {
    for (const { change } of group) attempt.results.push(judge(database, change, attempt));
  } catch (thrown) {
    attempt.error = thrown;
  }
}

function judge(database: Database, change: SealedChange, attempt: Attempt): CommitResult {
  for (const { key, expect } of change.checks) {
    const sealed = database.get(key);
    if ((sealed === undefined ? "absent" : stampOfRow(sealed)) !== expect) {
      return { outcome: "conflict", key };
    }
  }
  attempt.wrote ||= change.puts.length + change.deletes.length > 0;
  for (const key of change.deletes) database.removeSync(key);
  for (const { key, sealed } of change.puts) database.putSync(key, sealed);
  return { outcome: "ok" };
}

function seal(hash: Hash, change: Change): SealedChange {
  let bytes = 0;
  const copy = (key: Uint8Array): Uint8Array => {
    bytes += key.length;
    return new Uint8Array(key);
  };
  const checks = change.checks.map(({ key, expect }) => ({ key: copy(key), expect }));
  const deletes = change.deletes.map(copy);
  const puts = change.puts.map((put) => {
    const sealed = sealRow(hash, put.key, change.id, put.value);
    bytes += sealed.length;
    return { key: copy(put.key), sealed };
  });
  return { checks, puts, deletes, rows: checks.length + puts.length + deletes.length, bytes };
}

function refuseAll(group: readonly Waiting[], error: StoreError): void {
  for (const waiting of group) waiting.refuse(error);
}

/** The binding rejects with a stand-in whose `commitError` is a promise that rejects with the reason. */
async function commitCause(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !("commitError" in thrown)) return thrown;
  try {
    await thrown.commitError;
    return thrown;
  } catch (cause) {
    return cause;
  }
}

/** False once LMDB has given the environment up, as it does when writing the meta page failed. */
function canBegin(database: Database): boolean {
  try {
    database.transactionSync(() => undefined);
    return true;
  } catch {
    return false;
  }
}
