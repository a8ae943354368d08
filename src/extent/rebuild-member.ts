import { assert, must } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { isStoreError, messageOf, StoreError } from "../base/errors.ts";
import type { Code } from "../erasure/code.ts";
import type { ShardScheme } from "../format/extent-row.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { encodeShardTable } from "../format/shard.ts";
import type { Platform } from "../platform/platform.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { isReadError } from "./disk/unreadable-bytes.ts";
import type { BytesMoved } from "./encode-extent.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentMember, ReadableMember } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { openExtentView } from "./extent-view.ts";
import { openMember } from "./open-member.ts";
import { ShardReader, Shards } from "./read/shard-reader.ts";
import { UnprovenBytes, verifiedContent } from "./verified-content.ts";

/*
 * Makes one member of an extent from what its members give: a copy from whichever copy has each
 * record whole, a shard from its own blocks where they are good, and otherwise from the fewest
 * others that give them. Nothing is written that is not proved: a copy's bytes by their records, a
 * shard's by the block tables of those it is made of, and at the end by its own table, whose
 * checksum the row has.
 *
 * The target may be a file that is there already, damaged or too short: it is read first, and only
 * what differs is written, or cannot be read: a sector that has gone bad is given another place by
 * its disk as it is written. So a crash leaves each of its bytes as it was, or as it should be.
 */

/** The disk of the file that is written fails, though it answers: another one may not. */
export class TargetFails extends StoreError {
  constructor(cause: StoreError) {
    super("io", messageOf(cause), { cause: cause.cause });
  }
}

/** @limit Bytes at a time: from 1 MiB on writes pass by the page cache. */
const pieceBytes = 1024 * 1024;

export interface RebuildOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  /** A sealed extent. */
  readonly entry: ExtentEntry;
  /** The member's place in the scheme. */
  readonly member: number;
  readonly code: (scheme: ShardScheme) => Code;
  /** Opens the file to write, at the row's epoch: not before there is something to write. */
  readonly openTarget: () => Promise<ExtentMember>;
  readonly signal: AbortSignal;
}

/**
 * Writes the member, durably, and reads it back. Between two yields it moves a bounded number of
 * bytes. UnprovenBytes where no copy has some record whole; StoreError as the members fail, where
 * too few are left; TargetFails, StoreError and so on as the target fails.
 */
export async function* rebuildMember(
  options: RebuildOptions,
): AsyncGenerator<BytesMoved, void, undefined> {
  const { platform, openTarget, entry } = options;
  const piece = new TargetPiece(platform, openTarget, entry.row.epoch);
  const { scheme } = entry.row;
  try {
    if (scheme.kind === "replicated") yield* writeCopy(options, piece);
    else yield* writeShard(options, scheme, piece);
    yield* piece.readBack();
  } finally {
    await piece.close();
  }
}

async function* writeCopy(
  { platform, disks, entry, signal }: RebuildOptions,
  piece: TargetPiece,
): AsyncGenerator<BytesMoved, void, undefined> {
  const view = await openExtentView({ platform, disks }, entry);
  const range = { from: extentHeaderBytes, to: entry.row.length };
  try {
    const { sources } = view;
    const content = verifiedContent({ platform, sources, extent: entry.id, ...range, signal });
    for await (const { start, bytes, isVerified } of content) {
      // holds: C5 rebuilt-from-verified
      if (!isVerified) throw new UnprovenBytes(entry.id, start);
      yield* piece.put(bytes);
    }
    yield* piece.flush();
  } finally {
    await view.close();
  }
}

async function* writeShard(
  { platform, disks, entry, member, code, signal }: RebuildOptions,
  scheme: ShardScheme,
  piece: TargetPiece,
): AsyncGenerator<BytesMoved, void, undefined> {
  const files = new Map<number, Promise<ReadableMember>>();
  const open = (place: number): Promise<ReadableMember> => {
    const opening = files.get(place) ?? openMember(disks, entry, place);
    files.set(place, opening);
    return opening;
  };
  const coded = { ...entry, row: { ...entry.row, scheme } };
  const shards = new Shards({ platform, code: code(scheme), entry: coded, open });
  const reader = new ShardReader(shards, { isVerifying: true });
  const { shardBytes, tableOffset } = shards.geometry;
  try {
    for (let start = 0; start < shardBytes; start += pieceBytes / 2) {
      signal.throwIfAborted();
      const end = Math.min(shardBytes, start + pieceBytes / 2);
      yield* piece.put(await reader.readShard(member, start, end));
    }
    yield* piece.flush();
  } finally {
    for (const file of files.values()) await (await file.catch(() => undefined))?.close();
  }
  const { bytes, checksum } = encodeShardTable(platform.hash, piece.blockChecksums);
  // holds: C4 rebuilt-shard-is-the-meant-one
  if (checksum !== entry.row.members[member]?.tableChecksum) {
    throw new StoreError("corrupt", `extent ${entry.id}: shard ${member} was not made as it was`);
  }
  piece.skipTo(tableOffset);
  yield* piece.put(bytes);
  yield* piece.flush();
}

