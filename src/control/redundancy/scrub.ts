import { isStoreError, messageOf, type StoreError } from "../../base/errors.ts";
import { isDiskPresent } from "../../extent/extent-examination.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import {
  type BytesRead,
  type VerifiedMember,
  verification,
} from "../../extent/member-verification.ts";
import { type DiskId, type ExtentId, idText } from "../../format/ids.ts";
import type { ScrubRow } from "../../format/scrub-row.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { readWorkOrders } from "../../keymap/work-orders.ts";
import { readScrubRow, writeScrubRow } from "../../keymap/scrub-progress.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ExtentClaims } from "../extents/extent-claims.ts";
import { isRepairable, memberFileBytes } from "../extents/extent-health.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";
import type { Liveness } from "../extents/liveness.ts";
import { changeExtent, withMemberState, withTableChecksum } from "../extents/member-changes.ts";
import type { RestoreWindow } from "../restore-window.ts";
import { isTransient, type StepOutcome, type Task } from "../task-loop.ts";
import { CopyComparison } from "./copy-comparison.ts";
import type { DiskSurvey, SurveyedDisk } from "./disk-survey.ts";

/*
 * Reads all members of all disks within a time and verifies them, as if each were the only one: a
 * copy by its records, a shard by its block table. So damage is found while there is something to
 * mend it from. What is bad is noted in the extent's row, and repair finds it there. So is what all
 * of a copy comes to, and copies that are not the same are compared (copy-comparison.ts).
 *
 * Bytes that a disk cannot read, twice, though it answers otherwise, are as bad as wrong ones. A
 * disk that is away, or gives no answer, is waited for. A member that cannot be read for another
 * reason is tried again, and passed over in the end: then the round does not count as one that
 * verified all of the disk.
 *
 * Each disk has a round of its own, extent by extent. A round is paced so that it takes half of the
 * time, and the next begins when that is over. How far it came stands in the index, so a restart
 * goes on where it was. A member is read in slices, each in a step of its own. Operators may pause
 * it, and have a round begin at once: that one is not paced, and goes as fast as the budget of all
 * background work allows.
 */

/** @limit Extents looked at in one step, of which one has its member read. */
const rowsPerStep = 256;
/** @limit Bytes read in one step: 25 ms on a disk of 160 MB/s, for which clients wait. */
const sliceBytes = 4 * 1024 * 1024;
/** @limit Progress is written after so many members: a crash has at most those read again. */
const membersPerCommit = 16;
/** @limit A disk is read at this pace at the least, so that small ones are done soon. */
const bytesPerSecondMin = 4 * 1024 * 1024;
/** @limit The part of the time that a round is to take: the rest is for what comes between. */
const roundShare = 1 / 2;
/** @limit Time until a member is tried again that could not be read, or whose disk is away. */
const retryMs = 60_000;
/** @limit A member that cannot be read so often, though its disk is there, is passed over. */
const triesMax = 3;

export interface ScrubOptions extends StoragePlane {
  readonly keymap: Keymap;
  readonly survey: DiskSurvey;
  readonly claims: ExtentClaims;
  readonly liveness: Liveness;
  readonly restoreWindow: Pick<RestoreWindow, "isHeld">;
  readonly counters: BackgroundCounters;
  /** Everything is read within this time. */
  readonly everyMs: number;
  /** Has what is alive in the extent copied into others. */
  readonly rewrite: (extent: ExtentId) => void;
}

/** How far a disk was scrubbed. */
export interface DiskScrub {
  /** The directory of the disk. */
  readonly name: string;
  readonly disk: DiskId;
  readonly row: ScrubRow;
  /** True of a round that an operator asked for, and that has not come to its end. */
  readonly isAsked: boolean;
  /** Bytes a second since the round began or went on in this process; undefined: not known yet. */
  readonly bytesPerSecond: number | undefined;
}

