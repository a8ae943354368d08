// Identifiers of different things have different types. Numbers are assigned one after the other from
// counters in the index, are never used twice, and stay below 2^53 (stored in 8 bytes).

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type BucketId = Branded<number, "BucketId">;
export type ExtentId = Branded<number, "ExtentId">;
/** One run of one process, from registering until it is fenced. */
export type SessionId = Branded<number, "SessionId">;
export type PartitionId = Branded<number, "PartitionId">;
/** 32 lower-case hex digits: 16 bytes. One upload's or one object's bytes as written once; session and counter. */
export type BlobId = Branded<string, "BlobId">;
/** 32 lower-case hex digits: 16 bytes. One commit; session and counter. */
export type ChangeId = Branded<string, "ChangeId">;
/** 32 lower-case hex digits: 16 bytes. Begins with the time, so that uploads of a key sort by age. */
export type UploadId = Branded<string, "UploadId">;
/** 32 lower-case hex digits: 16 random bytes, in the identity file of a data directory. */
export type DiskId = Branded<string, "DiskId">;
/** 32 lower-case hex digits: 16 random bytes. */
export type StoreId = Branded<string, "StoreId">;

/** The blob id of records and rows without bytes, and the upload id of those without an upload. */
export const noId = "00000000000000000000000000000000";

export const idBytes = 16;

/** 16 bytes, as hex, of a session and a number it counts up: unique without randomness. */
export function composeId(session: SessionId, counter: number): string {
  return session.toString(16).padStart(16, "0") + counter.toString(16).padStart(16, "0");
}

/** The number of such an id among those of its session. */
export function counterOfId(id: ChangeId | BlobId): number {
  return Number.parseInt(id.slice(16), 16);
}

/** The session of an id that `composeId` made. */
export function sessionOfId(id: ChangeId | BlobId): SessionId {
  return Number.parseInt(id.slice(0, 16), 16) as SessionId; // the first half is one
}