/** Writes a file from behind its header on, and remembers what it should hold. */
class TargetPiece {
  readonly #platform: Platform;
  readonly #open: () => Promise<ExtentMember>;
  readonly #epoch: number;
  readonly #buffer: Uint8Array;
  readonly #found: Uint8Array;
  /** The checksum of each 64 KiB of the pieces that were written, and where they lie. */
  readonly #pieces: {
    readonly offset: number;
    readonly length: number;
    readonly checksums: readonly number[];
  }[] = [];
  #target: ExtentMember | undefined;
  #filled = 0;
  #offset = extentHeaderBytes;

  constructor(platform: Platform, open: () => Promise<ExtentMember>, epoch: number) {
    this.#platform = platform;
    this.#open = open;
    this.#epoch = epoch;
    this.#buffer = new Uint8Array(pieceBytes);
    this.#found = new Uint8Array(pieceBytes);
  }

  get blockChecksums(): readonly number[] {
    return this.#pieces.flatMap(({ checksums }) => checksums);
  }

  async *put(bytes: Uint8Array): AsyncGenerator<BytesMoved, void, undefined> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + pieceBytes - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === pieceBytes) yield* this.flush();
    }
  }

  async *flush(): AsyncGenerator<BytesMoved, void, undefined> {
    const bytes = this.#buffer.subarray(0, this.#filled);
    if (bytes.length === 0) return;
    const target = (this.#target ??= await onTarget(this.#open()));
    if (!(await this.#holds(target, bytes))) {
      await onTarget(target.append(this.#epoch, this.#offset, [bytes]));
    }
    const { length } = bytes;
    this.#pieces.push({ offset: this.#offset, length, checksums: this.#checksumsOf(bytes) });
    this.#offset += length;
    this.#filled = 0;
    yield 2 * bytes.length;
  }

  /** True if the bytes stand there already. */
  async #holds(target: ExtentMember, bytes: Uint8Array): Promise<boolean> {
    const found = this.#found.subarray(0, bytes.length);
    try {
      const read = await onDisk(target.read(found, this.#offset));
      return equalBytes(found.subarray(0, read), bytes);
    } catch (thrown) {
      // holds: C5 unreadable-bytes-are-written-anew
      if (!isReadError(thrown)) throw thrown;
      return false;
    }
  }

  /** What follows is written here. Not to be called before a flush. */
  skipTo(offset: number): void {
    assert(this.#filled === 0 && offset >= this.#offset, "bytes before it are not written yet");
    this.#offset = offset;
  }

  /** Reads all that was written, and compares it with what should be there. */
  async *readBack(): AsyncGenerator<BytesMoved, void, undefined> {
    const target = must(this.#target, "an extent with content has pieces");
    for (const { offset, length, checksums } of this.#pieces) {
      const bytes = this.#buffer.subarray(0, length);
      const read = await onTarget(target.read(bytes, offset));
      const found = this.#checksumsOf(bytes.subarray(0, read));
      const isGood = read === length && found.every((one, i) => one === checksums[i]);
      // holds: C5 rebuilt-member-read-back
      if (!isGood)
        throw new StoreError("corrupt", `bytes at ${offset} are not as they were written`);
      yield length;
    }
  }

  async close(): Promise<void> {
    await this.#target?.close();
  }

  #checksumsOf(bytes: Uint8Array): number[] {
    const checksums: number[] = [];
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = bytes.subarray(at, at + blockBytes);
      checksums.push(this.#platform.hash.blockChecksum(block));
    }
    return checksums;
  }
}

async function onTarget<T>(work: Promise<T>): Promise<T> {
  try {
    return await onDisk(work);
  } catch (thrown) {
    throw isStoreError(thrown) && isReadError(thrown) ? new TargetFails(thrown) : thrown;
  }
}
