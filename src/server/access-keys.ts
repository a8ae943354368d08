import {
  type AccessKey,
  type AccessKeyInfo,
  type AccessKeys,
  type Credential,
  isAccessKeyId,
} from "../auth/access-key.ts";
import { afterKey, decodeUtf8, encodeUtf8, equalBytes, toHex } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import { type Ready, whenReady } from "../base/ready.ts";
import { RecentMap } from "../base/recent-map.ts";
import { type Change, type Row, readRow } from "../engine/engine.ts";
import {
  type AccessKeyRow,
  decodeAccessKeyRow,
  decodeOwnerRow,
  encodeAccessKeyRow,
  encodeOwnerRow,
  type OwnerRow,
} from "../format/system-rows.ts";
import type { ChangeId } from "../format/ids.ts";
import { accessKeyIdOfKey, accessKeyKey, ownerKey, space, spaceRange } from "../format/row-keys.ts";
import { nextId } from "../keymap/counters.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { Platform, SecretCipher } from "../platform/platform.ts";
import type { RootCredentials } from "./root-credentials.ts";

export interface AccessKeysOptions {
  readonly platform: Pick<Platform, "clock" | "random">;
  readonly rootKey: RootCredentials;
  readonly keymap: Keymap;
  readonly cipher: SecretCipher;
}

/**
 * @limit Keys whose decrypted secrets are kept, ~500 B each: decrypting is the slowest step of
 * looking up a key.
 */
const decryptedKeysMax = 1024;

/** @limit Attempts to make a key whose owner another request makes at the same time. */
const attemptsMax = 16;

type RowPut = Change["puts"][number];

interface DecryptedKey {
  /** The stamp of the row it was decrypted from: another stamp is another row. */
  readonly stamp: ChangeId;
  readonly credential: Credential;
}

export class StoredAccessKeys implements AccessKeys {
  readonly #options: AccessKeysOptions;
  readonly #decrypted = new RecentMap<string, DecryptedKey>(decryptedKeysMax);

  constructor(options: AccessKeysOptions) {
    this.#options = options;
  }

  /**
   * The row is read for each request, so what was deleted or changed by any process is never used
   * again.
   */
  find(accessKeyId: string): Ready<Credential | undefined> {
    const key = this.rowKey(accessKeyId);
    const row = key === undefined ? undefined : readRow(this.#options.keymap.system, key);
    return whenReady(row, (found) => this.credentialOf(accessKeyId, found));
  }

  /** The key of the row that `credentialOf` needs; undefined where it needs none. */
  rowKey(accessKeyId: string): Uint8Array | undefined {
    const isStored =
      this.#options.rootKey.find(accessKeyId) === undefined && isAccessKeyId(accessKeyId);
    return isStored ? accessKeyKey(encodeUtf8(accessKeyId)) : undefined;
  }

  /** The credential of the root's key, or what a row in the index says. */
  credentialOf(accessKeyId: string, row: Row | undefined): Credential | undefined {
    const root = this.#options.rootKey.find(accessKeyId);
    if (root !== undefined) return root;
    if (row === undefined) {
      this.#decrypted.delete(accessKeyId);
      return undefined;
    }
    const decrypted = this.#decrypted.get(accessKeyId);
    if (decrypted?.stamp === row.stamp) return decrypted.credential;
    const stored = decodeAccessKeyRow(row.value);
    if (stored.state !== "active") return undefined;
    const credential = this.#decrypt(accessKeyId, stored);
    this.#decrypted.set(accessKeyId, { stamp: row.stamp, credential });
    return credential;
  }

  #decrypt(accessKeyId: string, { secret, owner, account, ownerName }: AccessKeyRow): Credential {
    const decrypted = this.#options.cipher.decrypt(secret, encodeUtf8(accessKeyId));
    if (decrypted === undefined) {
      const fix = "bring back the secrets key it was made with, or delete the key and make another";
      const what = `the secret of access key ${accessKeyId} cannot be decrypted`;
      throw new StoreError("missing", `${what}: ${fix}`);
    }
    const principal = { owner, account, name: ownerName, root: false };
    return { accessKeyId, secretAccessKey: decodeUtf8(decrypted), principal };
  }

  async create(key: AccessKey, ownerName: string): Promise<AccessKeyInfo | undefined> {
    const { keymap, platform, cipher, rootKey } = this.#options;
    const { accessKeyId } = key;
    if (rootKey.find(accessKeyId) !== undefined) return undefined;
    const id = encodeUtf8(accessKeyId);
    const rowKey = accessKeyKey(id);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if ((await readRow(keymap.system, rowKey)) !== undefined) return undefined;
      const { row: owner, puts } = await this.#ownerNamed(ownerName);
      const row: AccessKeyRow = {
        secret: cipher.encrypt(encodeUtf8(key.secretAccessKey), id),
        owner: owner.owner,
        account: owner.account,
        ownerName,
        createdMs: platform.clock.now(),
        state: "active",
      };
      const made: RowPut[] = [...puts, { key: rowKey, value: encodeAccessKeyRow(row) }];
      const committed = await keymap.system.commit({
        id: keymap.session.nextChangeId(),
        checks: made.map((put) => ({ key: put.key, expect: "absent" })),
        puts: made,
        deletes: [],
      });
      if (committed.outcome === "ok") return infoOf(accessKeyId, row);
      if (equalBytes(committed.key, rowKey)) return undefined;
    }
    throw new StoreError("overloaded", `the owner ${ownerName} kept changing: try again`);
  }

  /** The owner, and what to put where it is not there yet. */
  async #ownerNamed(
    name: string,
  ): Promise<{ readonly row: OwnerRow; readonly puts: readonly RowPut[] }> {
    const { keymap, platform } = this.#options;
    const key = ownerKey(encodeUtf8(name));
    const stored = await readRow(keymap.system, key);
    if (stored !== undefined) return { row: decodeOwnerRow(stored.value), puts: [] };
    // Counted, so that no two accounts are ever the same; root's is 0.
    const account = String(await nextId(keymap, "accounts")).padStart(12, "0");
    const owner = toHex(platform.random.bytes(32));
    const row = { owner, account, createdMs: platform.clock.now() };
    return { row, puts: [{ key, value: encodeOwnerRow(row) }] };
  }

  async list(after: string, limit: number): Promise<readonly AccessKeyInfo[]> {
    const { start, end } = spaceRange(space.accessKeys);
    const from = after === "" ? start : afterKey(accessKeyKey(encodeUtf8(after)));
    const rows = await this.#options.keymap.system.scan({ start: from, end }, { limit });
    return rows.map((row: Row) => {
      return infoOf(decodeUtf8(accessKeyIdOfKey(row.key)), decodeAccessKeyRow(row.value));
    });
  }

  async delete(accessKeyId: string): Promise<boolean> {
    const { keymap } = this.#options;
    if (!isAccessKeyId(accessKeyId)) return false;
    const key = accessKeyKey(encodeUtf8(accessKeyId));
    if ((await readRow(keymap.system, key)) === undefined) return false;
    const id = keymap.session.nextChangeId();
    await keymap.system.commit({ id, checks: [], puts: [], deletes: [key] });
    return true;
  }
}

function infoOf(accessKeyId: string, row: AccessKeyRow): AccessKeyInfo {
  const { secret: _, ...shown } = row;
  return { accessKeyId, ...shown };
}
