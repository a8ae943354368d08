import { compareBytes, equalBytes, noBytes } from "../base/bytes.ts";
import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import type { SnapshotFrame, SnapshotHead, SnapshotRow } from "../format/index-snapshot.ts";
import {
  decodeSnapshotFrame,
  noSnapshotChecksum,
  parseSnapshotFile,
  snapshotDirectory,
  SnapshotEncoder,
  snapshotFile,
  snapshotFrameBytes,
  snapshotFrameHeadBytes,
  snapshotFrameIdentityBytes,
} from "../format/index-snapshot.ts";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import type { StoreId } from "../format/ids.ts";
import type { Hash } from "../platform/hash.ts";
import type { Platform } from "../platform/platform.ts";
import { removeIfThere } from "./disk/remove-if-there.ts";
import type { ExtentDisks } from "./extent-files.ts";

/*
 * Snapshots of the index in a data directory: one file each, written under another name, synced and
 * renamed, so that one with the right name is whole unless the disk has damaged it.
 */

/** A snapshot that is being written is called so. */
const unfinishedSuffix = ".new";

/** Writes one snapshot to one disk, frame by frame. */
export class SnapshotFileWriter {
  readonly #hash: Hash;
  readonly #encoder: SnapshotEncoder;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #sequence: number;
  #isOpen = true;
  #end = 0;

  private constructor(hash: Hash, disk: Disk, file: DiskFile, sequence: number) {
    this.#hash = hash;
    this.#encoder = new SnapshotEncoder(hash);
    this.#disk = disk;
    this.#file = file;
    this.#sequence = sequence;
  }

  static async begin(hash: Hash, disk: Disk, head: SnapshotHead): Promise<SnapshotFileWriter> {
    const { sequence } = head.position;
    await disk.makeDirectory(snapshotDirectory);
    await disk.syncDirectory("");
    await removeIfThere(disk, unfinishedPath(sequence));
    const file = await disk.open(unfinishedPath(sequence), "create");
    const writer = new SnapshotFileWriter(hash, disk, file, sequence);
    try {
      await writer.#write(writer.#encoder.head(head));
    } catch (error) {
      await file.close();
      throw error;
    }
    return writer;
  }

  get bytes(): number {
    return this.#end;
  }

  /** The data directory, for messages. */
  get name(): string {
    return this.#disk.name;
  }

  async rows(rows: readonly SnapshotRow[]): Promise<void> {
    await this.#write(this.#encoder.rows(rows));
  }

  /** Durable under its name once this resolves. */
  async finish(): Promise<void> {
    await this.#complete();
    await this.#publish();
  }

  /** The same; what was written is read, a frame at a time, and verified before it has the name. */
  async *finishVerified(): AsyncGenerator<void, void, undefined> {
    await this.#complete();
    // holds: C5 snapshot-copy-read-back
    for await (const _ of readRows(this.#hash, this.#disk, unfinishedPath(this.#sequence))) yield;
    await this.#publish();
  }

  async #complete(): Promise<void> {
    await this.#write(this.#encoder.end());
    // holds: C1 snapshot-synced-before-its-name
    await this.#file.sync();
    await this.#file.close();
    this.#isOpen = false;
  }

  async #publish(): Promise<void> {
    await this.#disk.rename(unfinishedPath(this.#sequence), snapshotPath(this.#sequence));
    await this.#disk.syncDirectory(snapshotDirectory);
  }

