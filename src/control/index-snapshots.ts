import { toHex } from "../base/bytes.ts";
import type { Engine } from "../engine/engine.ts";
import { logQuorumRowOf } from "../engine/logged-engine.ts";
import { isDiskPresent } from "../extent/extent-examination.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import { findSegments, hasShortSegment, isWhollyBefore } from "../extent/log-scan.ts";
import { trimLog } from "../extent/log-trim.ts";
import { type LogQuorum, logQuorumOf } from "../extent/log-quorum.ts";
import { logCopiesMax } from "../extent/log-writer.ts";
import { isOut, isRemoved, takesNewMembers } from "../extent/mounted-disks.ts";
import {
  findSnapshots,
  type FoundSnapshot,
  removeSnapshot,
  snapshotBytes,
} from "../extent/snapshot-files.ts";
import { leftOutSequences } from "../format/commit-record.ts";
import type { DiskId } from "../format/ids.ts";
import { decodeLogQuorumRow } from "../format/log-quorum-row.ts";
import type { Platform } from "../platform/platform.ts";
import {
  type DatedSnapshot,
  type HeldIndexBytes,
  heldIndexBytes,
  keptSnapshots,
  oldestNeeded,
} from "./kept-snapshots.ts";
import { readRestoreWindow } from "./restore-window.ts";
import { SegmentEnds } from "./segment-ends.ts";
import { ignoreDisk, positionRead, SnapshotWriting } from "./snapshot-writing.ts";
import type { StepOutcome, Task } from "./task-loop.ts";

/*
 * Makes snapshots of the index on the data directories, so that the commit log behind the newest
 * one stays short, and trims the log to what the older of the two newest snapshots lacks. One that
 * cannot be finished is given up, and tried again; until then the log is kept.
 */

export interface IndexSnapshotOptions {
  readonly platform: Platform;
  readonly index: Engine;
  readonly disks: ExtentDisks;
  readonly limits?: Partial<SnapshotLimits> | undefined;
}

export interface SnapshotLimits {
  /** Time between looks whether one is due. */
  readonly lookMs: number;
  /** One is due when the log behind the last is longer than this … */
  readonly logBytesMin: number;
  /** … and than this share of that snapshot … */
  readonly logShare: number;
  /** … or when that is older than this. */
  readonly ageMs: number;
  /** One that has fewer copies than it could have is made anew once it is older than this. */
  readonly renewMs: number;
}

/**
 * @limit How long the log behind the newest snapshot becomes: 64 MiB or half of the snapshot, so
 * that making an index again takes half as long again as reading the snapshot, and writing
 * snapshots costs at most twice what writing the log does. One that lacks copies is made anew after
 * ten minutes, and after twice that each time where it did not help, as on a disk that is full.
 */
export const snapshotLimits: SnapshotLimits = {
  lookMs: 10_000,
  logBytesMin: 64 * 1024 * 1024,
  logShare: 1 / 2,
  ageMs: 24 * 3_600_000,
  renewMs: 10 * 60_000,
};

/** @limit The log is trimmed once a snapshot is on two disks, where there are two. */
const snapshotCopiesMin = 2;

export interface IndexSnapshotStatistics {
  /** True if the index has a log; without one there are no snapshots. Undefined before a look. */
  readonly isLogged: boolean | undefined;
  /** The last commit that the newest snapshot holds; undefined: there is none. */
  readonly sequence: number | undefined;
  readonly createdMs: number | undefined;
  /** When the oldest one was begun; all of the log behind it is kept. */
  readonly oldestMs: number | undefined;
  /** Data directories that it stands on. */
  readonly copies: number;
  /** The log that must be read to make the index again, each record once. */
  readonly logBytes: number;
  /** What the restore window alone keeps; undefined where there is none. */
  readonly held: HeldIndexBytes | undefined;
  readonly finished: number;
  readonly failures: number;
  /** Rows written of the snapshot that is being made; undefined: none is. */
  readonly rowsSoFar: number | undefined;
}

