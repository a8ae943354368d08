import {
  type AccessKey,
  accessKeyIdRule,
  type Credential,
  type Credentials,
  isAccessKeyId,
  secretLengthMin,
} from "../auth/access-key.ts";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import { idText, type StoreId } from "../format/ids.ts";
import type { Hash } from "../platform/hash.ts";

/** The file's name in each data directory; only its owner can read it. */
export const rootKeyFile = "credentials.json";

export const rootKeyVariables = {
  accessKeyId: "HOLDFAST_ROOT_ACCESS_KEY_ID",
  secretAccessKey: "HOLDFAST_ROOT_SECRET_ACCESS_KEY",
} as const;

/** The names of two variables with an access key. */
interface KeyVariables {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The root's key, which may do everything: that of the two variables; undefined where neither is
 * set.
 */
export function rootKeyOfEnvironment(environment: Environment): AccessKey | undefined {
  return keyOfVariables(environment, rootKeyVariables);
}

/** The key of two variables; undefined where neither is set. */
export function keyOfVariables(
  environment: Environment,
  variables: KeyVariables,
): AccessKey | undefined {
  const accessKeyId = environment[variables.accessKeyId];
  const secretAccessKey = environment[variables.secretAccessKey];
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const [set, missing] =
      accessKeyId === undefined
        ? [variables.secretAccessKey, variables.accessKeyId]
        : [variables.accessKeyId, variables.secretAccessKey];
    throw new StoreError("invalid", `${set} is set without ${missing}: set both or neither`);
  }
  if (!isAccessKeyId(accessKeyId)) {
    throw new StoreError("invalid", `${variables.accessKeyId} must be ${accessKeyIdRule}`);
  }
  if (secretAccessKey.length < secretLengthMin) {
    const message = `${variables.secretAccessKey} must have ${secretLengthMin} characters or more`;
    throw new StoreError("invalid", message);
  }
  return { accessKeyId, secretAccessKey };
}

export function encodeRootKey(key: AccessKey): string {
  return `${JSON.stringify({ format: "holdfast-root-key", version: 1, ...key }, undefined, 2)}\n`;
}

export function decodeRootKey(text: string, where: string): AccessKey {
  let fields: Record<string, unknown> | null;
  try {
    fields = JSON.parse(text) as Record<string, unknown> | null; // every field is checked below
  } catch (cause) {
    throw new StoreError("invalid", notAKey(where), { cause });
  }
  const { accessKeyId, secretAccessKey, version } = fields ?? {};
  if (typeof version === "number" && version > 1) {
    const fix = "start the newer version of Holdfast that wrote it";
    throw new StoreError("unsupported_format", `${where} is of version ${version}: ${fix}`);
  }
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") {
    throw new StoreError("invalid", notAKey(where));
  }
  return { accessKeyId, secretAccessKey };
}

function notAKey(where: string): string {
  return `${where} is damaged: restore it, or copy it from another data directory of the store`;
}

/** Where the root's key is found, at once. */
export interface RootCredentials extends Credentials {
  find(accessKeyId: string): Credential | undefined;
}

/**
 * The root's key by its id. Who owns what is stored by owner and account, so they stay as they are.
 */
export function rootCredentials(key: AccessKey, store: StoreId, hash: Hash): RootCredentials {
  const owner = toHex(hash.digest("sha256", encodeUtf8(`root of store ${idText(store)}`)));
  const principal = { owner, account: "000000000000", name: "root", root: true };
  const credential: Credential = { ...key, principal };
  return { find: (accessKeyId) => (accessKeyId === key.accessKeyId ? credential : undefined) };
}
