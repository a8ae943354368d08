import { afterKey, noBytes } from "../base/bytes.ts";
import { isStoreError, messageOf, StoreError } from "../base/errors.ts";
import { type Engine, type EngineSnapshot, readRow, scanRowsMax } from "../engine/engine.ts";
import { copyDisks, CopySpread } from "../extent/copy-spread.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { logCopiesMax } from "../extent/log-writer.ts";
import { takesNewMembers } from "../extent/mounted-disks.ts";
import { SnapshotFileWriter } from "../extent/snapshot-files.ts";
import { decodeLogPosition, type LogPosition, logPositionKey } from "../format/commit-record.ts";
import type { SnapshotRow } from "../format/index-snapshot.ts";
import type { KeyRange } from "../format/row-keys.ts";
import { requireStoreRow } from "../keymap/store-generation.ts";
import { type DiskError, isDiskError } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import { within } from "../platform/within.ts";

/*
 * Writes one snapshot of the index to several disks at once, as read in one read transaction, a
 * piece at a time. A disk that fails or hangs is left out.
 */

/** Rows of so many bytes are written at once, in one frame. */
const frameBytes = 1024 * 1024;
/** @limit A disk that has not taken a frame by then is left out: a slow one takes a second. */
const frameMsMax = 30_000;

const everything: KeyRange = { start: noBytes, end: Uint8Array.of(0xff) };

export interface SnapshotSources {
  readonly platform: Platform;
  /** An index with a log. */
  readonly index: Pick<Engine, "snapshot">;
  readonly disks: ExtentDisks;
}

export interface WrittenSnapshot {
  readonly sequence: number;
  /** Disks that it stands on. */
  readonly copies: number;
}

export class SnapshotWriting {
  readonly #platform: Platform;
  readonly #reader: EngineSnapshot;
  readonly #writers: SnapshotFileWriter[];
  readonly #sequence: number;
  readonly #frames: AsyncGenerator<readonly SnapshotRow[], void, undefined>;
  #rows = 0;

  private constructor(
    platform: Platform,
    reader: EngineSnapshot,
    writers: SnapshotFileWriter[],
    sequence: number,
  ) {
    this.#platform = platform;
    this.#reader = reader;
    this.#writers = writers;
    this.#sequence = sequence;
    this.#frames = allRowFrames(reader);
  }

  /** Undefined where no disk takes it. */
  static async begin(sources: SnapshotSources): Promise<SnapshotWriting | undefined> {
    const { platform, disks, index } = sources;
    const reader = index.snapshot();
    try {
      const position = await positionRead(reader);
      const { generation } = await requireStoreRow(reader, { store: disks.store, generation: 0 });
      if (position === undefined) throw new Error("an index with a log has a position");
      const writers = await beginOnDisks(sources, position, generation);
      const { sequence } = position;
      if (writers.length > 0) return new SnapshotWriting(platform, reader, writers, sequence);
    } catch (error) {
      reader.close();
      throw error;
    }
    reader.close();
    return undefined;
  }

  /** Rows that were written so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Writes the next frame; false once there is nothing more to write. */
  async next(): Promise<boolean> {
    const { value: rows } = await this.#frames.next();
    if (rows === undefined) return false;
    this.#rows += rows.length;
    await this.#onEach((writer) => writer.rows(rows));
    return true;
  }

