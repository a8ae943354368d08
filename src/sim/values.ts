import { must } from "../base/assert.ts";
import { concatBytes, equalBytes, toHex } from "../base/bytes.ts";
import type { ObjectAttributes } from "../format/object-row.ts";
import type { Hash } from "../platform/hash.ts";
import type { KeyState } from "./key-state.ts";
import { SeededRandom } from "../platform/seeded-random.ts";

/*
 * All the bytes a run ever wrote, by the name of the value. An object carries its value's name in
 * its metadata, so that a reader knows which bytes, which ETag and which key it must have,
 * even where two values have the same bytes.
 */

export interface Value {
  readonly name: KeyState;
  /** Bucket and key. */
  readonly target: string;
  readonly bytes: Uint8Array;
  readonly etag: string;
}

const metadataName = "value";

export class Values {
  readonly #hash: Hash;
  readonly #seed: number;
  readonly #storageClasses: readonly string[];
  readonly #values = new Map<KeyState, Value>();
  #count = 0;

  constructor(hash: Hash, seed: number, storageClasses: readonly string[]) {
    this.#hash = hash;
    this.#seed = seed;
    this.#storageClasses = storageClasses;
  }

  nextName(): string {
    return `v${++this.#count}`;
  }

  /** The bytes of a value or part, which follow from the seed, the name and the length. */
  bytesFor(name: string, length: number): Uint8Array {
    const number = Number.parseInt(name.slice(1), 10);
    return new SeededRandom(Math.imul(this.#seed, 0x9e3779b1) ^ number).bytes(length);
  }

  /** The attributes of an object that has the value with this name. */
  attributesFor(name: string): ObjectAttributes {
    return {
      headers: [["content-type", "application/x-simulated"]],
      metadata: [[metadataName, name]],
      tags: [],
      owner: "owner",
      account: "account",
      storageClass: this.#storageClassOf(name),
      encryption: undefined,
      lock: undefined,
    };
  }

  /** How the storage class of an object differs from the one it was written in; undefined: not. */
  classDifference(attributes: ObjectAttributes): string | undefined {
    const { storageClass } = attributes;
    const wanted = this.#storageClassOf(baseNameOf(attributes));
    return storageClass === wanted ? undefined : `class ${storageClass} instead of ${wanted}`;
  }

  /** It follows from the name as the bytes do. */
  #storageClassOf(name: string): string {
    const number = Number.parseInt(name.slice(1), 10);
    const { length } = this.#storageClasses;
    return this.#storageClasses[number % length]!; // there is one at the least
  }

  md5(bytes: Uint8Array): Uint8Array {
    return this.#hash.digest("md5", bytes);
  }

  add(name: KeyState, target: string, bytes: Uint8Array): Value {
    const value = { name, target, bytes, etag: toHex(this.md5(bytes)) };
    this.#values.set(name, value);
    return value;
  }

  /** The value that completing an upload with these parts makes. */
  addMultipart(base: string, target: string, parts: readonly PartContent[]): Value {
    const digest = this.md5(concatBytes(parts.map((part) => part.md5)));
    const etag = `${toHex(digest)}-${parts.length}`;
    const bytes = concatBytes(parts.map((part) => part.bytes));
    const value = { name: `${base}/${etag}`, target, bytes, etag };
    this.#values.set(value.name, value);
    return value;
  }

  /** An upload that was refused made no value. */
  remove(name: KeyState): void {
    this.#values.delete(name);
  }

  /** The value whose objects carry this name in their metadata. */
  withBase(base: string): Value | undefined {
    const value = this.#values.get(base);
    if (value !== undefined) return value;
    return [...this.#values.values()].find(({ name }) => name.startsWith(`${base}/`));
  }

  /** An ETag that the key may have now, or once had, or never. */
  someEtag(random: SeededRandom, target: string): string {
    const values = [...this.#values.values()];
    const own = values.filter((value) => value.target === target).slice(-4);
    const choices = own.length > 0 && random.chance(0.8) ? own : values;
    return choices.length === 0 ? "none" : random.pick(choices).etag;
  }

  get(name: KeyState): Value | undefined {
    return this.#values.get(name);
  }

  etagOf(name: KeyState): string | undefined {
    return this.#values.get(name)?.etag;
  }
}

export interface PartContent {
  readonly bytes: Uint8Array;
  readonly md5: Uint8Array;
}

/** The name of the value an object says it is. */
export function valueNameOf(
  row: { readonly attributes: ObjectAttributes; readonly partCount: number },
  etag: string,
): KeyState {
  const base = baseNameOf(row.attributes);
  return row.partCount === 0 ? base : `${base}/${etag}`;
}

export function baseNameOf({ metadata }: ObjectAttributes): string {
  const found = metadata.find(([name]) => name === metadataName);
  return must(found, "an object without the name of its value")[1];
}

/** How what was read differs from what it should be; undefined: not at all. */
export function differenceOf(
  value: Value | undefined,
  read: { target: string; etag: string; size: number; first?: number; bytes?: Uint8Array },
): string | undefined {
  if (value === undefined) return "a value that was never written";
  if (value.target !== read.target) return `a value of ${value.target}`;
  if (value.etag !== read.etag) return `ETag ${read.etag} instead of ${value.etag}`;
  if (value.bytes.length !== read.size) return `size ${read.size}, not ${value.bytes.length}`;
  if (read.bytes === undefined) return undefined;
  const first = read.first ?? 0;
  const expected = value.bytes.subarray(first, first + read.bytes.length);
  return equalBytes(expected, read.bytes) ? undefined : "wrong bytes";
}
