import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../platform/platform.ts";
import {
  decodeSecretsKey,
  encodeSecretsKey,
  generateSecretsKey,
  secretsKeyFile,
} from "../../server/secrets-key.ts";
import { readPrivateFile, writePrivateFile } from "../disk/private-file.ts";
import { syncPath } from "../disk/sync-path.ts";

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
