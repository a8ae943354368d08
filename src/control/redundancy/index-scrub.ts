import { must } from "../../base/assert.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { localLogDisks } from "../../extent/local-log-members.ts";
import { type CopyFinding, compareLogCopies, mendLogCopies } from "../../extent/log-copies.ts";
import { type FoundSegment, isSame } from "../../extent/log-scan.ts";
import type { LogDisk } from "../../extent/log-writer.ts";
import type { TransferMeter } from "../../extent/metered-disks.ts";
import {
  findSnapshots,
  isSnapshotCopy,
  listSnapshots,
  readSnapshotHead,
  readSnapshotRows,
  remakeSnapshot,
} from "../../extent/snapshot-files.ts";
import {
  firstLogPosition,
  leftOutSequences,
  type LogPosition,
} from "../../format/commit-record.ts";
import type { DiskId } from "../../format/ids.ts";
import type { IndexScrubRow } from "../../format/index-scrub-row.ts";
import { type LogSegmentHeader, logSegmentFile } from "../../format/log-segment.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { readIndexScrubRow, writeIndexScrubRow } from "../../keymap/scrub-progress.ts";
import { readWorkOrders } from "../../keymap/work-orders.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import type { IndexSnapshots } from "../index-snapshots.ts";
import { positionRead } from "../snapshot-writing.ts";
import { type LogPart, LogWalk } from "../log-walk.ts";
import { type StepOutcome, type Task, unlessTransient } from "../task-loop.ts";

/*
 * Reads what the index would be made again from, all copies of the commit log and of the snapshots,
 * within the time that scrub has for everything (scrub.ts): otherwise they are read only when they
 * are needed, and damage is found when it is too late.
 *
 * The log is walked record by record, from the oldest snapshot on, as recovery would. Each record
 * must stand in all copies of its segment; where it does not, the copies are compared and those
 * that are not whole are made anew. Snapshots are read to their end, copy by copy. What no copy has
 * any more is lost: another snapshot is made at once, behind which it is not needed.
 */

/** @limit Records whose places are in memory at once: half a kilobyte for each of three copies. */
const recordsAtOnce = 1024;
/** @limit Progress is written after so many bytes: a crash has at most those read again. */
const bytesPerCommitMax = 256 * 1024 * 1024;
/** @limit What is not asked for is read at this pace: 2.4 TB in the week that a round takes. */
const bytesPerSecond = 4 * 1024 * 1024;
/** @limit The part of the time after which a round is due: the rest is for what comes between. */
const roundShare = 1 / 2;
/**
 * @limit A copy that lacks records is left alone for so long after its segment was begun: a writer
 * that still appends to it may only be behind with it, and would have to begin another.
 */
const openMs = 10 * 60_000;
/** @limit So many good snapshots behind a gap in the log are enough: the older one is for safety. */
const snapshotsMin = 2;

export interface IndexScrubOptions {
  readonly platform: Platform;
  readonly index: Engine;
  /** What is read and written there is counted by the meter. */
  readonly disks: ExtentDisks;
  readonly meter: TransferMeter;
  readonly keymap: Pick<Keymap, "system" | "session">;
  readonly snapshots: Pick<IndexSnapshots, "ask" | "replace">;
  /** Everything is read within this time. */
  readonly everyMs: number;
  /** Progress is written after so many bytes. */
  readonly bytesPerCommit?: number | undefined;
}

export interface IndexScrubStatistics {
  /** Undefined before the first look, and of an index that has no log. */
  readonly row: Omit<IndexScrubRow, "position" | "snapshot"> | undefined;
  /** True of a round that an operator asked for, and that has not come to its end. */
  readonly isAsked: boolean;
  /** Copies on each disk that were found damaged since this process began. */
  readonly damaged: ReadonlyMap<DiskId, number>;
}

/** The parts of a round, each a bounded piece of work. */
type Round = AsyncGenerator<void, void, undefined>;

export class IndexScrub implements Task {
  readonly name = "index scrub";
  readonly #options: IndexScrubOptions;
  readonly #damaged = new Map<DiskId, number>();
  #row: IndexScrubRow | undefined;
  #isAsked = false;
  #round: Round | undefined;
  #nextMs = 0;
  /** Bytes read since the row was written. */
  #unwritten = 0;

  constructor(options: IndexScrubOptions) {
    this.#options = options;
  }