export interface ScrubStatistics {
  readonly isPaused: boolean;
  readonly everyMs: number;
  readonly disks: readonly DiskScrub[];
}

interface Round {
  row: ScrubRow;
  /** Members read since the row was written. */
  unwritten: number;
  nextMs: number;
  isAsked: boolean;
  /** How often the next member could not be read. */
  tries: number;
  /** When this process began with it, and the bytes that were read before. */
  readonly begunMs: number;
  readonly bytesBefore: number;
}

/** The member that is being read. */
interface Reading {
  readonly disk: SurveyedDisk;
  readonly round: Round;
  readonly entry: ExtentEntry;
  readonly member: number;
  readonly begunMs: number;
  readonly work: AsyncGenerator<BytesRead, VerifiedMember, undefined>;
}

export class Scrub implements Task {
  readonly name = "scrub";
  readonly #options: ScrubOptions;
  readonly #rounds = new Map<DiskId, Round>();
  readonly #comparison: CopyComparison;
  #reading: Reading | undefined;
  #names = new Map<DiskId, string>();
  #isPaused = false;

  constructor(options: ScrubOptions) {
    this.#options = options;
    this.#comparison = new CopyComparison(options);
  }

  statistics(): ScrubStatistics {
    const { everyMs } = this.#options;
    const disks = [...this.#rounds].map(([disk, round]) => {
      const name = this.#names.get(disk) ?? idText(disk);
      const { row, isAsked } = round;
      return { name, disk, row, isAsked, bytesPerSecond: this.#rateOf(round) };
    });
    return { isPaused: this.#isPaused, everyMs, disks };
  }

  #rateOf({ row, begunMs, bytesBefore }: Round): number | undefined {
    const tookMs = this.#options.platform.clock.monotonicMs() - begunMs;
    const bytes = row.bytes - bytesBefore;
    return row.isDone || bytes <= 0 || tookMs <= 0 ? undefined : (bytes * 1000) / tookMs;
  }

