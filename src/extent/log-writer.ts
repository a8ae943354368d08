import { compareBytes, noBytes } from "../base/bytes.ts";
import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import type { DiskId, StoreId } from "../format/ids.ts";
import { decodeLogQuorumRow } from "../format/log-quorum-row.ts";
import type { LogSegmentHeader } from "../format/log-segment.ts";
import type { Platform } from "../platform/platform.ts";
import { isDiskError } from "../platform/disk.ts";
import { within } from "../platform/within.ts";
import type { LogMembers } from "./log-member.ts";
import { type CopyDisk, CopySpread } from "./copy-spread.ts";
import { logAcknowledgedMax, type LogQuorum, logQuorumOf } from "./log-quorum.ts";
import type { SegmentCopy } from "./log/open-log-segment.ts";
import { logMemberLateMs, OpenLogSegment } from "./log/open-log-segment.ts";

/** A data directory that takes segments. */
export interface LogDisk extends CopyDisk {
  readonly log: LogMembers;
  /** It is emptied, out or removed: it takes copies only where others do not suffice. */
  readonly isLeaving: boolean;
}

export interface LogWriterOptions {
  readonly platform: Pick<Platform, "clock" | "hash" | "log">;
  readonly store: StoreId;
  /** The data directories that are there. */
  readonly disks: () => readonly LogDisk[];
  /** The disks that the store has, also those that are not there. */
  readonly knownDisks: () => number;
  /** This process: 16 hex digits that no other opening of the index has. */
  readonly writer: string;
  /** The generation that the index had when it was opened. */
  readonly generation: number;
  /** Microseconds on a clock that all processes of the machine share. */
  readonly instantUs: () => number;
  readonly segmentBytes?: number | undefined;
  readonly lateMs?: number | undefined;
}

/** @limit Copies of the log: the loss of any disk leaves two, and the loss of two leaves one. */
export const logCopiesMax = 3;
/** @limit A segment is ended past this: about 60,000 small commits of one process. */
const segmentBytesMax = 64 * 1024 * 1024;
/** @limit A segment that was begun with fewer copies than there are disks for is ended then. */
const shortMs = 15_000;
/** @limit A disk that failed the log is asked again after this long, unless too few others are left. */
const avoidMs = 5000;

export interface LogStatistics {
  readonly records: number;
  readonly bytes: number;
  /** Segments that were begun. */
  readonly segments: number;
  /** Copies that were left behind since they failed or were late. */
  readonly copiesLost: number;
}

interface BegunSegment {
  readonly open: OpenLogSegment;
  readonly disks: readonly LogDisk[];
  /** A segment that lacks copies ends then, for the next to have them. */
  readonly untilMs: number;
}