export class IndexSnapshots implements Task {
  readonly name = "index snapshots";
  readonly #options: IndexSnapshotOptions;
  readonly #limits: SnapshotLimits;
  readonly #ends = new SegmentEnds();
  #notBeforeMs = 0;
  #underWay: SnapshotWriting | undefined;
  #isAsked = false;
  /** Snapshots of which no copy is good. */
  readonly #lost = new Set<number>();
  /** What the log needed at the last look; undefined before the first. */
  #quorumSeen: string | undefined;
  /** Snapshots in a row that were made for others to take more copies, and do not have them. */
  #renewals = 0;
  #statistics: Omit<IndexSnapshotStatistics, "rowsSoFar"> = {
    isLogged: undefined,
    sequence: undefined,
    createdMs: undefined,
    oldestMs: undefined,
    copies: 0,
    logBytes: 0,
    held: undefined,
    finished: 0,
    failures: 0,
  };

  constructor(options: IndexSnapshotOptions) {
    this.#options = options;
    this.#limits = { ...snapshotLimits, ...options.limits };
  }

  get statistics(): IndexSnapshotStatistics {
    return { ...this.#statistics, rowsSoFar: this.#underWay?.rows };
  }

  /** Makes one at the next step, whether it is due or not. */
  ask(): void {
    this.#isAsked = true;
    this.#notBeforeMs = 0;
  }

  /**
   * No copy of this snapshot is good: it counts as none from now on, and another is made at the
   * next step. Its copies go once there are two good ones behind it.
   */
  replace(sequence: number): void {
    this.#lost.add(sequence);
    this.ask();
  }

  async step(): Promise<StepOutcome> {
    const { clock } = this.#options.platform;
    if (this.#underWay === undefined) {
      if (clock.monotonicMs() < this.#notBeforeMs) return "idle";
      this.#notBeforeMs = clock.monotonicMs() + this.#limits.lookMs;
      if (!(await this.#isDue())) return "idle";
      this.#underWay = await SnapshotWriting.begin(this.#options);
      this.#isAsked = false;
    }
    const underWay = this.#underWay;
    if (underWay === undefined) return "idle";
    try {
      if (await underWay.next()) return "busy";
      await this.#finish(underWay);
    } catch (error) {
      await this.close();
      this.#count({ failures: this.#statistics.failures + 1 });
      throw error;
    }
    return "idle";
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    await underWay?.giveUp();
  }

  #count(changed: Partial<Omit<IndexSnapshotStatistics, "rowsSoFar">>): void {
    this.#statistics = { ...this.#statistics, ...changed };
  }

  async #isDue(): Promise<boolean> {
    const { platform, disks, index } = this.#options;
    const position = await positionRead(index);
    this.#count({ isLogged: position !== undefined });
    if (position === undefined) return false;
    const snapshots = (await findSnapshots(platform, disks)).filter((one) => !this.#isLost(one));
    const { segments } = await this.#segments();
    const [newest] = snapshots;
    const sequence = newest?.head.position.sequence;
    const logBytes = await this.#ends.bytesBehind(segments, sequence ?? 0);
    const copies = snapshots.filter((one) => one.head.position.sequence === sequence).length;
    const oldestMs = snapshots.at(-1)?.head.createdMs;
    this.#count({ sequence, createdMs: newest?.head.createdMs, oldestMs, copies, logBytes });
    const quorum = await this.#quorum();
    const isFirstLook = this.#quorumSeen === undefined;
    if (isFirstLook) await this.#countHeld(quorum);
    // What is behind the newest one stands where the log needed it before.
    if (!isFirstLook && this.#quorumSeen !== quorum.text) this.#isAsked = true;
    this.#quorumSeen = quorum.text;
    if (newest === undefined || this.#isAsked) return true;
    // The log began anew behind that one, or what it has stands on too few disks.
    const leftOut = position.sequence - newest.head.position.sequence;
    const isShort = (): boolean => hasShortSegment(segments, quorum, newest.head.position.sequence);
    // holds: C1 snapshot-where-the-log-begins
    if (isFirstLook && (leftOut >= leftOutSequences || isShort())) return true;
    const { logBytesMin, logShare, ageMs } = this.#limits;
    const limit = Math.max(
      logBytesMin,
      logShare * (await snapshotBytes(newest.disk, newest.head.position.sequence)),
    );
    const age = platform.clock.now() - newest.head.createdMs;
    if (logBytes > limit || age > ageMs) return true;
    return await this.#isRenewalDue(snapshots, newest.head.position.sequence, age);
  }

  /** True of one that has lost copies, or never had them, while there are disks for more. */
  async #isRenewalDue(
    snapshots: readonly FoundSnapshot[],
    sequence: number,
    age: number,
  ): Promise<boolean> {
    const { disks } = this.#options;
    const taking = disks.disks.filter(({ id }) => takesNewMembers(disks, id));
    const copies = disksWith(snapshots, sequence, taking).length;
    let present = copies;
    for (const place of taking) {
      if (copies >= logCopiesMax || present > copies) break;
      const hasOne = disksWith(snapshots, sequence, [place]).length > 0;
      if (!hasOne && (await isDiskPresent(this.#options.platform.clock, place))) present++;
    }
    // holds: C5 snapshot-that-lost-copies-is-renewed
    const isShort = copies < Math.min(logCopiesMax, present);
    if (!isShort) this.#renewals = 0;
    const { renewMs, ageMs } = this.#limits;
    const isDue = isShort && age > Math.min(ageMs, renewMs * 2 ** this.#renewals);
    if (isDue) this.#renewals++;
    return isDue;
  }

  async #finish(underWay: SnapshotWriting): Promise<void> {
    const { sequence, copies } = await underWay.finish();
    this.#underWay = undefined;
    // It took their place, where nothing was committed since.
    this.#lost.delete(sequence);
    this.#count({ finished: this.#statistics.finished + 1, sequence, copies });
    await this.#trim();
  }

  /** What is held changes with each snapshot, and not in between. */
  async #countHeld(quorum: LogQuorum): Promise<void> {
    const { platform, index, disks } = this.#options;
    // Without a window what is passed is removed.
    if ((await readRestoreWindow(index)) === undefined) return;
    const snapshots = await findSnapshots(platform, disks);
    const { segments } = await this.#segments();
    const oldest = oldestNeeded(this.#usable(snapshots, quorum));
    // holds: C8 what-the-window-keeps-is-not-behind
    await this.#ends.look(
      platform.hash,
      segments.filter(({ header }) => !isWhollyBefore(header, segments, oldest ?? 0)),
    );
    this.#count({ held: await heldIndexBytes(oldest, snapshots, segments, this.#ends) });
  }

  /** What the older of the two newest snapshots holds is needed no more. */
  async #trim(): Promise<void> {
    const { platform, disks } = this.#options;
    const snapshots = await findSnapshots(platform, disks);
    const quorum = await this.#quorum();
    const usable = this.#usable(snapshots, quorum);
    const { kept, needless } = await keptSnapshots(this.#options, usable);
    const oldestKept = kept.at(-1);
    if (oldestKept === undefined) return;
    for (const { disk, head } of snapshots) {
      const { sequence } = head.position;
      const isLost = this.#lost.has(sequence);
      const isNeedless = isLost || sequence < oldestKept || needless.includes(sequence);
      if (isNeedless) await removeSnapshot(disk, sequence).catch(ignoreDisk);
    }
    const { segments } = await this.#segments();
    // holds: C1 log-kept-behind-two-snapshots
    await trimLog(platform, segments, oldestKept);
    // holds: C8 held-log-is-counted
    await this.#countHeld(quorum);
  }

  /** Snapshots with so many copies that the log before them need not be kept for them. */
  #usable(snapshots: readonly FoundSnapshot[], quorum: LogQuorum): readonly DatedSnapshot[] {
    const { disks } = this.#options;
    const there = disks.disks.filter(({ id }) => !isOut(disks, id) && !isRemoved(disks, id));
    // What may be lost of the log must leave a snapshot, too.
    const copiesMin = Math.min(snapshotCopiesMin, there.length);
    const isKept = (sequence: number): boolean => {
      const on = disksWith(snapshots, sequence, there);
      // holds: C1 snapshot-counts-with-its-copies-there
      return on.length >= copiesMin && quorum.isMet(on);
    };
    const good = snapshots.filter((one) => !this.#isLost(one));
    const all = new Set(good.map(({ head }) => head.position.sequence));
    return [...all].filter(isKept).flatMap((sequence) => {
      const found = snapshots.find(({ head }) => head.position.sequence === sequence);
      return found === undefined ? [] : [{ sequence, createdMs: found.head.createdMs }];
    });
  }

  #isLost({ head }: FoundSnapshot): boolean {
    return this.#lost.has(head.position.sequence);
  }

  async #quorum(): Promise<LogQuorum & { readonly text: string }> {
    const { index, disks } = this.#options;
    const row = await logQuorumRowOf(index);
    const quorum = logQuorumOf(row && decodeLogQuorumRow(row), knownDisks(disks));
    return { ...quorum, text: row === undefined ? "" : toHex(row) };
  }

  #segments() {
    const { platform, disks } = this.#options;
    return findSegments(platform.hash, disks.store, localLogDisks(platform.hash, disks));
  }
}

/** Those of the disks that have a copy of the snapshot. */
function disksWith(
  snapshots: readonly FoundSnapshot[],
  sequence: number,
  places: ExtentDisks["disks"],
): DiskId[] {
  const copies = snapshots.filter(({ head }) => head.position.sequence === sequence);
  const holders = places.filter((place) => copies.some(({ disk }) => disk === place.disk));
  return holders.map(({ id }) => id);
}

/** The disks of the store, also those that are not there. */
function knownDisks({ disks, rows }: ExtentDisks): number {
  if (rows === undefined) return disks.length;
  return [...rows.values()].filter(({ state }) => state !== "removed").length;
}