  /** Reads a slice of a member, of a disk whose turn it is. */
  async step(signal: AbortSignal): Promise<StepOutcome> {
    const orders = await readWorkOrders(this.#options.keymap, "scrub");
    this.#isPaused = orders.isPaused;
    const { disks } = await this.#options.survey.now();
    this.#names = new Map([...disks.values()].map(({ id, name }) => [id, name]));
    const nowMs = this.#options.platform.clock.monotonicMs();
    const waiting: { readonly disk: SurveyedDisk; readonly round: Round }[] = [];
    for (const disk of disks.values()) {
      if (disk.state === "removed") this.#rounds.delete(disk.id);
      if (disk.place === undefined || disk.state === "removed") continue;
      const askedMs = Math.max(orders.beginMs, orders.beginMsOf.get(disk.id) ?? 0);
      const round = await this.#roundOf(disk.id, askedMs);
      if (round !== undefined) waiting.push({ disk, round });
    }
    const reading = this.#reading;
    const goesOn = waiting.some(({ round }) => round === reading?.round) && !orders.isPaused;
    if (reading !== undefined && !goesOn) await this.close();
    if (orders.isPaused) return "paused";
    const due = waiting.find(({ round }) => round.nextMs <= nowMs);
    if (this.#reading === undefined && due !== undefined) await this.#beginNext(due, signal);
    if (this.#reading !== undefined) await this.#readOn(this.#reading, signal);
    if (reading !== undefined || due !== undefined) return "busy";
    if (await this.#comparison.goOn(signal)) return "busy";
    return waiting.length > 0 ? "throttled" : "idle";
  }

  /** Gives up what is half read: that member is read again from its start. */
  async close(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    await reading?.work.return({ error: undefined });
  }

  /** The round that is under way on the disk, or that begins now; undefined between two rounds. */
  async #roundOf(disk: DiskId, askedMs: number): Promise<Round | undefined> {
    const { keymap, platform, everyMs } = this.#options;
    const nowMs = platform.clock.now();
    let round = this.#rounds.get(disk);
    if (round === undefined) {
      const row = await readScrubRow(keymap, disk);
      round = this.#begin(row ?? newRow(disk, nowMs, 0));
    }
    const { row } = round;
    const isAsked = askedMs > row.startedMs;
    round.isAsked = isAsked || (!row.isDone && askedMs > row.readSinceMs);
    // A clock that was set back begins a round rather than none.
    const isDue = nowMs >= row.startedMs + everyMs * roundShare || nowMs < row.startedMs;
    if (!isAsked && !(row.isDone && isDue)) return row.isDone ? undefined : round;
    // The clock of who asked may be ahead of ours.
    round = this.#begin(newRow(disk, Math.max(nowMs, askedMs), row.readSinceMs));
    round.isAsked = isAsked;
    return round;
  }

  #begin(row: ScrubRow): Round {
    const begunMs = this.#options.platform.clock.monotonicMs();
    const bytesBefore = row.bytes;
    const progress = { unwritten: 0, nextMs: 0, tries: 0 };
    const round = { row, ...progress, isAsked: false, begunMs, bytesBefore };
    this.#rounds.set(row.disk, round);
    return round;
  }

  /** Goes to the next member of the disk that is to be read, or to the end of its round. */
  async #beginNext(
    { disk, round }: Pick<Reading, "disk" | "round">,
    signal: AbortSignal,
  ): Promise<void> {
    const { table, platform, claims } = this.#options;
    const entries = await table.list(round.row.upTo, rowsPerStep);
    for (const entry of entries) {
      const member = entry.row.members.findIndex((one) => one.disk === disk.id);
      // One that is bad is repair's; one that is being moved is read by who moves it.
      const isRead = isRepairable(entry.row, (ms) => this.#options.restoreWindow.isHeld(ms));
      const isWhole = isRead && entry.row.members[member]?.state === "whole";
      if (isWhole && !claims.has(entry.id)) {
        const work = verification(this.#options, entry, member, signal);
        const begunMs = platform.clock.monotonicMs();
        this.#reading = { disk, round, entry, member, begunMs, work };
        return;
      }
      round.row = { ...round.row, upTo: entry.id };
    }
    if (entries.length === rowsPerStep) return;
    const { members, bad, passedOver, startedMs, readSinceMs } = round.row;
    // holds: C8 passed-over-is-not-verified
    const isVerified = passedOver === 0;
    round.row = { ...round.row, isDone: true, readSinceMs: isVerified ? startedMs : readSinceMs };
    const fields = { disk: idText(disk.id), members, bad };
    if (isVerified) platform.log("info", "disk_scrubbed", fields);
    else platform.log("warn", "disk_not_scrubbed_wholly", { ...fields, passedOver });
    await this.#writeProgress(round);
  }

  async #readOn(reading: Reading, signal: AbortSignal): Promise<void> {
    let found: VerifiedMember | undefined;
    try {
      found = await readSlice(reading.work);
    } catch (thrown) {
      if (!isTransient(thrown)) throw thrown;
      this.#reading = undefined;
      await this.#putOff(reading, thrown);
      return;
    }
    if (found === undefined) return;
    this.#reading = undefined;
    await this.#finish(reading, found, signal);
  }

  /** The member could not be read, and nothing is known of it. */
  async #putOff({ disk, round, entry, member }: Reading, thrown: unknown): Promise<void> {
    const { platform } = this.#options;
    const isThere = disk.place !== undefined && (await isDiskPresent(platform.clock, disk.place));
    // A file that is missing is noted by the inventory.
    if (isThere && isStoreError(thrown, "missing")) {
      round.row = { ...round.row, upTo: entry.id };
      return;
    }
    round.nextMs = platform.clock.monotonicMs() + retryMs;
    if (!isThere || ++round.tries < triesMax) return;
    const fields = { extent: entry.id, member, message: messageOf(thrown) };
    platform.log("warn", "member_not_scrubbed", fields);
    const { passedOver } = round.row;
    round.row = { ...round.row, upTo: entry.id, passedOver: passedOver + 1 };
    round.tries = 0;
    await this.#countRead(round);
  }

  async #finish(
    { disk, round, entry, member, begunMs }: Reading,
    found: VerifiedMember,
    signal: AbortSignal,
  ): Promise<void> {
    round.row = { ...round.row, upTo: entry.id };
    round.tries = 0;
    const { counters } = this.#options;
    const { members, bad, bytes: before } = round.row;
    // holds: C4 scrubbed-member-is-verified
    const isBad = found.error !== undefined;
    if (found.error !== undefined) await this.#noteBad(entry, member, found.error);
    else if (found.root !== undefined) await this.#noteRoot(entry, member, found.root, signal);
    const bytes = memberFileBytes(entry.row);
    const counted = { members: members + 1, bad: bad + (isBad ? 1 : 0), bytes: before + bytes };
    round.row = { ...round.row, ...counted };
    counters.membersScrubbed++;
    counters.bytesScrubbed += bytes;
    const pace = round.isAsked ? Number.POSITIVE_INFINITY : this.#bytesPerSecond(disk);
    round.nextMs = begunMs + (1000 * bytes) / pace;
    await this.#countRead(round);
  }

