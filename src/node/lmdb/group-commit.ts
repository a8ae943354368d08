import { BatchLoop } from "../../base/batch-loop.ts";
import { SizeCounts } from "../../base/size-counts.ts";
import { StoreError } from "../../base/errors.ts";
import type { Change, Check, CommitResult, EngineStatistics } from "../../engine/engine.ts";
import type { CommitLog } from "../../engine/commit-log.ts";
import { recordAfter } from "../../engine/commit-log.ts";
import type { LoggedChange } from "../../format/commit-record.ts";
import type { ChangeId } from "../../format/ids.ts";
import { envelopeRow, stampOfRow, valueOfRow } from "../../format/row-envelope.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";
import { toStoreError } from "./lmdb-error-codes.ts";
import type { FileReserve } from "./file-reserve.ts";
import { readLogPosition, readLogQuorum, writeLogPosition } from "./log-position.ts";

/*
 * Group commit. Changes wait in a queue; one LMDB transaction at a time takes what has gathered,
 * judges each change on its own against what stands there with the changes before it, writes those
 * that hold, and is synced once; then all are answered. Two transactions at a time would not help:
 * LMDB has one writer, whatever the process.
 *
 * Where there is a commit log, a group is judged first, without writing; then its record is
 * appended to the log, while the transaction holds the lock that all processes share; and only when
 * the log has it the rows are written and the transaction is committed. So the log has the commits
 * of all processes in their order, and nothing is ever seen that it lacks. Readers have a handle of
 * their own, since the binding's reads see the transaction that is under way in theirs.
 *
 * What a failure means:
 * - No space reserved for a change (see file-reserve.ts): it is refused before anything of it was
 *   written.
 * - An error while judging or writing: LMDB marks the transaction, so it ends without a trace. Not
 *   happened.
 * - Waited too long for the lock that all processes share: it leaves the queue and is refused. Not
 *   happened.
 * - Waited too long for the sync: it may happen any moment, or not. StoreError `unknown`.
 * - The log did not take the record: nothing was written, and the log says whether it may happen
 *   later all the same (`unknown`) or not. Any error after the log has it is one of the commit.
 * - An error from the commit itself: a write or sync failed. Perhaps the meta page is on the disk,
 *   perhaps not; what the disk keeps from then on is not known. The group is answered `unknown`,
 *   and no more is taken.
 */

/** @limit Changes that may wait. At 25,000 commits/s the last of them waits 160 ms. */
export const queueChangesMax = 4096;
/**
 * @limit Bytes that may wait, though a single larger change finds place when nothing else waits.
 */
const queueBytesMax = 64 * 1024 * 1024;
/**
 * @limit A change waits no longer than this for the lock, and again for its sync. More than a
 * process that hangs needs to be replaced (--worker-silence), so that its clients see a delay and
 * no error.
 */
export const commitWaitMs = 15_000;
/** @limit After this long the log says that commits wait. */
const stalledMs = 5_000;
/** @limit Time between looks at how long changes have waited. */
const waitLookMs = 250;
/**
 * @limit Rows of one group, though a single larger change is taken: 10 µs a row, so 20 ms of this
 * thread.
 */
const groupRowsMax = 2048;
/**
 * Space that a change may take, at a guess that holds but for thousands of rows all over the keys
 * while old pages are kept by a snapshot: its bytes twice, since pages are half full after a split,
 * and a page for every row.
 */
const spaceOf = (change: EncodedChange): number => change.bytes * 2 + change.rows * 4096;
/** What a group takes once: the pages above its rows, and LMDB's tree of free pages. */
const groupSpaceBytes = 256 * 1024;

export interface GroupCommitHost {
  readonly database: Database;
  readonly hash: Hash;
  /** Every commit is in it before it happens. */
  readonly commitLog: CommitLog | undefined;
  /** The index's name, for messages. */
  readonly what: string;
  readonly reserve: FileReserve;
  /**
   * True if the data file is still at its path: commits into one that was taken away would be lost
   * with it.
   */
  isInPlace(): boolean;
  /** A change waits no longer than this. */
  readonly waitMs: number;
  /** Called when changes have waited for this long; called again only after `wentOn`. */
  stalled(waitedMs: number, waitFor: "lock" | "sync"): void;
  /** Called after `stalled`: the transaction has ended, well or not. */
  wentOn(): void;
  /** Called once: nothing more may be read or written until the environment was verified. */
  failed(cause: unknown): void;
}

