import type { Random } from "../platform/platform.ts";
import type { Principal } from "./authorize.ts";

/** The id and the secret that a client signs with. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** An access key as it may be shown. */
export interface AccessKeyInfo {
  readonly accessKeyId: string;
  readonly ownerName: string;
  readonly owner: string;
  readonly account: string;
  readonly createdMs: number;
  readonly state: "active" | "inactive";
}

/**
 * The root's access key, which is found first, and those in the index, which are all that the rest
 * is about.
 */
export interface AccessKeys extends Credentials {
  /** Undefined where the id is taken. The owner is made with the first key that names it. */
  create(key: AccessKey, ownerName: string): Promise<AccessKeyInfo | undefined>;
  /** Lists keys in the order of their ids, from the first behind `after`. */
  list(after: string, limit: number): Promise<readonly AccessKeyInfo[]>;
  /** Once it is answered no process accepts the key; false where there is none. */
  delete(accessKeyId: string): Promise<boolean>;
}

/** AWS' own have 20 characters; this is what its tools accept. */
const accessKeyIdForm = /^[\w.@+-]{3,128}$/;
export const accessKeyIdRule = "3 to 128 letters, digits, or any of _ . @ + -";
/** @limit The shortest secret that AWS's tools accept. */
export const secretLengthMin = 8;
/** @limit AWS' own have 40 characters; the row of a key stays small. */
const secretLengthMax = 128;
export const secretRule = `${secretLengthMin} to ${secretLengthMax} letters, digits or signs of ASCII, no space`;

export function isAccessKeyId(text: string): boolean {
  return accessKeyIdForm.test(text);
}

export function isSecret(text: string): boolean {
  return text.length >= secretLengthMin && text.length <= secretLengthMax && /^[!-~]*$/.test(text);
}

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** 90 random bits in the id, 240 in the secret, in letters that survive every shell and URL. */
export function generateAccessKey(random: Random): AccessKey {
  const letters = (count: number): string =>
    Array.from(random.bytes(count), (byte) => base32[byte & 31]).join("");
  return { accessKeyId: `HF${letters(18)}`, secretAccessKey: letters(48) };
}

export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

/** Access keys by id. */
export interface Credentials {
  /** Answers with the value itself where it is at hand. */
  find(accessKeyId: string): Credential | undefined | Promise<Credential | undefined>;
}
