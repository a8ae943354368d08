import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { equalBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { stampOfRow } from "../../format/row-envelope.ts";
import type { Hash } from "../../platform/hash.ts";
import { syncPath } from "../disk/small-file.ts";
import { openDataFile } from "./data-snapshot.ts";
import type { Database } from "./environment.ts";
import { dataFileOf, makeEnvironment, openEnvironment } from "./environment.ts";
import type { Salvage } from "./salvage.ts";
import { planSalvage } from "./salvage.ts";
import type { TreeRow } from "./tree-walk.ts";
import { verifyLmdb } from "./verify.ts";

/*
 * A damaged environment is rebuilt: every row that can be proved is copied into another one, that
 * is verified, and takes the place of the damaged data file in one rename. The damaged file stays
 * next to it under another name. Until then nothing of the environment is changed. Nobody may have
 * it open.
 */

export interface RepairOptions {
  readonly path: string;
  readonly hash: Hash;
  /** True if a person has seen what would be lost, and agreed. */
  readonly acceptLoss: boolean;
  /** True if the store can do without this row. */
  readonly mayLose: (key: Uint8Array) => boolean;
  /** The name of the damaged file behind the data file's own: the time, say. */
  readonly suffix: string;
  /** Called for each row that is kept, after each page of them. */
  readonly onRow?: ((key: Uint8Array, enveloped: Uint8Array) => void) | undefined;
  readonly onProgress?: ((rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LostRow {
  readonly key: Uint8Array;
  readonly message: string;
}

/**
 * - `repaired`: the index was rebuilt.
 * - `would_lose`: rows would be lost, and nobody agreed to that; nothing was changed.
 * - `impossible`: what is alive cannot be determined, or the store cannot do without a row that is
 *   lost; nothing was changed.
 */
export interface RepairResult {
  readonly outcome: "repaired" | "would_lose" | "impossible";
  readonly rowsKept: number;
  /** The first `lostListedMax` of those whose key is known. */
  readonly lost: readonly LostRow[];
  readonly lostCount: number;
  /** Rows that should be there by the index's own count, and of which nothing is known. */
  readonly missingCount: number;
  readonly message: string;
  /** Where the damaged data file was kept. */
  readonly keptFile: string | undefined;
}

/** @limit Lost rows listed; more are counted only. */
const lostListedMax = 1000;
/** @limit Rows in one transaction of the new environment, 500 bytes each. */
const rowsAtOnce = 2000;

export async function repairLmdb(options: RepairOptions): Promise<RepairResult> {
  const { path, hash, acceptLoss } = options;
  const unfinished = `${path}.repaired`;
  rmSync(unfinished, { recursive: true, force: true });
  await using snapshot = await openDataFile(path, () => undefined);
  const salvage = await planSalvage(snapshot, hash);
  if (salvage === undefined) {
    const message = "branches and the list of free pages are damaged: put back a copy of the index";
    return {
      ...new Copying(options).counts(0),
      outcome: "impossible",
      message,
      keptFile: undefined,
    };
  }
  makeEnvironment(unfinished);
  const copying = new Copying(options);
  const target = openEnvironment(unfinished);
  try {
    await copying.run(target, salvage);
  } finally {
    await target.close();
  }
  const counts = copying.counts(snapshot.meta.rows.entries);
  const refuse = (outcome: "would_lose" | "impossible", message: string): RepairResult => {
    rmSync(unfinished, { recursive: true, force: true });
    return { ...counts, outcome, message, keptFile: undefined };
  };
  if (copying.isVitalLost || counts.missingCount < 0) {
    const why = copying.isVitalLost
      ? "a row is damaged that the store cannot do without"
      : "there are more rows than there should be";
    return refuse("impossible", `${why}: put back a copy of the index`);
  }
  const losses = counts.lostCount + counts.missingCount;
  if (losses > 0 && !acceptLoss) return refuse("would_lose", `${losses} rows would be lost`);
  const verified = await verifyLmdb({ path: unfinished, hash });
  if (verified.problemCount > 0 || verified.rows !== counts.rowsKept) {
    throw new StoreError("io", `${unfinished}: the new index is not as it was written`);
  }
  const keptFile = replaceDataFile(path, unfinished, options.suffix);
  return { ...counts, outcome: "repaired", message: "the index was rebuilt", keptFile };
}

/** Replaces it with one rename, after the damaged file has a second name. */
function replaceDataFile(path: string, unfinished: string, suffix: string): string {
  const kept = join(path, `${basename(dataFileOf(path))}.damaged-${suffix}`);
  if (existsSync(kept)) throw new StoreError("io", `${kept} is there already`);
  try {
    linkSync(dataFileOf(path), kept);
  } catch {
    copyFileSync(dataFileOf(path), kept); // a file system without links
    syncPath(kept);
  }
  syncPath(path);
  renameSync(dataFileOf(unfinished), dataFileOf(path));
  syncPath(path);
  rmSync(unfinished, { recursive: true, force: true });
  return kept;
}

class Copying {
  readonly #options: RepairOptions;
  readonly #lost: LostRow[] = [];
  #lostCount = 0;
  #rowsKept = 0;
  #isVitalLost = false;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  get isVitalLost(): boolean {
    return this.#isVitalLost;
  }

  async run(target: Database, salvage: Salvage): Promise<void> {
    const { signal, onProgress } = this.#options;
    let rows: TreeRow[] = [];
    for await (const page of salvage.pages()) {
      signal?.throwIfAborted();
      for (const { key, message } of page.damaged) this.#lose(key, message);
      rows.push(...page.rows);
      if (rows.length < rowsAtOnce) continue;
      await this.#copy(target, rows);
      rows = [];
      onProgress?.(this.#rowsKept);
    }
    await this.#copy(target, rows);
    onProgress?.(this.#rowsKept);
  }

  /** The result for an index that claims to have so many rows. */
  counts(entries: number): Pick<RepairResult, "rowsKept" | "lost" | "lostCount" | "missingCount"> {
    const missingCount = entries - this.#rowsKept - this.#lostCount;
    return { rowsKept: this.#rowsKept, lost: this.#lost, lostCount: this.#lostCount, missingCount };
  }

  /**
   * Two rows with one key are there where a key that could not be found was written again. The one
   * with the greater change id stays: that of the session that began later, or of the later change.
   */
  async #copy(target: Database, rows: readonly TreeRow[]): Promise<void> {
    await target.transaction(() => {
      for (const { key, data } of rows) {
        const known = target.get(key);
        if (known === undefined) this.#rowsKept++;
        else if (equalBytes(known, data)) continue;
        else this.#lose(key, "two rows have this key, and the earlier is given up");
        if (known !== undefined && stampOfRow(known) > stampOfRow(data)) continue;
        target.putSync(key, data);
      }
    });
    for (const { key, data } of rows) this.#options.onRow?.(key, data);
  }

  #lose(key: Uint8Array, message: string): void {
    this.#lostCount++;
    this.#isVitalLost ||= !this.#options.mayLose(key);
    if (this.#lost.length < lostListedMax) this.#lost.push({ key: new Uint8Array(key), message });
  }
}