interface EncodedChange {
  readonly id: ChangeId;
  readonly checks: readonly Check[];
  readonly puts: readonly { readonly key: Uint8Array; readonly enveloped: Uint8Array }[];
  readonly deletes: readonly Uint8Array[];
  readonly leavesReserve: boolean;
  readonly rows: number;
  readonly bytes: number;
}

/** A caller that waits for the outcome of its change. */
interface Caller {
  readonly answer: (result: CommitResult) => void;
  readonly refuse: (error: StoreError) => void;
}

interface Waiting extends Caller {
  /** When it began to wait, on the clock of looks. */
  readonly sinceMs: number;
  readonly change: EncodedChange;
}

export class GroupCommit {
  readonly #host: GroupCommitHost;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  /** Changes in the transaction under way. */
  #taken: readonly Waiting[] = [];
  #takenMs = 0;
  #isStalled = false;
  /** Counts looks, not time: what this process itself stood still is nobody's delay. */
  #lookedMs = 0;
  readonly #waitTimer: NodeJS.Timeout;
  readonly #loop: BatchLoop;
  #failed = false;
  #commits = 0;
  #conflicts = 0;
  #transactions = 0;
  readonly #groups = new SizeCounts();

  constructor(host: GroupCommitHost) {
    this.#host = host;
    this.#loop = new BatchLoop({
      // The binding waits for a turn before it begins a transaction, and the group is taken in the
      // one after it.
      turn: undefined,
      carryOut: () => this.#carryOut(),
      hasWork: () => this.#queue.length > 0,
    });
    this.#waitTimer = setInterval(() => this.#lookAtWaits(), waitLookMs).unref();
  }

  get counts(): Omit<EngineStatistics, "bytesOnDisk"> {
    return {
      changesPerTransaction: this.#groups.read(),
      commits: this.#commits,
      conflicts: this.#conflicts,
      transactions: this.#transactions,
    };
  }

  /** The bytes of `change` are copied before this returns. Throws where too much is waiting. */
  add(change: Change, caller: Caller): void {
    const encoded = encodeChange(this.#host.hash, change);
    const { length } = this.#queue;
    const fits = length === 0 || this.#queueBytes + encoded.bytes <= queueBytesMax;
    if (length >= queueChangesMax || !fits) {
      throw new StoreError(
        "overloaded",
        `${this.#host.what}: the queue of ${length} commits is full`,
      );
    }
    const { answer, refuse } = caller;
    this.#queue.push({ sinceMs: this.#lookedMs, change: encoded, answer, refuse });
    this.#queueBytes += encoded.bytes;
    this.#loop.wake();
  }

  /** Resolves once nothing waits; nothing may be committed any more. */
  async close(): Promise<void> {
    await this.#loop.idle();
    clearInterval(this.#waitTimer);
  }

  /** Ends the waits that last too long, and reports those that last long. */
  #lookAtWaits(): void {
    this.#lookedMs += waitLookMs;
    const isSyncing = this.#taken.length > 0;
    const sinceMs = isSyncing ? this.#takenMs : (this.#queue[0]?.sinceMs ?? this.#lookedMs);
    const waitedMs = this.#lookedMs - sinceMs;
    if (waitedMs >= stalledMs && !this.#isStalled) {
      this.#isStalled = true;
      this.#host.stalled(waitedMs, isSyncing ? "sync" : "lock");
    }
    const { what, waitMs } = this.#host;
    const seconds = waitMs / 1000;
    if (isSyncing && waitedMs >= waitMs) {
      // They are answered once more when the transaction ends: nobody hears it any more.
      const message = `${what}: a commit is not synced after ${seconds} s: it may happen or not`;
      for (const waiting of this.#taken) waiting.refuse(new StoreError("unknown", message));
    }
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      if (this.#lookedMs - first.sinceMs < waitMs) break;
      this.#queue.shift();
      this.#queueBytes -= first.change.bytes;
      const message = `${what}: a commit did not begin within ${seconds} s`;
      first.refuse(new StoreError("unavailable", message));
    }
  }

  #leave(): void {
    this.#failed = true;
    const what = `${this.#host.what}: its data file was moved away, removed or replaced`;
    this.#host.failed(new StoreError("missing", what));
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

  /**
   * One LMDB transaction, and the answers. The group is taken when it has begun, so that what
   * arrives while it waits for another process's is part of it.
   */
  async #carryOut(): Promise<void> {
    if (!this.#failed && !this.#host.isInPlace()) this.#leave();
    if (this.#failed) {
      const error = new StoreError(
        "unavailable",
        `${this.#host.what}: waits for its verification after a failure`,
      );
      for (const waiting of this.#take()) waiting.refuse(error);
      return;
    }
    const attempt = newAttempt();
    let refusal: { readonly cause: unknown } | undefined;
    try {
      const { database, commitLog } = this.#host;
      const begin = (): void => {
        attempt.group = this.#take();
        this.#taken = attempt.group;
        this.#takenMs = this.#lookedMs;
        judgeAll(this.#host, attempt);
      };
      if (commitLog === undefined) await database.transaction(begin);
      else {
        await database.transaction(async () => {
          begin();
          await this.#log(commitLog, attempt);
        });
      }
    } catch (thrown) {
      refusal = { cause: await commitCause(thrown) };
    }
    this.#taken = [];
    if (this.#isStalled) this.#host.wentOn();
    this.#isStalled = false;
    const { group, error, wrote, isLogged } = attempt;
    const partial = error !== undefined && (wrote || isLogged) && refusal === undefined;
    if (partial) this.#giveUp(group, error);
    else if (error !== undefined) this.#refuse(group, error);
    else if (refusal !== undefined) this.#giveUp(group, refusal.cause);
    else this.#answer(attempt);
  }

  /** The log has the group before any of its rows is written. Never rejects. */
  async #log(commitLog: CommitLog, attempt: Attempt): Promise<void> {
    const { database, hash } = this.#host;
    if (attempt.error !== undefined || attempt.held.length === 0) return;
    try {
      const before = readLogPosition(database, hash);
      const changes = attempt.held.map(loggedChange);
      const { bytes, position } = recordAfter({ log: commitLog, hash }, before, changes);
      // holds: C1, C2 logged-before-committed
      // holds: C1 log-quorum-of-the-commit-before
      await commitLog.append(position.sequence, bytes, readLogQuorum(database, hash));
      attempt.isLogged = true;
      writeAll(database, attempt);
      if (attempt.error === undefined) writeLogPosition(database, hash, position);
    } catch (thrown) {
      attempt.error = thrown;
    }
  }

  #answer({ group, verdicts, wrote }: Attempt): void {
    if (wrote) {
      this.#transactions++;
      this.#groups.add(group.length);
    }
    for (const [index, waiting] of group.entries()) {
      const verdict = verdicts[index]!;
      if (verdict instanceof StoreError) waiting.refuse(verdict);
      else waiting.answer(verdict);
      if (verdict instanceof StoreError) continue;
      if (verdict.outcome === "ok") this.#commits++;
      else this.#conflicts++;
    }
  }

  #refuse(group: readonly Waiting[], cause: unknown): void {
    const error = toStoreError(cause, `${this.#host.what}: commit`);
    for (const waiting of group) waiting.refuse(error);
  }

  #giveUp(group: readonly Waiting[], cause: unknown): void {
    this.#failed = true;
    for (const waiting of group) waiting.answer({ outcome: "unknown", cause });
    this.#host.failed(cause);
  }
}

