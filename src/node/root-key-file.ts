import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { renameSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../base/errors.ts";
import type { Random } from "../platform/random.ts";
import {
  decodeRootKey,
  encodeRootKey,
  generateRootKey,
  type RootKey,
  rootKeyFile,
  rootKeyOfEnvironment,
} from "../server/root-credentials.ts";
import { syncPath } from "./sync-path.ts";

export interface FoundRootKey {
  readonly key: RootKey;
  /** `generated`: just now, and shown this once. */
  readonly from: "environment" | "file" | "generated";
  readonly path: string;
}

/** The key of the environment, else the file's, else a new one, kept in the file before it is shown. */
export function rootKey(
  directory: string,
  environment: NodeJS.ProcessEnv,
  random: Random,
): FoundRootKey {
  const path = join(directory, rootKeyFile);
  const given = rootKeyOfEnvironment(environment);
  if (given !== undefined) return { key: given, from: "environment", path };
  const kept = readRootKey(directory);
  if (kept !== undefined) return { key: kept, from: "file", path };
  const key = generateRootKey(random);
  writeRootKey(directory, path, key);
  return { key, from: "generated", path };
}

/** The key in a data directory's file; undefined where there is none. Refuses a file that others can read. */
export function readRootKey(directory: string): RootKey | undefined {
  const path = join(directory, rootKeyFile);
  if (!existsSync(path)) return undefined;
  const othersRights = 0o077;
  if (process.platform !== "win32" && (statSync(path).mode & othersRights) !== 0) {
    throw new StoreError("invalid", `${path} can be read by others: chmod 600 ${path}`);
  }
  return decodeRootKey(readFileSync(path, "utf8"), path);
}

/** Whole or not at all, and durable, before anybody is told the key. */
function writeRootKey(directory: string, path: string, key: RootKey): void {
  const unfinished = `${path}.new`;
  const file = openSync(unfinished, "w", 0o600);
  try {
    chmodSync(unfinished, 0o600); // one left by a crash keeps its mode otherwise
    writeSync(file, encodeRootKey(key));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncPath(directory);
}
