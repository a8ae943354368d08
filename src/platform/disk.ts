import type { Ready } from "../base/ready.ts";

/**
 * One data directory. Paths are relative to it, with `/` between names; nothing outside can be
 * named.
 *
 * What is durable, and when, follows POSIX and no more: bytes written are durable after `sync` of
 * their file; a created, renamed or removed name is durable after `syncDirectory` of the directory
 * it stands in. Until then a power cut may keep or lose each of them, in any order.
 */
export interface Disk {
  /** The directory as the operator named it, for messages. */
  readonly name: string;
  /**
   * `create` makes a new file, for reading and writing, and fails with `exists` where there is one;
   * `read` and `write` (which also reads) fail with `missing` where there is none.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  /** The names in a directory, in no order; `missing` where there is no such directory. */
  list(directory: string): Promise<string[]>;
  /** Makes one directory; it is no error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Replaces `to` where it exists. */
  rename(from: string, to: string): Promise<void>;
  /** Fails with `missing` where there is no such file. Open files of it can still be read. */
  remove(path: string): Promise<void>;
  /** Makes the names in this directory durable ("" is the data directory itself). */
  syncDirectory(path: string): Promise<void>;
  space(): Promise<DiskSpace>;
}

/** What the file system of a disk says. */
export interface DiskSpace {
  readonly bytesTotal: number;
  readonly bytesFree: number;
  /** True where nothing can be written, however much is free: it is mounted or protected so. */
  readonly isReadOnly: boolean;
  /** Its name on this machine while it is mounted: directories with the same name share its space. */
  readonly fileSystem: string;
}

export interface DiskFile {
  /**
   * Fills `buffer` from `offset`; returns how many bytes were there. Fewer than asked means the end
   * of the file. The buffer may be handed on at once.
   */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /**
   * Writes the vectors one after the other from `offset`, in as few writes as it can, all of them
   * or an error (then any bytes of them may be there). They must not change until it returns.
   */
  write(vectors: readonly Uint8Array[], offset: number): Promise<void>;
  /**
   * Makes the file's bytes and length durable. After a failure nothing since the last success
   * counts as written.
   */
  sync(): Promise<void>;
  /**
   * `write` and `sync` as one step: what it wrote is durable once it resolves. After a failure as
   * after that of a sync.
   */
  writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void>;
  /** Length in bytes. */
  size(): Promise<number>;
  /**
   * True if the path it was opened by still leads to this file: false where it was removed,
   * replaced or moved, or another directory is mounted above it. What is written to such a file is
   * lost once the last process closes it. Given `head`, it is filled with the file's first bytes,
   * and with zeros behind its end.
   *
   * Asked after each append, of a file whose first bytes were read a moment before: what is looked
   * at is in memory, so it may be done at once, without a thread of its own.
   */
  isInPlace(head?: Uint8Array): Ready<boolean>;
  close(): Promise<void>;
}

/**
 * - `full`: no space (or quota) left; reading goes on, and so does writing once there is space.
 * - `read_only`: mounted or protected against writing.
 * - `missing`: no such file, or the whole directory has gone.
 * - `exists`: the name is taken.
 * - `no_answer`: the disk hangs: what it was asked may still be done, once it answers again.
 * - `io`: anything else; the device is to be distrusted.
 */
export type DiskErrorKind = "full" | "read_only" | "missing" | "exists" | "no_answer" | "io";

export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly kind: DiskErrorKind;

  constructor(kind: DiskErrorKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

export function isDiskError(value: unknown, kind?: DiskErrorKind): value is DiskError {
  return value instanceof DiskError && (kind === undefined || value.kind === kind);
}