interface Attempt {
  group: Waiting[];
  readonly verdicts: (CommitResult | StoreError)[];
  /** The changes that hold and are not written yet, in their order. */
  readonly held: EncodedChange[];
  /** The log has them. */
  isLogged: boolean;
  wrote: boolean;
  /** Thrown while judging, logging or writing. */
  error: unknown;
}

function newAttempt(): Attempt {
  return {
    group: [],
    verdicts: [],
    held: [],
    isLogged: false,
    wrote: false,
    error: undefined,
  };
}

/**
 * Runs inside the transaction; with a log it writes nothing yet. Errors are kept, not thrown: the
 * binding commits what was written before a throw. LMDB does not commit after an error of its own;
 * should it ever, that is found above.
 */
function judgeAll(host: GroupCommitHost, attempt: Attempt): void {
  const { database, reserve, what, commitLog } = host;
  try {
    const wanted = attempt.group.reduce(
      (sum, { change }) => sum + spaceOf(change),
      groupSpaceBytes,
    );
    let ahead = reserve.ahead(wanted + reserve.keptBytes) - groupSpaceBytes;
    const stamps = new GroupStamps(database, commitLog !== undefined && attempt.group.length > 1);
    for (const { change } of attempt.group) {
      const conflict = change.checks.find(({ key, expect }) => stamps.of(key) !== expect);
      if (conflict !== undefined) {
        attempt.verdicts.push({ outcome: "conflict", key: conflict.key });
        continue;
      }
      const writes = change.puts.length + change.deletes.length > 0;
      const kept = change.leavesReserve ? reserve.keptBytes : 0;
      if (writes && spaceOf(change) > ahead - kept) {
        const message = `${what}: no space for a change: free some on this file system`;
        attempt.verdicts.push(new StoreError("storage_full", message));
        continue;
      }
      if (writes) {
        ahead -= spaceOf(change);
        if (commitLog === undefined) {
          attempt.wrote = true;
          write(database, change);
        } else {
          attempt.held.push(change);
          stamps.wrote(change);
        }
      }
      attempt.verdicts.push({ outcome: "ok" });
    }
  } catch (thrown) {
    attempt.error = thrown;
  }
}

