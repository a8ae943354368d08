import { join } from "node:path";
import type { Random } from "../../platform/random.ts";
import {
  decodeSealingKey,
  encodeSealingKey,
  generateSealingKey,
  sealingKeyFile,
} from "../../server/sealing-key.ts";
import { readPrivateFile, writePrivateFile } from "../disk/private-file.ts";

/** The key of a data directory's file; made at the first start. */
export function sealingKey(directory: string, random: Random): Uint8Array {
  const path = join(directory, sealingKeyFile);
  const kept = readPrivateFile(path);
  if (kept !== undefined) return decodeSealingKey(kept, path);
  const key = generateSealingKey(random);
  writePrivateFile(path, encodeSealingKey(key));
  return key;
}