  /** Makes it one that counts, on the disks that took all of it. */
  async finish(): Promise<WrittenSnapshot> {
    this.#reader.close();
    let copies = 0;
    await this.#onEach(async (writer) => {
      await writer.finish();
      copies++;
    });
    const sequence = this.#sequence;
    const bytes = this.#writers[0]?.bytes ?? 0;
    this.#platform.log("info", "index_snapshot_written", {
      sequence,
      rows: this.#rows,
      bytes,
      copies,
    });
    return { sequence, copies };
  }

  async giveUp(): Promise<void> {
    this.#reader.close();
    for (const writer of this.#writers) await writer.giveUp().catch(ignoreDisk);
  }

  /** A disk that fails is left out; StoreError where none is left. */
  async #onEach(action: (writer: SnapshotFileWriter) => Promise<void>): Promise<void> {
    const { clock, log } = this.#platform;
    for (const writer of Array.from(this.#writers)) {
      const acting = action(writer).then(() => undefined, asDiskError);
      const failed = await within(
        clock,
        frameMsMax,
        acting.then((error) => ({ error })),
      );
      if (failed !== undefined && failed.error === undefined) continue;
      const message = failed?.error?.message ?? `no answer for ${frameMsMax / 1000} seconds`;
      log("warn", "snapshot_not_written", { disk: writer.name, message });
      this.#writers.splice(this.#writers.indexOf(writer), 1);
      // Its file stays open while it is written.
      const givenUp = acting.then(() => writer.giveUp()).catch(ignoreDisk);
      if (failed !== undefined) await givenUp;
    }
    if (this.#writers.length > 0) return;
    throw new StoreError("io", "no data directory takes the snapshot of the index");
  }
}

/** Writes one from its beginning to its end; undefined where no disk takes it. */
export async function writeSnapshot(
  sources: SnapshotSources,
  onProgress: (rows: number) => void,
): Promise<WrittenSnapshot | undefined> {
  const writing = await SnapshotWriting.begin(sources);
  if (writing === undefined) return undefined;
  try {
    while (await writing.next()) onProgress(writing.rows);
    return await writing.finish();
  } catch (error) {
    await writing.giveUp();
    throw error;
  }
}

async function beginOnDisks(
  { platform, disks }: SnapshotSources,
  position: LogPosition,
  generation: number,
): Promise<SnapshotFileWriter[]> {
  const head = { store: disks.store, position, generation, createdMs: platform.clock.now() };
  const taking = copyDisks(disks).filter(({ id }) => takesNewMembers(disks, id));
  const spread = new CopySpread(taking, position.sequence);
  const writers: SnapshotFileWriter[] = [];
  while (writers.length < logCopiesMax) {
    const chosen = spread.next();
    if (chosen === undefined) break;
    const { disk, members } = chosen.place;
    try {
      await members.assertPresent();
      writers.push(await SnapshotFileWriter.begin(platform.hash, disk, head));
    } catch (error) {
      if (!isDiskError(error) && !isStoreError(error)) throw error;
      spread.refused(chosen);
      const message = messageOf(error);
      platform.log("warn", "snapshot_not_written", { disk: disk.name, message });
    }
  }
  return writers;
}

/** Undefined for an index that has no log. */
export async function positionRead(
  reader: Pick<EngineSnapshot, "read" | "scan">,
): Promise<LogPosition | undefined> {
  const row = await readRow(reader, logPositionKey);
  return row && decodeLogPosition(row.value);
}

/** All rows, about a mebibyte at a time. */
export async function* allRowFrames(
  reader: EngineSnapshot,
): AsyncGenerator<readonly SnapshotRow[], void, undefined> {
  let from = everything.start;
  for (let isLast = false; !isLast;) {
    const rows: SnapshotRow[] = [];
    for (let bytes = 0; bytes < frameBytes && !isLast;) {
      const page = await reader.scan({ start: from, end: everything.end }, { limit: scanRowsMax });
      isLast = page.length < scanRowsMax;
      for (const { key, stamp, value } of page) {
        rows.push({ key, stamp, value });
        bytes += key.length + value.length;
      }
      const last = page.at(-1);
      if (last !== undefined) from = afterKey(last.key);
    }
    if (rows.length > 0) yield rows;
  }
}

function asDiskError(error: unknown): DiskError {
  if (!isDiskError(error)) throw error;
  return error;
}

export function ignoreDisk(error: unknown): void {
  if (!isDiskError(error) && !isStoreError(error)) throw error;
}
