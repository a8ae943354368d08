import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterKey, noBytes } from "../../base/bytes.ts";
import { StoreError, messageOf } from "../../base/errors.ts";
import { openRow } from "../../format/row-envelope.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";
import { dataFileOf, openEnvironment } from "./environment.ts";
import { toStoreError } from "./failures.ts";
import type { SealedRow } from "./rows.ts";
import { readSealedRows } from "./rows.ts";

export interface VerifyOptions {
  readonly path: string;
  readonly hash: Hash;
  /** Called after every thousand rows. */
  readonly onProgress?:
    | ((soFar: { readonly rows: number; readonly bytes: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyReport {
  readonly rows: number;
  /** Keys and sealed values together. */
  readonly bytes: number;
  /** Rows whose checksum or version is wrong, and the error that ended the walk early, if one did. */
  readonly problemCount: number;
  /** The first of them. */
  readonly problems: readonly { readonly key: Uint8Array; readonly message: string }[];
}

const batchRows = 1000;
/** Problems listed; more are counted only. */
const problemsMax = 100;
/** Behind every key: keys are at most 1,900 bytes. */
const end = new Uint8Array(1901).fill(0xff);

/** Reads every row and verifies its checksum. May run beside processes that write. */
export async function verifyLmdb(options: VerifyOptions): Promise<VerifyReport> {
  const { path } = options;
  if (!existsSync(dataFileOf(path))) throw new StoreError("missing", `no index in ${path}`);
  const database = openEnvironment(path);
  try {
    return await walk(database, options);
  } finally {
    await database.close();
  }
}

async function walk(database: Database, options: VerifyOptions): Promise<VerifyReport> {
  const { path, hash, onProgress, signal } = options;
  let [rows, bytes, problemCount] = [0, 0, 0];
  const problems: { key: Uint8Array; message: string }[] = [];
  const report = (key: Uint8Array, thrown: unknown): void => {
    problemCount++;
    if (problems.length < problemsMax) problems.push({ key, message: messageOf(thrown) });
  };
  for (let start: Uint8Array = noBytes; ;) {
    if (signal?.aborted === true) throw new StoreError("cancelled", "the verification was stopped");
    let batch: SealedRow[];
    try {
      batch = readSealedRows(database, { start, end }, { limit: batchRows });
    } catch (thrown) {
      report(start, toStoreError(thrown, `index in ${path}: rows from here on cannot be read`));
      break;
    }
    for (const { key, sealed } of batch) {
      rows++;
      bytes += key.length + sealed.length;
      try {
        openRow(hash, key, sealed);
      } catch (thrown) {
        report(key, thrown);
      }
    }
    onProgress?.({ rows, bytes });
    const last = batch.at(-1);
    if (last === undefined || batch.length < batchRows) break;
    start = afterKey(last.key);
    await setImmediate();
  }
  return { rows, bytes, problemCount, problems };
}
