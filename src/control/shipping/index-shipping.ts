import { concatBytes, toHex } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { shippedDisk } from "../../extent/local-log-members.ts";
import { type FoundRecord, LogRecordReader } from "../../extent/log-scan.ts";
import { findSnapshots, readSnapshotRows } from "../../extent/snapshot-files.ts";
import {
  commitRecordBytes,
  commitRecordHead,
  type LogPosition,
} from "../../format/commit-record.ts";
import {
  decodeSnapshotFrame,
  noSnapshotChecksum,
  snapshotFrameBytes,
} from "../../format/index-snapshot.ts";
import {
  encodeLogSegmentHeader,
  logHeaderBytes,
  logSlotOffset,
  logWriterBytes,
} from "../../format/log-segment.ts";
import { type ShippedSegment, shippedName, type SnapshotSlice } from "../../format/shipped-file.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import { positionRead } from "../snapshot-writing.ts";
import { keptSnapshots } from "../kept-snapshots.ts";
import { LogWalk } from "../log-walk.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { ShippedFiles } from "./shipped-files.ts";
import { type SlicedBytes, sliceSnapshot } from "./sliced-snapshot.ts";

/*
 * Ships the index to a target that is no data directory, such as a bucket or a directory on another
 * machine: the snapshots, and every few seconds the records of the log behind them. Only records
 * whose commits have happened are shipped. `holdfast index restore --from` reads it. Commits wait for
 * nothing of this.
 *
 * A target that is away costs neither memory nor disk space. What is not shipped is remembered as
 * the sequence that was shipped last, and found in the log again, some records at a time. No log is
 * kept for the target: it is trimmed behind the snapshots, as it is without shipping. Where it was
 * trimmed before it was shipped, the newest snapshot bridges the gap.
 *
 * A target takes whole files only. So the last file of the log is put again, longer and under a new
 * name, while it is short, and then the shorter one is removed: a store with little to do has few
 * files, and a crash leaves both, which does no harm.
 */

export interface IndexShippingOptions {
  readonly platform: Platform;
  readonly index: Engine;
  readonly disks: ExtentDisks;
  readonly target: ShippingTarget;
  readonly everyMs?: number | undefined;
  /** Records whose places are in memory at once, at least 2. */
  readonly recordsAtOnce?: number | undefined;
}

/** @limit Time between looks for what is new: so much may be lost with all data directories. */
const everyMsDefault = 3000;
/** @limit Bytes of records in one file, unless one record has more. */
const segmentBytesMax = 4 * 1024 * 1024;
/**
 * @limit Records whose places are in memory at once: half a kilobyte for each of three copies, 6
 * MiB. What else is not shipped yet is found when these are, in the log.
 */
const recordsAtOnceMax = 4096;
/**
 * @limit A file of the log is put again while it is shorter: with a look every three seconds at the
 * most 85 KB/s are sent twice.
 */
const shortSegmentBytes = 256 * 1024;
/** @limit Files removed from the target in one step. */
const removalsPerStep = 64;

export interface IndexShippingStatistics {
  readonly target: string;
  /** The last commit that was shipped; undefined before the first. */
  readonly sequence: number | undefined;
  /** Commits that have happened and are not shipped yet, at the last look. */
  readonly behind: number;
  /** Records of these whose places in the log are in memory. */
  readonly placesHeld: number;
  /** What was committed so long ago is shipped. */
  readonly lagMs: number;
  readonly bytes: number;
}

interface OpenSegment {
  readonly file: ShippedSegment;
  readonly bytes: Uint8Array;
}

export class IndexShipping implements Task {
  readonly name = "index shipping";
  readonly #options: IndexShippingOptions;
  readonly #writer: string;
  readonly #walk: LogWalk;
  /** What was found and is shipped next, one record behind the other. */
  #found: readonly FoundRecord[] = [];
  #notBeforeMs = 0;
  /** Undefined: to be listed. */
  #files: ShippedFiles | undefined;
  #shipped: LogPosition | undefined;
  #segment: OpenSegment | undefined;
  #ordinal = 0;
  /** The snapshot that is being shipped, and the slice of it that was not put yet. */
  #slices: AsyncGenerator<SlicedBytes, void, undefined> | undefined;
  #slice: SlicedBytes | undefined;
  #removals: string[] = [];
  /** Snapshots that could not be read here: next time another copy is. */
  #failedReads = 0;
  #upTo = 0;
  #caughtUpMs: number;
  #bytes = 0;

  constructor(options: IndexShippingOptions) {
    this.#options = options;
    const { recordsAtOnce = recordsAtOnceMax } = options;
    this.#walk = new LogWalk({ ...options, recordsAtOnce });
    this.#writer = toHex(options.platform.random.bytes(logWriterBytes));
    this.#caughtUpMs = options.platform.clock.monotonicMs();
  }

