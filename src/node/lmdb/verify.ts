import { existsSync } from "node:fs";
import { afterKey, compareBytes } from "../../base/bytes.ts";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import {
  type IndexProblem,
  type Verification,
  verifyProblemsMax,
  type VerifyReport,
} from "../../engine/engine.ts";
import { openRow } from "../../format/row-envelope.ts";
import { nameOfRow } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import { type DataSnapshot, openDataFile, openDataSnapshot } from "./data-snapshot.ts";
import { type Database, dataFileOf, openEnvironment } from "./environment.ts";
import { readFreePages, type TreeFault, TreeWalk, type WalkedCounts } from "./tree-walk.ts";

/*
 * Verification of an environment. LMDB has no checksums and believes its pages: with one bit wrong
 * in a branch, keys are not found; in a pointer, an old copy of a page is read, in which everything
 * is in order. Reading rows through the binding shows little of that. So the pages themselves are
 * read, and compared with one another (tree-walk.ts).
 *
 * A snapshot keeps every page that is written since from being used again, and the file would grow
 * while a large index is gone through. So each step has a snapshot of its own, and goes on behind
 * the last key of the one before.
 */

export interface VerifyOptions {
  readonly path: string;
  readonly hash: Hash;
  /** Called after each step. */
  readonly onProgress?:
    | ((soFar: { readonly rows: number; readonly bytes: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @limit Leaves in one step: 16 MiB, some 100 ms, in which writers use as many new pages as they
 * fill.
 */
const leavesPerStep = 4096;

/** Verifies the whole index at once. It may run while processes write. */
export async function verifyLmdb(options: VerifyOptions): Promise<VerifyReport> {
  const { path, hash, onProgress, signal } = options;
  if (!existsSync(dataFileOf(path))) throw new StoreError("missing", `no index in ${path}`);
  const database = openEnvironment(path);
  try {
    const steps = verifyDatabase(database, path, hash);
    for (;;) {
      if (signal?.aborted === true) {
        throw new StoreError("cancelled", "the verification was stopped");
      }
      const { done, value } = await steps.next();
      onProgress?.(value);
      if (done === true) return value;
    }
  } finally {
    await database.close();
  }
}

/**
 * The same of an environment that nobody has open, and without opening it: the binding may follow a
 * damaged page out of the file and end the process.
 */
export async function verifyDataFile(options: VerifyOptions): Promise<VerifyReport> {
  const { path, hash, onProgress, signal } = options;
  if (!existsSync(dataFileOf(path))) throw new StoreError("missing", `no index in ${path}`);
  const notes = new VerifyNotes(hash);
  await using snapshot = await openDataFile(path, () => undefined);
  for (let from: Uint8Array | undefined; ;) {
    signal?.throwIfAborted();
    from = await verifyStep(snapshot, { from, leavesMax: leavesPerStep, notes });
    onProgress?.(notes.report());
    if (from === undefined) return notes.report();
  }
}

/** Verifies step by step, for a process that has the environment open. */
export async function* verifyDatabase(
  database: Database,
  path: string,
  hash: Hash,
  leavesMax = leavesPerStep,
): Verification {
  const notes = new VerifyNotes(hash);
  for (let from: Uint8Array | undefined; ;) {
    const step = { from, leavesMax, notes };
    from = await inSnapshot(database, path, (snapshot) => verifyStep(snapshot, step));
    if (from === undefined) return notes.report();
    yield notes.report();
  }
}

async function inSnapshot<T>(
  database: Database,
  path: string,
  use: (snapshot: DataSnapshot) => Promise<T>,
): Promise<T> {
  await using snapshot = await openDataSnapshot(database, path);
  return await use(snapshot);
}

/** The key to go on from; undefined at the end. */
async function verifyStep(
  snapshot: DataSnapshot,
  { from, leavesMax, notes }: VerifyStep,
): Promise<Uint8Array | undefined> {
  const fault = (one: TreeFault): void => notes.fault(one);
  const free = await readFreePages(snapshot, fault);
  const walk = new TreeWalk({ snapshot, root: snapshot.meta.rows, from, free, fault });
  let leaves = 0;
  for await (const rows of walk.leaves()) {
    for (const { key, data } of rows) notes.row(key, data, from);
    const last = rows.at(-1);
    if (++leaves < leavesMax || last === undefined) continue;
    if (from !== undefined && compareBytes(last.key, from) < 0) continue;
    return afterKey(last.key);
  }
  if (from === undefined) notes.compareCounts(snapshot, walk.counts);
  return undefined;
}

interface VerifyStep {
  readonly from: Uint8Array | undefined;
  readonly leavesMax: number;
  readonly notes: VerifyNotes;
}

class VerifyNotes {
  readonly #hash: Hash;
  readonly #problems: IndexProblem[] = [];
  /** Faults noted already: each is met again in every snapshot. */
  readonly #seen = new Set<string>();
  #rows = 0;
  #bytes = 0;
  #problemCount = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  row(key: Uint8Array, enveloped: Uint8Array, from: Uint8Array | undefined): void {
    if (from !== undefined && compareBytes(key, from) < 0) return;
    this.#rows++;
    this.#bytes += key.length + enveloped.length;
    try {
      openRow(this.#hash, key, enveloped);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      const message = `${nameOfRow(key)}: ${messageOf(thrown)}`;
      this.#note({ kind: "row", key: new Uint8Array(key), message });
    }
  }

  fault({ message, start, end, key }: TreeFault): void {
    if (key !== undefined) {
      this.#note({
        kind: "row",
        key: new Uint8Array(key),
        message: `${nameOfRow(key)}: ${message}`,
      });
      return;
    }
    const text = (bound: Uint8Array | undefined): string =>
      bound === undefined ? "the end" : nameOfRow(bound);
    const rows = `rows between ${text(start)} and ${text(end)} may be missing`;
    this.#note({ kind: "structure", message: `${message}; ${rows}` });
  }

  /** Compares the counts after a walk through all of it in one snapshot. */
  compareCounts({ meta: { rows } }: DataSnapshot, counts: WalkedCounts): void {
    for (const name of ["branchPages", "leafPages", "overflowPages", "entries"] as const) {
      if (counts[name] === rows[name] || this.#problemCount > 0) continue;
      const message = `${counts[name]} ${name} instead of ${rows[name]}`;
      this.#note({ kind: "structure", message });
    }
  }

  report(): VerifyReport {
    return {
      rows: this.#rows,
      bytes: this.#bytes,
      problemCount: this.#problemCount,
      problems: [...this.#problems],
    };
  }

  #note(problem: IndexProblem): void {
    if (this.#seen.has(problem.message)) return;
    this.#problemCount++;
    if (this.#problems.length >= verifyProblemsMax) return;
    this.#seen.add(problem.message);
    this.#problems.push(problem);
  }
}
