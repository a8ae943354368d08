import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";

/**
 * The file at the top of the first data directory that says: the index was seen damaged, and not found good since. That it
 * is there is what counts; what stands in it is for people, and its id for telling one sight from the next.
 */
export const indexDamageFile = "holdfast-index-damage.json";

export interface IndexDamageMark {
  /** New at each writing. */
  readonly id: string;
  readonly seenMs: number;
  /** What was seen, cut off where it is long. */
  readonly message: string;
}

/** Always as many, so that a mark replaces another whole. */
export const indexDamageFileBytes = 1024;
/** @limit Of a message, so that the mark stays within that. */
const messageCharactersMax = 400;
const version = 1;

export function encodeIndexDamage({ id, seenMs, message }: IndexDamageMark): Uint8Array {
  // What JSON would escape is replaced, so each character is one byte.
  const plain = message.replaceAll(/[^ -~]|["\\]/g, "?").slice(0, messageCharactersMax);
  const fields = { format: "holdfast-index-damage", version, id, seenMs, message: plain };
  return encodeUtf8(`${JSON.stringify(fields).padEnd(indexDamageFileBytes - 1)}\n`);
}

/** A mark that cannot be read is still a mark: its id is its text. */
export function decodeIndexDamage(bytes: Uint8Array): IndexDamageMark {
  const text = decodeUtf8(bytes);
  try {
    const { id, seenMs, message } = JSON.parse(text) as Record<string, unknown>; // each is checked
    if (typeof id === "string" && typeof seenMs === "number" && typeof message === "string") {
      return { id, seenMs, message };
    }
  } catch {
    // Torn, or written by hand.
  }
  return { id: text, seenMs: 0, message: "the file cannot be read" };
}
