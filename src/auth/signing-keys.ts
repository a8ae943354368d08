import { RecentMap } from "../base/recent-map.ts";
import type { Hash } from "../platform/hash.ts";
import { deriveSigningKey } from "./signature-v4.ts";
import type { KeyScope } from "./signature-v4.ts";

/** Keys last a day each; so many users a day are served without deriving (four HMACs) again. ~200 B each. */
export const signingKeysMax = 1024;

/** Derived signing keys, remembered: the oldest gives way. */
export class SigningKeys {
  readonly #hash: Hash;
  readonly #keys = new RecentMap<string, Uint8Array>(signingKeysMax);

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** By the secret itself and not its id: a changed secret must not find the old one's key. */
  derive(secretAccessKey: string, scope: KeyScope): Uint8Array {
    const name = `${scope.date}/${scope.region}/${secretAccessKey}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = deriveSigningKey(this.#hash, secretAccessKey, scope);
    this.#keys.set(name, key);
    return key;
  }
}
