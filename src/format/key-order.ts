import { StoreError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";

/*
 * Object keys inside longer row keys.
 *
 * What follows the key in a row key (a version, an upload id) must not disturb the order of the
 * keys, and keys may hold any byte, NUL too. The usual escape (NUL becomes two bytes) doubles a key
 * of 1,024 NULs to more than an engine takes. Here a whole run of NULs is one escape of two bytes,
 * so no key grows past 1.5 times its length:
 *
 *     00 00              the key ends here
 *     00 n               (1..100)  n NULs, and then the key ends (00 00 is left out)
 *     00 80              100 NULs, and at least one more follows
 *     00 255-n           (n 1..100, so 9b..fe)  n NULs, and then some other byte
 *
 * Order: of two keys that agree up to a run of NULs, the one that ends first is smaller, then the
 * one that goes on with more NULs is smaller than the one that goes on with another byte; the
 * second bytes above sort just so.
 */

/**
 * @limit NULs that one escape stands for: 1 … n and their complements must not meet (0x64 < 0x80 <
 * 0x9b).
 */
const runMax = 100;
const runGoesOn = 0x80;

/** Bytes `key` takes in its ordered form. */
export function orderedKeyBytes(key: Uint8Array): number {
  if (!key.includes(0)) return key.length + 2;
  return writeOrderedKey(key, new Uint8Array(orderedKeyBytesMax(key.length)), 0);
}

/** The same at the most (1.5 times and 2). */
export function orderedKeyBytesMax(keyBytes: number): number {
  return Math.ceil(keyBytes * 1.5) + 2;
}

/**
 * Writes `key` at `out[at…]`; returns where it ends. Any two ordered forms compare as their keys
 * do.
 */
export function writeOrderedKey(key: Uint8Array, out: Uint8Array, at: number): number {
  let to = at;
  let from = 0;
  while (from < key.length) {
    const byte = key[from]!;
    if (byte !== 0) {
      out[to++] = byte;
      from++;
      continue;
    }
    let run = 0;
    while (from < key.length && key[from] === 0) {
      run++;
      from++;
    }
    for (; run > runMax; run -= runMax) {
      out[to++] = 0;
      out[to++] = runGoesOn;
    }
    out[to++] = 0;
    out[to++] = from === key.length ? run : 255 - run;
    if (from === key.length) return to;
  }
  out[to++] = 0;
  out[to++] = 0;
  return to;
}

/**
 * Reads the key that begins at `bytes[at]`; returns it (perhaps a view) and where its ordered form
 * ends.
 */
export function readOrderedKey(bytes: Uint8Array, at: number): { key: Uint8Array; end: number } {
  const zero = bytes.indexOf(0, at);
  // Most keys have no NUL: then the key stands there as it is.
  if (zero >= 0 && bytes[zero + 1] === 0) return { key: bytes.subarray(at, zero), end: zero + 2 };
  const out: number[] = [];
  let from = at;
  for (;;) {
    if (from >= bytes.length) throw new StoreError("corrupt", "row key: the object key has no end");
    const byte = bytes[from++]!;
    if (byte !== 0) {
      out.push(byte);
      continue;
    }
    const code = bytes[from++];
    if (code === undefined) throw new StoreError("corrupt", "row key: the object key has no end");
    const goesOn = code === runGoesOn;
    const followed = code >= 255 - runMax && code < 255;
    if (!goesOn && !followed && code > runMax) {
      throw new StoreError("corrupt", `row key: escape ${code}`);
    }
    const run = goesOn ? runMax : followed ? 255 - code : code;
    for (let i = 0; i < run; i++) out.push(0);
    if (!goesOn && !followed) break;
  }
  assert(from <= bytes.length, "read past the row key");
  return { key: Uint8Array.from(out), end: from };
}