  statistics(): IndexScrubStatistics {
    const { position: _, snapshot: __, ...row } = this.#row ?? newRow(0, 0);
    const isAsked = this.#isAsked;
    return { row: this.#row && row, isAsked, damaged: this.#damaged };
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const { keymap, platform, index, meter } = this.#options;
    const { bytesPerCommit = bytesPerCommitMax } = this.#options;
    const orders = await readWorkOrders(keymap, "scrub");
    if ((await positionRead(index)) === undefined) return "idle";
    await this.#takeUp(orders.beginMs);
    if (orders.isPaused) return "paused";
    if (this.#row?.isDone !== false) return "idle";
    const begunMs = platform.clock.monotonicMs();
    if (this.#nextMs > begunMs) return "throttled";
    const bytesBefore = meter.bytesRead;
    try {
      this.#round ??= this.#read(signal);
      if ((await this.#round.next()).done === true) await this.#end();
      else if (this.#unwritten >= bytesPerCommit) await this.#write();
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      const bytes = meter.bytesRead - bytesBefore;
      this.#unwritten += bytes;
      this.#change(({ bytes: before }) => ({ bytes: before + bytes }));
      this.#nextMs = this.#isAsked ? 0 : begunMs + (1000 * bytes) / bytesPerSecond;
    }
    return "busy";
  }

  /** Gives up what is under way; the next step goes on behind what was read. */
  async close(): Promise<void> {
    const round = this.#round;
    this.#round = undefined;
    await round?.return();
  }

  /** Begins a round where one is due, or was asked for. */
  async #takeUp(askedMs: number): Promise<void> {
    const { keymap, platform, everyMs } = this.#options;
    const nowMs = platform.clock.now();
    const row = this.#row ?? (await readIndexScrubRow(keymap)) ?? newRow(nowMs, 0);
    const { startedMs, isDone, readSinceMs } = row;
    const isAsked = askedMs > startedMs;
    // A clock that was set back begins a round rather than none.
    const isDue = nowMs >= startedMs + everyMs * roundShare || nowMs < startedMs;
    this.#isAsked = isAsked || askedMs > readSinceMs;
    this.#row = row;
    if (!isAsked && !(isDone && isDue)) return;
    await this.close();
    // The clock of who asked may be ahead of ours.
    this.#row = newRow(Math.max(nowMs, askedMs), readSinceMs);
    this.#nextMs = 0;
  }

  #change(change: (row: IndexScrubRow) => Partial<IndexScrubRow>): void {
    if (this.#row !== undefined) this.#row = { ...this.#row, ...change(this.#row) };
  }

  async #write(): Promise<void> {
    if (this.#row === undefined) return;
    this.#unwritten = 0;
    // holds: C8 index-scrub-progress-kept
    await writeIndexScrubRow(this.#options.keymap, this.#row);
  }

  async #end(): Promise<void> {
    this.#round = undefined;
    this.#change(({ startedMs }) => ({ isDone: true, readSinceMs: startedMs }));
    const { bad = 0, mended = 0, lost = 0 } = this.#row ?? {};
    this.#options.platform.log("info", "index_copies_scrubbed", { bad, mended, lost });
    await this.#write();
  }

  async *#read(signal: AbortSignal): Round {
    yield* this.#readLog(signal);
    yield* this.#readSnapshots(signal);
  }

  async *#readLog(signal: AbortSignal): Round {
    const { index, platform } = this.#options;
    const end = (await positionRead(index)) ?? firstLogPosition;
    const walk = new LogWalk({ ...this.#options, recordsAtOnce });
    const looked = new Set<string>();
    let from = await this.#beginning();
    let gapAt: number | undefined;
    while (from.sequence < end.sequence) {
      signal.throwIfAborted();
      const part = await walk.next(from, end);
      const last = part.records.at(-1);
      for (const header of doubtfulSegments(part, this.#logDisks())) {
        const name = logSegmentFile(header);
        if (!looked.has(name)) await this.#look(header, part, end.sequence);
        looked.add(name);
        yield;
      }
      if (last !== undefined) from = last;
      else if (gapAt === from.sequence) from = await this.#passGap(from, end, part);
      // Looked at twice: a disk may come back, or the log may just have been trimmed.
      else gapAt = from.sequence;
      this.#change(() => ({ position: from }));
      yield;
    }
    platform.log("debug", "index_log_scrubbed", { sequence: end.sequence });
  }

  /** Where this round goes on; at its start it is the oldest snapshot. */
  async #beginning(): Promise<LogPosition> {
    const { platform, disks } = this.#options;
    const position = this.#row?.position ?? firstLogPosition;
    const oldest = (await findSnapshots(platform, disks)).at(-1)?.head.position;
    return oldest === undefined || oldest.sequence < position.sequence ? position : oldest;
  }

  /** Compares the copies of a segment of which some lacks a record, and mends them. */
  async #look(header: LogSegmentHeader, part: LogPart, upTo: number): Promise<void> {
    const { platform, disks } = this.#options;
    const { hash, log, clock } = platform;
    const on = placesOf(header, part, this.#logDisks());
    const question = { hash, store: disks.store, header, on };
    const first = await compareLogCopies({ ...question, upTo });
    const isOpen = !header.isSealed && clock.now() < header.createdMs + openMs;
    const isToMend = first.some(({ state }) => {
      return state === "damaged" || (!isOpen && (state === "short" || state === "missing"));
    });
    const { findings, mended } = isToMend
      ? await mendLogCopies(log, question)
      : { findings: first.filter(({ state }) => state === "foreign"), mended: 0 };
    const bad = findings.filter(({ state }) => state !== "whole" && state !== "unread");
    for (const finding of bad) this.#noteBad(finding, header);
    this.#change((row) => ({ bad: row.bad + bad.length, mended: row.mended + mended }));
  }

  #noteBad({ on, state }: CopyFinding, header: LogSegmentHeader): void {
    const fields = { disk: on.log.name, file: logSegmentFile(header), state };
    const isDamaged = state === "damaged";
    this.#options.platform.log(isDamaged ? "error" : "warn", "log_copy_not_whole", fields);
    // Only this is the disk's fault: a copy may have been left behind since another thing failed.
    if (isDamaged) this.#noteDamage(on.id);
  }

  #noteDamage(disk: DiskId): void {
    this.#damaged.set(disk, (this.#damaged.get(disk) ?? 0) + 1);
  }

  /** Where the log goes on behind a record that no copy has. */
  async #passGap(from: LogPosition, end: LogPosition, { segments }: LogPart): Promise<LogPosition> {
    const { platform, disks, snapshots } = this.#options;
    const found = (await findSnapshots(platform, disks)).map(({ head }) => head.position);
    const behind = found.filter(({ sequence }) => sequence > from.sequence);
    const next = behind.at(-1) ?? end;
    // Where no snapshot stands before it, it was trimmed meanwhile, and nothing needs it.
    const isNeeded = found.length === 0 || found.length > behind.length;
    const firsts = segments.map(({ header }) => header.firstSequence);
    const begins = Math.min(...firsts.filter((first) => first > from.sequence + 1));
    const isBegunAnew = begins - from.sequence >= leftOutSequences;
    if (!isNeeded || isBegunAnew) return next;
    platform.log("error", "log_record_lost", { after: from.sequence });
    this.#change(({ lost }) => ({ lost: lost + 1 }));
    // holds: C5 lost-log-needs-a-snapshot
    if (new Set(behind.map(({ sequence }) => sequence)).size < snapshotsMin) snapshots.ask();
    return next;
  }

  #logDisks(): LogDisk[] {
    const { platform, disks } = this.#options;
    return localLogDisks(platform.hash, disks);
  }

  async *#readSnapshots(signal: AbortSignal): Round {
    const { disks } = this.#options;
    const listed: { readonly place: DataDisk; readonly sequence: number }[] = [];
    for (const place of disks.disks) {
      for (const sequence of (await unlessTransient(listSnapshots(place.disk))) ?? []) {
        listed.push({ place, sequence });
      }
    }
    const groups = Map.groupBy(listed, ({ sequence }) => sequence);
    for (const sequence of [...groups.keys()].toSorted((a, b) => a - b)) {
      if (sequence <= (this.#row?.snapshot ?? 0)) continue;
      signal.throwIfAborted();
      const on = (groups.get(sequence) ?? []).map(({ place }) => place);
      yield* this.#readSnapshot(sequence, on);
      this.#change(() => ({ snapshot: sequence }));
    }
  }

  /** Reads all copies of one snapshot, and makes those anew that are bad. */
  async *#readSnapshot(sequence: number, on: readonly DataDisk[]): Round {
    const { platform, snapshots } = this.#options;
    const good: DataDisk[] = [];
    const bad: DataDisk[] = [];
    for (const place of on) {
      const why = yield* this.#verify(sequence, place);
      if (why === "gone") continue;
      if (why === undefined) good.push(place);
      else {
        const fields = { disk: place.disk.name, sequence, message: why };
        platform.log("error", "snapshot_damaged", fields);
        bad.push(place);
        this.#noteDamage(place.id);
      }
    }
    if (bad.length === 0) return;
    this.#change((row) => ({ bad: row.bad + bad.length }));
    const [from] = good;
    if (from === undefined) {
      platform.log("error", "snapshot_lost", { sequence, copies: bad.length });
      this.#change(({ lost }) => ({ lost: lost + 1 }));
      // holds: C5 lost-snapshot-is-replaced
      snapshots.replace(sequence);
      return;
    }
    for (const to of bad) yield* this.#mend(sequence, from, to);
  }

  /**
   * What is wrong with a copy; undefined: nothing; `gone`: it is not there, not of this store, or
   * its disk gives no answer.
   */
  async *#verify(
    sequence: number,
    { disk }: DataDisk,
  ): AsyncGenerator<void, string | undefined, undefined> {
    const { platform, disks } = this.#options;
    const { hash } = platform;
    try {
      const head = await readSnapshotHead(hash, disk, sequence);
      if (head.store !== disks.store) return "gone";
      // holds: C4 snapshot-copy-is-verified
      for await (const _ of readSnapshotRows(hash, disk, sequence)) yield;
      return undefined;
    } catch (error) {
      // Trimmed meanwhile, or its disk has gone.
      if (isDiskError(error, "missing") || isDiskError(error, "no_answer")) return "gone";
      if (isDiskError(error) || isStoreError(error, "corrupt")) return messageOf(error);
      throw error;
    }
  }