/** Writes what holds. Inside the transaction, so errors are kept as above. */
function writeAll(database: Database, attempt: Attempt): void {
  if (attempt.error !== undefined) return;
  try {
    for (const change of attempt.held) {
      attempt.wrote = true;
      write(database, change);
    }
  } catch (thrown) {
    attempt.error = thrown;
  }
}

/**
 * The stamps of rows as the changes of a group meet them: as they stand, but for what those before
 * have changed and not yet written.
 */
class GroupStamps {
  readonly #database: Database;
  /** Keyed by characters; undefined where each change is written before the next is judged. */
  readonly #changed: Map<string, ChangeId | "absent"> | undefined;

  constructor(database: Database, isShared: boolean) {
    this.#database = database;
    this.#changed = isShared ? new Map() : undefined;
  }

  of(key: Uint8Array): ChangeId | "absent" {
    const changed = this.#changed?.size ? this.#changed.get(charactersOf(key)) : undefined;
    if (changed !== undefined) return changed;
    // A view of a buffer that the next read overwrites: enough for a stamp.
    const enveloped = this.#database.getBinaryFast(key);
    return enveloped === undefined ? "absent" : stampOfRow(enveloped);
  }

  wrote({ id, puts, deletes }: EncodedChange): void {
    if (this.#changed === undefined) return;
    for (const key of deletes) this.#changed.set(charactersOf(key), "absent");
    for (const { key } of puts) this.#changed.set(charactersOf(key), id);
  }
}

/** One character for each byte: 0.1 µs for a key of 60 bytes. */
function charactersOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function write(database: Database, change: EncodedChange): void {
  for (const key of change.deletes) database.removeSync(key);
  for (const { key, enveloped } of change.puts) database.putSync(key, enveloped);
}

function loggedChange({ id, puts, deletes }: EncodedChange): LoggedChange {
  return {
    id,
    puts: puts.map(({ key, enveloped }) => ({ key, value: valueOfRow(enveloped) })),
    deletes,
  };
}

function encodeChange(hash: Hash, change: Change): EncodedChange {
  let bytes = 0;
  const copy = (key: Uint8Array): Uint8Array => {
    bytes += key.length;
    return new Uint8Array(key);
  };
  const checks = change.checks.map(({ key, expect }) => ({ key: copy(key), expect }));
  const deletes = change.deletes.map(copy);
  const puts = change.puts.map((put) => {
    const enveloped = envelopeRow(hash, put.key, change.id, put.value);
    bytes += enveloped.length;
    return { key: copy(put.key), enveloped };
  });
  const rows = checks.length + puts.length + deletes.length;
  const { id, leavesReserve = false } = change;
  return { id, checks, puts, deletes, leavesReserve, rows, bytes };
}

/**
 * The binding rejects with a stand-in whose `commitError` is a promise that rejects with the
 * reason.
 */
async function commitCause(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !("commitError" in thrown)) return thrown;
  try {
    await thrown.commitError;
    return thrown;
  } catch (cause) {
    return cause;
  }
}
