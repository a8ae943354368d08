import { fromHex, toHex } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Random } from "../platform/platform.ts";

/*
 * The key that encrypts the secrets of access keys. It lies next to the index and not in it: a
 * person who gets hold of the index alone (a copy, a backup, a disk it was moved from) can read who
 * has keys, but no secret.
 */

/** The file's name in each data directory; only its owner can read it. */
export const secretsKeyFile = "secrets-key.json";

const keyBytes = 32;

export function generateSecretsKey(random: Random): Uint8Array {
  return random.bytes(keyBytes);
}

export function encodeSecretsKey(key: Uint8Array): string {
  const fields = { format: "holdfast-secrets-key", version: 1, key: toHex(key) };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

export function decodeSecretsKey(text: string, where: string): Uint8Array {
  const fields = parse(text);
  const version = fields?.["version"];
  if (typeof version === "number" && version > 1) {
    const fix = "start the newer version of Holdfast that wrote it";
    throw new StoreError("unsupported_format", `${where} is of version ${version}: ${fix}`);
  }
  const hex = fields?.["key"];
  const key = typeof hex === "string" ? fromHex(hex) : undefined;
  if (key?.length === keyBytes) return key;
  const fix = "restore it; without it the access keys in the index have to be made again";
  throw new StoreError("invalid", `${where} is damaged: ${fix}`);
}

function parse(text: string): Record<string, unknown> | null {
  try {
    // Every field is checked by the caller.
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    return null;
  }
}
