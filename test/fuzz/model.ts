import { createHash } from "node:crypto";

/*
 * The possible contents of the buckets of one seed. A 2xx says that all of it is there, an error
 * that nothing changed. Where no answer came, a key becomes *loose*: it holds what it held or what
 * was sent, each as a whole, or nothing.
 */

export interface Version {
  /** `null` in buckets that were not versioned at the time. */
  readonly id: string;
  /** Undefined: a delete marker. */
  readonly content: Buffer | undefined;
}

interface Upload {
  readonly key: string;
  readonly parts: Map<number, Buffer>;
}

export class BucketModel {
  readonly name: string;
  /** The newest first. Keys as bytes, one character each. */
  readonly keys = new Map<string, Version[]>();
  /** The contents that a loose key may have; undefined: anything, as long as it is whole. */
  readonly loose = new Map<string, Buffer[] | undefined>();
  readonly uploads = new Map<string, Upload>();
  /** Completing them again is answered as the first time. */
  readonly completed = new Set<string>();
  /** Some object was stored under a key that is not known. */
  keysAreLoose = false;
  /** True if it is not known of some upload whether it was begun or ended, or with which parts. */
  uploadsAreLoose = false;
  /** It was deleted, being empty. */
  gone = false;

  constructor(name: string) {
    this.name = name;
  }

  version(key: string, id: string | undefined): Version | undefined {
    const versions = this.keys.get(key);
    return id === undefined ? versions?.[0] : versions?.find((version) => version.id === id);
  }

  put(key: string, id: string, content: Buffer | undefined): void {
    const others = (this.keys.get(key) ?? []).filter((version) => version.id !== id);
    this.keys.set(key, [{ id, content }, ...others]);
    // A request without an answer may still take effect after it, so the key stays loose.
    if (content !== undefined) this.loose.get(key)?.push(content);
  }

  remove(key: string, id: string): void {
    const rest = (this.keys.get(key) ?? []).filter((version) => version.id !== id);
    if (rest.length > 0) this.keys.set(key, rest);
    else this.keys.delete(key);
  }

  /** Something may or may not have happened to the key. */
  loosen(key: string, ...contents: Buffer[]): void {
    if (this.loose.has(key)) this.loose.get(key)?.push(...contents);
    else this.loose.set(key, [...this.#contentsOf(key), ...contents]);
  }

  #contentsOf(key: string): Buffer[] {
    return (this.keys.get(key) ?? []).flatMap(({ content }) => content ?? []);
  }
}

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

export function multipartEtag(parts: readonly Buffer[]): string {
  const digests = parts.map((part) => createHash("md5").update(part).digest());
  return `${md5Of(Buffer.concat(digests))}-${parts.length}`;
}

/**
 * Bytes that identify themselves: the beginning of another body, or of this one moved, differs from
 * it everywhere.
 */
export function contentOf(seed: number, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  let at = 0;
  for (; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content.writeUInt32LE(state, at);
  }
  content.fill(state & 0xff, at);
  return content;
}
