import type { AccessKeys, Credential } from "../../auth/access-key.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { openTestKeymap } from "../../keymap/testing/open-test-keymap.ts";
import type { Platform, SecretCipher } from "../../platform/platform.ts";
import { StoredAccessKeys } from "../access-keys.ts";
import type { RootCredentials } from "../root-credentials.ts";

export interface OpenedKeys {
  readonly keys: AccessKeys;
  readonly keymap: Keymap;
}

export const testKey = (accessKeyId: string) => ({
  accessKeyId,
  secretAccessKey: `secret-of-${accessKeyId}`,
});

const root: Credential = {
  ...testKey("ROOT"),
  principal: { owner: "0".repeat(64), account: "000000000000", name: "root", root: true },
};
const rootKey: RootCredentials = {
  find: (accessKeyId) => (accessKeyId === "ROOT" ? root : undefined),
};

/** The keys as one process of a store has them; the root's is ROOT. */
export async function openAccessKeys(
  platform: Platform,
  engine: Engine,
  cipher: SecretCipher,
): Promise<OpenedKeys> {
  const engines = new Map([["main", engine]]);
  const keymap = await openTestKeymap({ platform, engines, role: "front-end" });
  return { keys: new StoredAccessKeys({ platform, keymap, cipher, rootKey }), keymap };
}
