import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type AccessKey, generateAccessKey } from "../../auth/access-key.ts";
import { messageOf, StoreError } from "../../base/errors.ts";
import type { Log, Random } from "../../platform/platform.ts";
import {
  decodeRootKey,
  encodeRootKey,
  rootKeyFile,
  rootKeyOfEnvironment,
  rootKeyVariables,
} from "../../server/root-credentials.ts";
import {
  decodeSecretsKey,
  encodeSecretsKey,
  generateSecretsKey,
  secretsKeyFile,
} from "../../server/secrets-key.ts";
import { readPrivateFile, syncPath, writePrivateFile } from "../disk/small-file.ts";

export interface FoundRootKey {
  readonly key: AccessKey;
  /** `generated`: just now, and shown this once. */
  readonly from: "environment" | "file" | "generated";
  readonly path: string;
}

export interface KeyFilesOptions {
  /** Those of the store that were found, the home of the index first. */
  readonly directories: readonly string[];
  /** A store that was served has its keys: only if they are known to be lost are new ones made. */
  readonly mayMake: boolean;
  readonly environment: NodeJS.ProcessEnv;
  readonly random: Random;
}

/**
 * Makes the keys that none of the directories has, in the first, where they may be made. StoreError
 * `missing`, with the remedy, where they are lost. True if the root's key was made just now.
 */
export function requireKeyFiles(options: KeyFilesOptions): boolean {
  const { directories, mayMake, environment, random } = options;
  const [home = ""] = directories;
  const has = (file: string): boolean =>
    directories.some((directory) => existsSync(join(directory, file)));
  const hasSecretsKey = has(secretsKeyFile) || has(formerFile);
  const hasRootKey = rootKeyOfEnvironment(environment) !== undefined || has(rootKeyFile);
  if (!mayMake && !hasSecretsKey) throw lost(secretsKeyFile, directories);
  if (!mayMake && !hasRootKey) throw lost(rootKeyFile, directories);
  if (!hasSecretsKey) {
    writePrivateFile(join(home, secretsKeyFile), encodeSecretsKey(generateSecretsKey(random)));
  }
  if (hasRootKey) return false;
  writePrivateFile(join(home, rootKeyFile), encodeRootKey(generateAccessKey(random)));
  return true;
}

function lost(file: string, directories: readonly string[]): StoreError {
  const { accessKeyId, secretAccessKey } = rootKeyVariables;
  const isRoots = file === rootKeyFile;
  const other = isRoots ? `, set ${accessKeyId} and ${secretAccessKey}` : "";
  const price = isRoots
    ? "makes a new root key"
    : "makes a new one; access keys cannot be used then";
  const fix =
    `put back the data directory that has it, copy it from a backup to ${directories[0]}${other}, ` +
    `or, if it is lost for good: serve --new-keys ${price}`;
  const where = `none of the data directories (${directories.join(", ")})`;
  return new StoreError("missing", `${where} has ${file}, but the store was served: ${fix}`);
}

/** The key of the environment, else the directory's. */
export function rootKey(directory: string, environment: NodeJS.ProcessEnv): FoundRootKey {
  const path = join(directory, rootKeyFile);
  const given = rootKeyOfEnvironment(environment);
  if (given !== undefined) return { key: given, from: "environment", path };
  const kept = readRootKey(directory);
  if (kept === undefined) throw lost(rootKeyFile, [directory]);
  return { key: kept, from: "file", path };
}

/** The key in a data directory's file; undefined where there is none. */
export function readRootKey(directory: string): AccessKey | undefined {
  const path = join(directory, rootKeyFile);
  const text = readPrivateFile(path);
  return text === undefined ? undefined : decodeRootKey(text, path);
}

/**
 * Copies the files of the keys to the data directories that lack them, so that the loss of a disk
 * does not take the keys with it.
 */
export function spreadKeyFiles(directories: readonly string[], log: Log): void {
  for (const directory of directories) renameFormer(directory);
  const files = readKeyFiles(directories);
  for (const directory of directories) {
    try {
      writeMissing(files, directory);
    } catch (thrown) {
      log("warn", "key_file_not_copied", { path: directory, message: messageOf(thrown) });
    }
  }
}

/** The same for one directory, which becomes one of the store's; throws where it cannot be done. */
export function copyKeyFiles(from: readonly string[], to: string): void {
  writeMissing(readKeyFiles(from), to);
}

interface KeyFile {
  readonly file: string;
  readonly text: string;
}

function readKeyFiles(directories: readonly string[]): readonly KeyFile[] {
  return [rootKeyFile, secretsKeyFile].flatMap((file) => {
    const from = directories.find((directory) => existsSync(join(directory, file)));
    const text = from === undefined ? undefined : readPrivateFile(join(from, file));
    return text === undefined ? [] : [{ file, text }];
  });
}

function writeMissing(files: readonly KeyFile[], directory: string): void {
  for (const { file, text } of files) {
    const path = join(directory, file);
    if (!existsSync(path)) writePrivateFile(path, text);
  }
}

/** Its name until November 2026. */
const formerFile = "sealing-key.json";

function renameFormer(directory: string): void {
  const path = join(directory, secretsKeyFile);
  const former = join(directory, formerFile);
  if (existsSync(path) || !existsSync(former)) return;
  renameSync(former, path);
  syncPath(directory);
}

/** The key of a data directory's file. */
export function secretsKey(directory: string): Uint8Array {
  const path = join(directory, secretsKeyFile);
  const kept = readPrivateFile(path);
  if (kept === undefined) throw lost(secretsKeyFile, [directory]);
  return decodeSecretsKey(kept, path);
}