  async giveUp(): Promise<void> {
    if (this.#isOpen) await this.#file.close();
    this.#isOpen = false;
    await removeIfThere(this.#disk, unfinishedPath(this.#sequence));
  }

  async #write(frame: Uint8Array): Promise<void> {
    await this.#file.write([frame], this.#end);
    this.#end += frame.length;
  }
}

/** The sequences of the snapshots in a data directory, the newest first. */
export async function listSnapshots(disk: Disk): Promise<number[]> {
  try {
    const names = await disk.list(snapshotDirectory);
    const sequences = names.flatMap((name) => parseSnapshotFile(name) ?? []);
    return sequences.sort((a, b) => b - a);
  } catch (error) {
    if (isDiskError(error, "missing")) return [];
    throw error;
  }
}

/** The head of a snapshot; StoreError `corrupt` where it is damaged. */
export async function readSnapshotHead(
  hash: Hash,
  disk: Disk,
  sequence: number,
): Promise<SnapshotHead> {
  for await (const frame of readSnapshotFrames(hash, disk, snapshotPath(sequence))) {
    if (frame.kind === "head" && frame.head.position.sequence === sequence) return frame.head;
    break;
  }
  throw new StoreError("corrupt", `${disk.name}/${snapshotPath(sequence)}: no head of a snapshot`);
}

/** The length of a snapshot's file. */
export async function snapshotBytes(disk: Disk, sequence: number): Promise<number> {
  const file = await disk.open(snapshotPath(sequence), "read");
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

/** Reads a snapshot to its end, which proves that it is whole: StoreError `corrupt` otherwise. */
export function readSnapshotRows(
  hash: Hash,
  disk: Disk,
  sequence: number,
): AsyncGenerator<readonly SnapshotRow[], void> {
  return readRows(hash, disk, snapshotPath(sequence));
}

async function* readRows(
  hash: Hash,
  disk: Disk,
  path: string,
): AsyncGenerator<readonly SnapshotRow[], void> {
  let rows = 0;
  let last: Uint8Array | undefined;
  for await (const frame of readSnapshotFrames(hash, disk, path)) {
    if (frame.kind === "end" && frame.rows === rows) return;
    if (frame.kind !== "rows") continue;
    for (const { key } of frame.rows) {
      if (last !== undefined && compareBytes(last, key) >= 0) {
        throw new StoreError("corrupt", `${disk.name}/${path}: its rows are out of order`);
      }
      last = key;
    }
    rows += frame.rows.length;
    yield frame.rows;
  }
  // holds: C1 snapshot-read-to-its-end
  throw new StoreError("corrupt", `${disk.name}/${path}: it is cut off`);
}

export interface FoundSnapshot {
  readonly disk: Disk;
  readonly head: SnapshotHead;
}

/** The snapshots of this store on its data directories, the newest first; damaged ones are left out. */
export async function findSnapshots(
  platform: Pick<Platform, "hash" | "log">,
  disks: ExtentDisks,
): Promise<FoundSnapshot[]> {
  const found: FoundSnapshot[] = [];
  for (const { disk } of disks.disks) {
    try {
      found.push(...(await findSnapshotsOn(platform, disks.store, disk)));
    } catch (error) {
      const fields = { disk: disk.name, message: messageOf(error) };
      platform.log("warn", "snapshots_not_read", fields);
    }
  }
  return found.toSorted((a, b) => b.head.position.sequence - a.head.position.sequence);
}

/** The snapshots of a store in one directory, the newest first. */
export async function findSnapshotsOn(
  platform: Pick<Platform, "hash" | "log">,
  store: StoreId,
  disk: Disk,
): Promise<FoundSnapshot[]> {
  const found: FoundSnapshot[] = [];
  for (const sequence of await listSnapshots(disk)) {
    const head = await readHead(platform, disk, sequence);
    if (head?.store === store) found.push({ disk, head });
  }
  return found;
}

async function readHead(
  { hash, log }: Pick<Platform, "hash" | "log">,
  disk: Disk,
  sequence: number,
): Promise<SnapshotHead | undefined> {
  try {
    return await readSnapshotHead(hash, disk, sequence);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    log("warn", "snapshot_damaged", { disk: disk.name, sequence, message: error.message });
    return undefined;
  }
}

/** A good copy of a snapshot, and a disk where another one is, or is to be. */
export interface SnapshotCopies {
  readonly sequence: number;
  readonly from: Disk;
  readonly to: Disk;
}

/**
 * True if what stands at the other place is known to be a copy of this snapshot: by its head, or,
 * where that is spoiled, by a frame's checksum, which covers all frames before.
 */
export async function isSnapshotCopy(
  hash: Hash,
  { sequence, from, to }: SnapshotCopies,
): Promise<boolean> {
  const good = await readSnapshotHead(hash, from, sequence);
  try {
    return (await readSnapshotHead(hash, to, sequence)).store === good.store;
  } catch (error) {
    if (!isStoreError(error) && !isDiskError(error, "io")) throw error;
  }
  const goodFile = await from.open(snapshotPath(sequence), "read");
  try {
    const file = await to.open(snapshotPath(sequence), "read");
    try {
      return await haveCommonFrame(goodFile, file);
    } finally {
      await file.close();
    }
  } finally {
    await goodFile.close();
  }
}

async function haveCommonFrame(good: DiskFile, other: DiskFile): Promise<boolean> {
  const end = await good.size();
  for (let at = 0; at < end;) {
    const begin = await readPart(good, at, snapshotFrameIdentityBytes);
    const found = await readPart(other, at, snapshotFrameIdentityBytes).catch(noBytesOfDisk);
    if (equalBytes(begin, found)) return true;
    at += snapshotFrameBytes(begin);
  }
  return false;
}

function noBytesOfDisk(error: unknown): Uint8Array {
  if (!isDiskError(error)) throw error;
  return noBytes;
}

/**
 * Makes a copy anew from a good one, a frame at a time, in the place of another or of none. That
 * must be known to be a copy of it (C9). The new one is whole before it has the name.
 */
export async function* remakeSnapshot(
  hash: Hash,
  { sequence, from, to }: SnapshotCopies,
): AsyncGenerator<void, void, undefined> {
  const writer = await SnapshotFileWriter.begin(
    hash,
    to,
    await readSnapshotHead(hash, from, sequence),
  );
  let isDone = false;
  try {
    for await (const rows of readSnapshotRows(hash, from, sequence)) {
      await writer.rows(rows);
      yield;
    }
    yield* writer.finishVerified();
    isDone = true;
  } finally {
    if (!isDone) await writer.giveUp();
  }
}

/** Removes a snapshot, durably. The file's head has proved that it is one of this store (C9). */
export async function removeSnapshot(disk: Disk, sequence: number): Promise<void> {
  await removeIfThere(disk, snapshotPath(sequence));
  await disk.syncDirectory(snapshotDirectory);
}

async function* readSnapshotFrames(
  hash: Hash,
  disk: Disk,
  path: string,
): AsyncGenerator<SnapshotFrame, void> {
  const file = await disk.open(path, "read");
  try {
    let previous = noSnapshotChecksum;
    const end = await file.size();
    for (let at = 0; at < end;) {
      const bytes = await readPart(
        file,
        at,
        snapshotFrameBytes(await readPart(file, at, snapshotFrameHeadBytes)),
      );
      const { frame, checksum } = decodeSnapshotFrame(hash, bytes, previous);
      yield frame;
      previous = checksum;
      at += bytes.length;
    }
  } finally {
    await file.close();
  }
}

async function readPart(file: DiskFile, at: number, bytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytes);
  return buffer.subarray(0, await file.read(buffer, at));
}

function snapshotPath(sequence: number): string {
  return `${snapshotDirectory}/${snapshotFile(sequence)}`;
}

function unfinishedPath(sequence: number): string {
  return snapshotPath(sequence) + unfinishedSuffix;
}