  async *#mend(sequence: number, from: DataDisk, to: DataDisk): Round {
    const { platform } = this.#options;
    const fields = { disk: to.disk.name, sequence };
    try {
      await to.members.assertPresent();
      const copy = { sequence, from: from.disk, to: to.disk };
      // holds: C9 snapshot-known-before-it-is-replaced
      if (!(await isSnapshotCopy(platform.hash, copy))) {
        platform.log("warn", "snapshot_kept", { ...fields, why: "it may be something else" });
        return;
      }
      for await (const _ of remakeSnapshot(platform.hash, copy)) yield;
      platform.log("info", "snapshot_mended", fields);
      this.#change(({ mended }) => ({ mended: mended + 1 }));
    } catch (error) {
      if (!isDiskError(error) && !isStoreError(error)) throw error;
      platform.log("warn", "snapshot_not_mended", { ...fields, message: messageOf(error) });
    }
  }
}

function newRow(startedMs: number, readSinceMs: number): IndexScrubRow {
  const counts = { bytes: 0, bad: 0, mended: 0, lost: 0 };
  return {
    startedMs,
    position: firstLogPosition,
    snapshot: 0,
    isDone: false,
    readSinceMs,
    ...counts,
  };
}

/** The segments of these records, each once, of which some copy lacks one of them. */
function doubtfulSegments(part: LogPart, disks: readonly LogDisk[]): LogSegmentHeader[] {
  const expected = new Map<string, number>();
  const doubtful = new Map<string, LogSegmentHeader>();
  for (const { places } of part.records) {
    for (const [name, found] of Map.groupBy(places, nameOf)) {
      const header = must(found[0], "a group has a place").segment.header;
      const copies = expected.get(name) ?? placesOf(header, part, disks).length;
      expected.set(name, copies);
      // holds: C4 log-record-in-all-copies
      if (found.length < copies) doubtful.set(name, header);
    }
  }
  return [...doubtful.values()];
}

function nameOf({ segment }: { readonly segment: FoundSegment }): string {
  return logSegmentFile(segment.header);
}

/** Disks where a segment has a copy, or should have one: what leaves a disk is not made there. */
function placesOf(
  header: LogSegmentHeader,
  { segments, unread }: LogPart,
  disks: readonly LogDisk[],
): LogDisk[] {
  const copies = segments.filter((one) => isSame(one.header, header));
  return disks.filter(({ id, isLeaving }) => {
    if (!header.members.includes(id) || unread.has(id)) return false;
    return !isLeaving || copies.some(({ on }) => on.id === id);
  });
}