/**
 * Appends the commits of one process to the commit log: to one segment at a time, which has copies
 * on several disks. Where a disk fails or is late the segment ends, and the record is appended once
 * more to a new one, on others.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #avoided = new Map<DiskId, number>();
  /** The disk that the next segment begins with. */
  #turn: number;
  #segment: BegunSegment | undefined;
  #ordinal = 0;
  readonly #closing = new Set<Promise<void>>();
  #records = 0;
  #bytes = 0;
  #copiesLost = 0;
  #last: {
    readonly row: Uint8Array | undefined;
    readonly known: number;
    readonly quorum: LogQuorum | undefined;
  } = { row: undefined, known: 0, quorum: undefined };

  constructor(options: LogWriterOptions) {
    this.#options = options;
    // Writers begin with different disks, so that their segments are spread.
    this.#turn = Number.parseInt(options.writer.slice(-4), 16);
  }

  get statistics(): LogStatistics {
    return {
      records: this.#records,
      bytes: this.#bytes,
      segments: this.#ordinal,
      copiesLost: this.#copiesLost,
    };
  }

  stamp(): { generation: number; instantUs: number; wallMs: number } {
    const { generation, instantUs, platform } = this.#options;
    return { generation, instantUs: instantUs(), wallMs: platform.clock.now() };
  }

  /** Does what the engine's `CommitLog` asks. */
  async append(
    sequence: number,
    record: Uint8Array,
    quorumRow: Uint8Array | undefined,
  ): Promise<void> {
    const quorum = this.#logQuorumOf(quorumRow);
    let mayStand = false;
    let refusal = new StoreError("unavailable", "no data directory takes the log of the index");
    // Each attempt leaves a disk behind, or ends.
    const attemptsMax = this.#options.disks().length;
    for (let attempts = 0; attempts <= attemptsMax; attempts++) {
      try {
        const segment = await this.#segmentFor(sequence, record.length, quorum);
        const { isDurable, mayStand: stands, lost } = await segment.open.append(record, quorum);
        mayStand ||= stands;
        if (lost.length > 0) this.#leave(segment, lost);
        if (isDurable) return this.#count(record);
        refusal = tooFew(lost.map(({ name, why }) => `${name}: ${why}`));
      } catch (error) {
        if (!isStoreError(error)) throw error;
        refusal = error;
      }
    }
    if (mayStand) throw new StoreError("unknown", refusal.message, { cause: refusal });
    throw refusal;
  }

  /** Rows change seldom, so the last one is kept. */
  #logQuorumOf(row: Uint8Array | undefined): LogQuorum {
    const known = this.#options.knownDisks();
    const { quorum } = this.#last;
    const isSame = compareBytes(row ?? noBytes, this.#last.row ?? noBytes) === 0;
    if (quorum !== undefined && isSame && known === this.#last.known) return quorum;
    const made = logQuorumOf(row && decodeLogQuorumRow(row), known);
    this.#last = { row, known, quorum: made };
    return made;
  }

  #count(record: Uint8Array): void {
    this.#records++;
    this.#bytes += record.length;
  }

  async close(): Promise<void> {
    this.#end();
    const { platform, lateMs = logMemberLateMs } = this.#options;
    // A disk that stands still keeps its file until the process ends.
    await within(platform.clock, lateMs, Promise.all(this.#closing));
  }

  async #segmentFor(sequence: number, bytes: number, quorum: LogQuorum): Promise<BegunSegment> {
    const { platform, segmentBytes = segmentBytesMax } = this.#options;
    const { open, untilMs = 0 } = this.#segment ?? {};
    const isFull = open !== undefined && open.bytes + bytes > segmentBytes;
    const isLate = platform.clock.monotonicMs() >= untilMs;
    if (isFull || isLate || this.#isLeaving(quorum)) this.#end();
    this.#segment ??= await this.#begin(sequence, quorum);
    return this.#segment;
  }

  /**
   * True once a disk of the segment takes no more of them, and enough others do; and where no
   * quorum is among its disks any more.
   */
  #isLeaving(quorum: LogQuorum): boolean {
    if (this.#segment === undefined) return false;
    const { disks } = this.#segment;
    if (!quorum.isMet(idsOf(disks))) return true;
    const taking = new Set(idsOf(this.#options.disks().filter((disk) => !disk.isLeaving)));
    if (!quorum.isMet(taking)) return false;
    // holds: C5 log-segment-ends-with-its-disk
    return disks.some(({ id }) => !taking.has(id));
  }

  async #begin(firstSequence: number, quorum: LogQuorum): Promise<BegunSegment> {
    const { disks, platform, lateMs = logMemberLateMs } = this.#options;
    const mounted = disks().filter(({ id }) => quorum.counts(id));
    const ordinal = ++this.#ordinal;
    const chosen = this.#choose(mounted, quorum);
    const acknowledged = Math.min(logAcknowledgedMax, chosen.length);
    const failures: { readonly name: string; readonly cause: unknown }[] = [];
    const copies: SegmentCopy[] = [];
    let isOver = false;
    const members = idsOf(chosen);
    const made = chosen.map(async ({ id, log }) => {
      try {
        const header = this.#header(id, { ordinal, firstSequence, acknowledged, members });
        const member = await log.create(header);
        if (isOver) return await member.close();
        copies.push({ id, name: log.name, member });
      } catch (cause) {
        failures.push({ name: log.name, cause });
        this.#avoid(id);
      }
    });
    await within(platform.clock, lateMs, Promise.all(made));
    isOver = true;
    const begun = copies;
    for (const { name, cause } of failures) {
      platform.log("warn", "log_copy_lost", { disk: name, why: messageOf(cause) });
    }
    this.#copiesLost += chosen.length - begun.length;
    if (quorum.isMet(idsOf(begun))) {
      const enough = Math.min(acknowledged, begun.length);
      const open = new OpenLogSegment(begun, enough, { clock: platform.clock, lateMs });
      const isShort = begun.length < Math.min(logCopiesMax, mounted.length);
      const untilMs = isShort ? platform.clock.monotonicMs() + shortMs : Number.POSITIVE_INFINITY;
      return { open, disks: chosen, untilMs };
    }
    const begunOn = new Set(idsOf(begun));
    for (const { id } of chosen) if (!begunOn.has(id)) this.#avoid(id);
    for (const { member } of begun) await member.close();
    const isFull = failures.some(({ cause }) => isDiskError(cause, "full"));
    const reasons = failures.map(({ name, cause }) => `${name}: ${messageOf(cause)}`);
    throw tooFew(reasons, isFull ? "storage_full" : "unavailable");
  }

  #header(
    disk: DiskId,
    fields: Pick<LogSegmentHeader, "ordinal" | "firstSequence" | "acknowledged" | "members">,
  ): LogSegmentHeader {
    const { store, writer, generation, platform } = this.#options;
    const createdMs = platform.clock.now();
    return { ...fields, store, disk, writer, generation, createdMs, isSealed: false };
  }

  /**
   * Disks in turn, spread over failure domains, with a quorum among them: those that failed lately,
   * and those that are leaving, only where the others have none.
   */
  #choose(disks: readonly LogDisk[], quorum: LogQuorum): LogDisk[] {
    const nowMs = this.#options.platform.clock.monotonicMs();
    const isAvoided = ({ id }: LogDisk): boolean => (this.#avoided.get(id) ?? 0) > nowMs;
    const turn = this.#turn++;
    const chosen: LogDisk[] = [];
    const isMet = (): boolean => quorum.isMet(idsOf(chosen));
    const groups = Map.groupBy(disks, (one) => Number(isAvoided(one)) + 2 * Number(one.isLeaving));
    for (const group of [0, 1, 2, 3]) {
      const spread = new CopySpread(groups.get(group) ?? [], turn);
      while (chosen.length < logCopiesMax || !isMet()) {
        const disk = spread.next();
        if (disk === undefined) break;
        chosen.push(disk);
      }
      if (isMet()) break;
    }
    return chosen;
  }

  #avoid(disk: DiskId): void {
    this.#avoided.set(disk, this.#options.platform.clock.monotonicMs() + avoidMs);
  }

  #leave(
    segment: BegunSegment,
    lost: readonly { readonly name: string; readonly why: string }[],
  ): void {
    for (const { name, why } of lost) {
      this.#options.platform.log("warn", "log_copy_lost", { disk: name, why });
      const disk = segment.disks.find(({ log }) => log.name === name);
      if (disk !== undefined) this.#avoid(disk.id);
      this.#copiesLost++;
    }
    this.#end();
  }

  #end(): void {
    const { open } = this.#segment ?? {};
    this.#segment = undefined;
    if (open === undefined) return;
    const closed = open.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

function idsOf(copies: readonly { readonly id: DiskId }[]): DiskId[] {
  return copies.map(({ id }) => id);
}

function tooFew(
  reasons: readonly string[],
  code: "storage_full" | "unavailable" = "unavailable",
): StoreError {
  const said = reasons.length === 0 ? "no others are there" : reasons.join("; ");
  const fix = "at least two must, in different failure domains where they are in three or more";
  return new StoreError(
    code,
    `too few data directories take the log of the index: ${said}: ${fix}`,
  );
}
