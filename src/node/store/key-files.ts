import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type AccessKey, generateAccessKey } from "../../auth/access-key.ts";
import type { Random } from "../../platform/platform.ts";
import {
  decodeRootKey,
  encodeRootKey,
  rootKeyFile,
  rootKeyOfEnvironment,
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

/**
 * The key of the environment, else the file's, else a new one, kept in the file before it is shown.
 */
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
  const key = generateAccessKey(random);
  writePrivateFile(path, encodeRootKey(key));
  return { key, from: "generated", path };
}

/** The key in a data directory's file; undefined where there is none. */
export function readRootKey(directory: string): AccessKey | undefined {
  const path = join(directory, rootKeyFile);
  const text = readPrivateFile(path);
  return text === undefined ? undefined : decodeRootKey(text, path);
}

/** Its name until November 2026. */
const formerFile = "sealing-key.json";

/** The key of a data directory's file; made at the first start. */
export function secretsKey(directory: string, random: Random): Uint8Array {
  const path = join(directory, secretsKeyFile);
  const former = join(directory, formerFile);
  if (!existsSync(path) && existsSync(former)) {
    renameSync(former, path);
    syncPath(directory);
  }
  const kept = readPrivateFile(path);
  if (kept !== undefined) return decodeSecretsKey(kept, path);
  const key = generateSecretsKey(random);
  writePrivateFile(path, encodeSecretsKey(key));
  return key;
}