  async #countRead(round: Round): Promise<void> {
    if (++round.unwritten >= membersPerCommit) await this.#writeProgress(round);
  }

  async #writeProgress(round: Round): Promise<void> {
    // holds: C8 scrub-progress-kept
    await writeScrubRow(this.#options.keymap, round.row);
    round.unwritten = 0;
  }

  #bytesPerSecond({ capacityBytes, freeBytes }: SurveyedDisk): number {
    const seconds = (this.#options.everyMs * roundShare) / 1000;
    return Math.max(bytesPerSecondMin, (capacityBytes - freeBytes) / seconds);
  }

  async #noteRoot(
    entry: ExtentEntry,
    member: number,
    root: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { table } = this.#options;
    const { disk, tableChecksum } = entry.row.members[member]!;
    const { layout } = entry.row;
    let noted: ExtentEntry | undefined = entry;
    if (tableChecksum !== root) {
      noted = await changeExtent(table, entry, (row) =>
        withTableChecksum(row, { member, disk, layout }, root),
      );
    }
    // holds: C4 copies-are-compared
    if (noted !== undefined) await this.#comparison.compare(noted, signal);
  }

  async #noteBad(entry: ExtentEntry, member: number, error: StoreError): Promise<void> {
    const { table, counters, rewrite, platform } = this.#options;
    const fields = { extent: entry.id, member, message: messageOf(error) };
    platform.log("error", "bytes_corrupt", fields);
    const { disk } = entry.row.members[member]!;
    const { layout } = entry.row;
    await changeExtent(table, entry, (row) =>
      withMemberState(row, { member, disk, layout }, "damaged"),
    );
    counters.membersFoundBad++;
    // Of the only copy nothing can be made, but what is alive in it can be copied.
    const { state, members } = entry.row;
    if (members.length === 1 && state !== "dropping") rewrite(entry.id);
  }
}

/** What the member was found to be; undefined where there is more of it to read. */
async function readSlice(work: Reading["work"]): Promise<VerifiedMember | undefined> {
  for (let bytes = 0; bytes < sliceBytes;) {
    const next = await work.next();
    if (next.done === true) return next.value;
    bytes += next.value;
  }
  return undefined;
}

function newRow(disk: DiskId, startedMs: number, readSinceMs: number): ScrubRow {
  const upTo = 0 as ExtentId; // before the first one
  const counts = { members: 0, bad: 0, bytes: 0, passedOver: 0 };
  return { disk, startedMs, upTo, isDone: false, readSinceMs, ...counts };
}