  get statistics(): IndexShippingStatistics {
    const { platform, target } = this.#options;
    const sequence = this.#shipped?.sequence;
    const behind = Math.max(0, this.#upTo - (sequence ?? 0));
    const lagMs = platform.clock.monotonicMs() - this.#caughtUpMs;
    const placesHeld = this.#found.length;
    return { target: target.name, sequence, behind, placesHeld, lagMs, bytes: this.#bytes };
  }

  /** The last commit that has happened; 0 where there is no log, and nothing to ship. */
  async committedNow(): Promise<number> {
    return (await positionRead(this.#options.index))?.sequence ?? 0;
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const { platform, index, everyMs = everyMsDefault } = this.#options;
    const beganMs = platform.clock.monotonicMs();
    if (beganMs < this.#notBeforeMs) return "idle";
    const position = await positionRead(index);
    let isMore = false;
    if (position !== undefined) {
      this.#upTo = position.sequence;
      try {
        isMore = await this.#ship(position, signal);
      } catch (error) {
        // What is there now is not known: a put that failed may have happened.
        this.#files = undefined;
        throw error;
      }
      if (this.#shipped?.sequence === position.sequence) this.#caughtUpMs = beganMs;
    }
    if (isMore) return "busy";
    this.#notBeforeMs = platform.clock.monotonicMs() + everyMs;
    return "idle";
  }

  async close(): Promise<void> {
    await this.#slices?.return();
    this.#slices = undefined;
  }

  /** True if there is more to ship. */
  async #ship(position: LogPosition, signal: AbortSignal): Promise<boolean> {
    const { disks, target } = this.#options;
    this.#files ??= await ShippedFiles.list(target, disks.store, signal);
    const isMoreOfSnapshot = await this.#shipSlice(this.#files, signal);
    await this.#removeSome(this.#files, signal);
    this.#shipped ??= await this.#lastShipped(this.#files, signal);
    const isMoreOfLog =
      this.#shipped !== undefined &&
      (await this.#shipRecords(this.#files, this.#shipped, position, signal));
    return isMoreOfSnapshot || isMoreOfLog || this.#removals.length > 0;
  }

  /** Puts the next slice of the newest snapshot; true if there are more. */
  async #shipSlice(files: ShippedFiles, signal: AbortSignal): Promise<boolean> {
    const { platform, target } = this.#options;
    this.#slices ??= await this.#beginSnapshot(files);
    if (this.#slices === undefined) return false;
    this.#slice ??= await this.#nextSlice(this.#slices);
    if (this.#slice === undefined) return false;
    const { file, bytes } = this.#slice;
    await this.#put(files, file, bytes, signal);
    this.#slice = undefined;
    if (!file.isLast) return true;
    this.#slices = undefined;
    const { sequence } = file;
    platform.log("info", "index_snapshot_shipped", { to: target.name, sequence });
    const { kept } = await keptSnapshots(this.#options, files.snapshots());
    if (kept.length > 0) this.#removals = files.needless(kept);
    return false;
  }

  async #beginSnapshot(files: ShippedFiles) {
    const { platform, disks } = this.#options;
    const found = await findSnapshots(platform, disks);
    const newest = found[0]?.head.position.sequence;
    const [there] = files.snapshots();
    if (newest === undefined || (there !== undefined && there.sequence >= newest)) return undefined;
    const copies = found.filter(({ head }) => head.position.sequence === newest);
    const copy = copies[this.#failedReads % copies.length];
    if (copy === undefined) return undefined;
    return sliceSnapshot(
      platform.hash,
      copy.head,
      readSnapshotRows(platform.hash, copy.disk, newest),
    );
  }

  async #nextSlice(slices: AsyncGenerator<SlicedBytes, void, undefined>) {
    try {
      return (await slices.next()).value ?? undefined;
    } catch (error) {
      this.#failedReads++;
      this.#slices = undefined;
      throw error;
    }
  }

  async #put(
    files: ShippedFiles,
    file: SnapshotSlice | ShippedSegment,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { target, disks } = this.#options;
    await target.put(shippedName(disks.store, file), bytes, signal);
    files.add(file);
    this.#bytes += bytes.length;
  }

  async #removeSome(files: ShippedFiles, signal: AbortSignal): Promise<void> {
    for (const name of this.#removals.slice(0, removalsPerStep)) {
      await this.#options.target.remove(name, signal);
      files.delete(name);
      this.#removals = this.#removals.filter((one) => one !== name);
    }
  }

  /** Where shipping goes on: behind what is there already, or behind the newest snapshot there. */
  async #lastShipped(files: ShippedFiles, signal: AbortSignal): Promise<LogPosition | undefined> {
    const { target, disks, platform } = this.#options;
    const [snapshot] = files.snapshots();
    const [firstSlice] = snapshot?.slices ?? [];
    if (snapshot === undefined || firstSlice === undefined) return undefined;
    let reached = snapshot.sequence;
    let tail: ShippedSegment | undefined;
    for (const segment of files.segments()) {
      if (segment.last <= reached || segment.first > reached + 1) continue;
      [reached, tail] = [segment.last, segment];
    }
    const bytes = await target.get(shippedName(disks.store, tail ?? firstSlice), signal);
    if (tail !== undefined) return lastRecordIn(platform.hash, bytes);
    const frame = bytes.subarray(0, snapshotFrameBytes(bytes));
    const read = decodeSnapshotFrame(platform.hash, frame, noSnapshotChecksum).frame;
    return read.kind === "head" ? read.head.position : undefined;
  }

  /** True if there is more to ship. */
  async #shipRecords(
    files: ShippedFiles,
    from: LogPosition,
    upTo: LogPosition,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (this.#found.length === 0) this.#found = (await this.#walk.next(from, upTo)).records;
    const [first] = this.#found;
    if (first === undefined) {
      // The log does not reach back to it any more: the newest snapshot does.
      if (upTo.sequence > from.sequence) this.#shipped = undefined;
      return false;
    }
    const { bytes, last, count } = await this.#readFound();
    await this.#append(files, { first: first.sequence, last: last.sequence }, bytes, signal);
    this.#shipped = last;
    this.#found = this.#found.slice(count);
    return last.sequence < upTo.sequence;
  }

  async #readFound(): ReturnType<typeof bytesOf> {
    try {
      return await bytesOf(this.#options.platform.hash, this.#found);
    } catch (error) {
      // The places are not right any more: a disk has gone, or the log was trimmed.
      this.#found = [];
      this.#walk.forget();
      throw error;
    }
  }

  async #append(
    files: ShippedFiles,
    { first, last }: Pick<ShippedSegment, "first" | "last">,
    records: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { disks, target } = this.#options;
    const short = this.#segment;
    const goesOn =
      short !== undefined &&
      short.file.last + 1 === first &&
      short.bytes.length + records.length <= shortSegmentBytes;
    const segment = goesOn
      ? { file: { ...short.file, last }, bytes: concatBytes([short.bytes, records]) }
      : this.#newSegment({ first, last }, records);
    await this.#put(files, segment.file, segment.bytes, signal);
    this.#segment = segment;
    if (!goesOn) return;
    const name = shippedName(disks.store, short.file);
    await target.remove(name, signal);
    files.delete(name);
  }

  #newSegment(
    { first, last }: Pick<ShippedSegment, "first" | "last">,
    records: Uint8Array,
  ): OpenSegment {
    const { platform, disks } = this.#options;
    const file = {
      kind: "log",
      first,
      last,
      writer: this.#writer,
      ordinal: ++this.#ordinal,
    } as const;
    const header = {
      store: disks.store,
      disk: shippedDisk,
      writer: file.writer,
      ordinal: file.ordinal,
      generation: 0,
      firstSequence: first,
      acknowledged: 1,
      members: [shippedDisk],
      createdMs: platform.clock.now(),
      isSealed: false,
    };
    const slots = new Uint8Array(logHeaderBytes);
    slots.set(encodeLogSegmentHeader(platform.hash, header), logSlotOffset(header));
    return { file, bytes: concatBytes([slots, records]) };
  }
}

async function bytesOf(
  hash: Platform["hash"],
  chain: readonly FoundRecord[],
): Promise<{ readonly bytes: Uint8Array; readonly last: LogPosition; readonly count: number }> {
  const reader = new LogRecordReader(hash);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let last: LogPosition | undefined;
  try {
    for (const found of chain) {
      if (last !== undefined && bytes + found.bytes > segmentBytesMax) break;
      parts.push(await reader.readBytes(found));
      bytes += found.bytes;
      last = found;
    }
  } finally {
    await reader.close();
  }
  if (last === undefined) throw new StoreError("invalid", "there are no records to ship");
  return { bytes: concatBytes(parts), last, count: parts.length };
}

/** The position behind a shipped segment, whose records stand one behind the other. */
function lastRecordIn(hash: Platform["hash"], segment: Uint8Array): LogPosition | undefined {
  let last: LogPosition | undefined;
  for (let at = logHeaderBytes; ;) {
    const bytes = commitRecordBytes(segment, at) ?? 0;
    const head = commitRecordHead(hash, segment.subarray(at, at + bytes));
    if (head === undefined) return last;
    last = head;
    at += bytes;
  }
}
