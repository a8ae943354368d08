import { RecentMap } from "../base/recent-map.ts";
import type { Hash } from "../platform/hash.ts";
import { deriveSigningKey } from "./signature-v4.ts";

/**
 * @limit Keys last a day each; so many users a day are served without deriving (four HMACs) again.
 * ~200 B each.
 */
export const signingKeysMax = 1024;

/** Derived signing keys, remembered: the oldest gives way. */
export class SigningKeys {
  readonly #hash: Hash;
  readonly #region: string;
  readonly #keys = new RecentMap<string, Uint8Array>(signingKeysMax);

  constructor(hash: Hash, region: string) {
    this.#hash = hash;
    this.#region = region;
  }

  /** By the secret itself and not its id: a changed secret must not find the old one's key. */
  derive(secretAccessKey: string, date: string): Uint8Array {
    const name = `${date}/${secretAccessKey}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = deriveSigningKey(this.#hash, secretAccessKey, { date, region: this.#region });
    this.#keys.set(name, key);
    return key;
  }
}
