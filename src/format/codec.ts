import { StoreError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";
import { decodeUtf8, encodeUtf8, fromHex, toHex } from "../base/bytes.ts";

/**
 * Writes the fields of a stored value one after the other, without names: which field stands where is decided
 * by the version number at the front of each value. Integers are big-endian; `varint` is LEB128.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** An integer from 0 to 2^53 - 1, in 8 bytes. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `not an unsigned integer: ${value}`);
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }

  /** An integer from 0 to 2^53 - 1, in 1 to 8 bytes. */
  varint(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `not an unsigned integer: ${value}`);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  boolean(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Bytes behind their length. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** Text as UTF-8 behind its length in bytes. */
  text(text: string): this {
    return this.bytes(encodeUtf8(text));
  }

  /** An id of 32 hex digits, in 16 bytes. */
  id(hex: string): this {
    const bytes = fromHex(hex);
    assert(bytes !== undefined && bytes.length === 16, `not an id: ${hex}`);
    return this.raw(bytes);
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.varint(items.length);
    for (const item of items) write(item);
    return this;
  }

  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.boolean(value !== undefined);
    if (value !== undefined) write(value);
    return this;
  }

  /** What was written; the writer is used up. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what ByteWriter wrote. Anything that does not fit is StoreError `corrupt`, naming `what`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  fail(why: string): never {
    throw new StoreError("corrupt", `${this.#what}: ${why} at byte ${this.#at}`);
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) this.fail(`${count} bytes expected, the value ends`);
    this.#at = at + count;
    return at;
  }

  get rest(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail("number too large");
    return Number(value);
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) this.fail("number too large");
        return value;
      }
      factor *= 0x80;
    }
    return this.fail("number too long");
  }

  boolean(): boolean {
    const byte = this.u8();
    if (byte > 1) this.fail("not a boolean");
    return byte === 1;
  }

  /** A copy of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.slice(at, at + count);
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    return decodeUtf8(this.bytes());
  }

  /** 16 bytes as 32 hex digits; the caller names which kind of id it is. */
  id<T extends string>(): T {
    return toHex(this.raw(16)) as T; // the field's place says which id it is
  }

  list<T>(read: () => T): T[] {
    const count = this.varint();
    if (count > this.rest) this.fail("list longer than the value");
    return Array.from({ length: count }, read);
  }

  optional<T>(read: () => T): T | undefined {
    return this.boolean() ? read() : undefined;
  }

  /** The version at the front of a value; a newer one than `newest` is refused with the fix named. */
  version(newest: number): number {
    const version = this.u8();
    if (version > newest) {
      const fix = "start the newer version of Holdfast that wrote it";
      const message = `${this.#what}: format version ${version}, this software knows ${newest}: ${fix}`;
      throw new StoreError("unsupported_format", message);
    }
    if (version === 0) this.fail("version 0");
    return version;
  }

  end(): void {
    if (this.rest !== 0) this.fail(`${this.rest} bytes too many`);
  }
}
