import { assert } from "../base/assert.ts";
import { fromHex, toHex } from "../base/bytes.ts";

// Identifiers of different things have different types. Numbers are assigned one after the other
// from counters in the index, are never used twice, and stay below 2^53 (stored in 8 bytes).

declare const brand: unique symbol;
type Numbered<Name extends string> = number & { readonly [brand]: Name };

export type BucketId = Numbered<"BucketId">;
export type ExtentId = Numbered<"ExtentId">;
/** One run of one process, from registering until it is fenced. */
export type SessionId = Numbered<"SessionId">;
export type PartitionId = Numbered<"PartitionId">;

/*
 * The other identifiers are 16 bytes. They are held as a string of 16 characters, one for each
 * byte: so they are values, as numbers are. Two compare with ===, one is a key of a Map, and nobody
 * changes one that others hold; an array of bytes could do none of this, and takes as long to make
 * (read and written: 0.05 µs; as hex text 0.2; Node 26.10, November 2026). For the types they are
 * no strings, since they are nothing to show: `idText` says what they are called in logs, XML and
 * JSON.
 */

interface Opaque<Name extends string> {
  readonly [brand]: Name;
}

/** One upload's or one object's bytes as written once; session and counter. */
export type BlobId = Opaque<"BlobId">;
/** One commit; session and counter. It is the stamp of the rows that the commit put. */
export type ChangeId = Opaque<"ChangeId">;
/** An upload; its id begins with the time, so that uploads of a key sort by age. */
export type UploadId = Opaque<"UploadId">;
/** A data directory; random, and kept in its identity file. */
export type DiskId = Opaque<"DiskId">;
/** A store; random. */
export type StoreId = Opaque<"StoreId">;

export type Id = BlobId | ChangeId | UploadId | DiskId | StoreId;

export const idBytes = 16;

/** The blob id of records and rows without bytes, and the upload id of those without an upload. */
export const noId = "\0".repeat(idBytes) as unknown as BlobId & UploadId; // made here

/** The id in `bytes[at…]`, where there are 16 bytes. */
export function readId<T extends Id>(bytes: Uint8Array, at: number): T {
  // In one call: a loop that adds characters makes a string for each.
  const characters = String.fromCharCode(
    bytes[at]!,
    bytes[at + 1]!,
    bytes[at + 2]!,
    bytes[at + 3]!,
    bytes[at + 4]!,
    bytes[at + 5]!,
    bytes[at + 6]!,
    bytes[at + 7]!,
    bytes[at + 8]!,
    bytes[at + 9]!,
    bytes[at + 10]!,
    bytes[at + 11]!,
    bytes[at + 12]!,
    bytes[at + 13]!,
    bytes[at + 14]!,
    bytes[at + 15]!,
  );
  return characters as unknown as T; // what the caller knows to stand there
}

/** Writes an id at `bytes[at…]`, where there is space for it. */
export function writeId(id: Id, bytes: Uint8Array, at: number): void {
  const characters = charactersOf(id);
  for (let i = 0; i < idBytes; i++) bytes[at + i] = characters.charCodeAt(i);
}

export function idOfBytes<T extends Id>(bytes: Uint8Array): T {
  assert(bytes.length === idBytes, `an id of ${bytes.length} bytes`);
  return readId(bytes, 0);
}

export function bytesOfId(id: Id): Uint8Array {
  const bytes = new Uint8Array(idBytes);
  writeId(id, bytes, 0);
  return bytes;
}

/** 32 lower-case hex digits: the name of an id in logs, XML and JSON. */
export function idText(id: Id): string {
  return toHex(bytesOfId(id));
}

/** Undefined where the text is not one that `idText` gives. */
export function parseId<T extends Id>(text: string): T | undefined {
  const bytes = /^[0-9a-f]{32}$/.test(text) ? fromHex(text) : undefined;
  return bytes && readId(bytes, 0);
}

/** The id of a text that is known to be one. */
export function idOfText<T extends Id>(text: string): T {
  const id = parseId<T>(text);
  assert(id !== undefined, `not the text of an id: ${text}`);
  return id;
}

/** Unique without randomness: a session, and a number that it counts up. */
export function composeId<T extends ChangeId | BlobId>(session: SessionId, counter: number): T {
  const bytes = new Uint8Array(idBytes);
  writeNumber(session, bytes, 0);
  writeNumber(counter, bytes, numberBytes);
  return readId(bytes, 0);
}

/** The number of such an id among those of its session. */
export function counterOfId(id: ChangeId | BlobId): number {
  return numberAt(charactersOf(id), numberBytes);
}

/** The session of an id that `composeId` made. */
export function sessionOfId(id: ChangeId | BlobId): SessionId {
  return numberAt(charactersOf(id), 0) as SessionId; // the first half is one
}

const numberBytes = 8;

function writeNumber(value: number, bytes: Uint8Array, at: number): void {
  let rest = value;
  for (let i = numberBytes - 1; i >= 0; i--) {
    bytes[at + i] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
}

function numberAt(characters: string, at: number): number {
  let value = 0;
  for (let i = 0; i < numberBytes; i++) value = value * 0x100 + characters.charCodeAt(at + i);
  return value;
}

function charactersOf(id: Id): string {
  return id as unknown as string; // what all of them are
}
