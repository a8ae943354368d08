import { must } from "../../base/assert.ts";
import { StoreError, isStoreError } from "../../base/errors.ts";
import type { Limiter } from "../../base/limiter.ts";
import { blockBytes } from "../../format/limits.ts";
import { shardRanges } from "../../format/shard.ts";
import type { Hash } from "../../platform/hash.ts";
import { storeFailure } from "../disk/disk-error-codes.ts";
import { readFailure } from "../disk/unreadable-bytes.ts";
import type { ReadableMember } from "../extent-member.ts";
import type { Alarms } from "./alarms.ts";
import { ReadAttempt } from "./disk-reads.ts";
import { type HedgeBudget, hedgedBytesMax, readDeadlineMs } from "./hedging.ts";
import type { OpenedExtent } from "./opened-extent.ts";
import {
  EndsTooEarly,
  type ReadPlan,
  readRecord,
  type VerifiedRecord,
  type WantedBytes,
} from "./record-read.ts";
import { type MemberFault, ShardReader, type Shards, stretchBytesMax } from "./shard-reader.ts";

/*
 * One read of a record, by as many ways as it takes. A way is a copy, or the data shards that hold
 * the bytes, or decoding them from other shards. The first one is what will probably answer first.
 * Another is begun at once where one gives a wrong answer or none; and, while it may still answer,
 * where it is late: a small read within the budget of hedges, any read past its deadline. The first
 * right answer counts.
 *
 * A late answer goes on into memory of its own. Only the first way reads into the memory that the
 * caller lent, and where another one answered before it, the caller is not to use that again (it
 * sees so by the answer being elsewhere).
 */

export interface RaceOptions {
  readonly hash: Hash;
  readonly alarms: Alarms;
  readonly hedges: HedgeBudget;
  /** The memory for decoding. */
  readonly memory: Limiter;
  readonly counts: RaceCounts;
  readonly nowMs: () => number;
}

/** What races came to, since the process began. */
export interface RaceCounts {
  /** Answers that were wrong. */
  corruptions: number;
  /** Reads that were answered by another member than the first that was asked. */
  rerouted: number;
  /** Reads that were answered by decoding. */
  decoded: number;
}

interface Way {
  readonly attempt: ReadAttempt;
  readonly file: Pick<ReadableMember, "read">;
  /** The members that were asked and have not answered. */
  readonly asked: () => Iterable<number>;
  /** What its members give is verified by their block tables, too. */
  readonly isVerifying: boolean;
  /** Reads the record, once it has what it needs for that. */
  readonly run: (work: () => Promise<VerifiedRecord>) => Promise<VerifiedRecord>;
  readonly shards?: ShardReader | undefined;
}

/** @param retain called when a way begins, which needs the extent open; it returns the end of that. */
export class ReadRace {
  readonly #options: RaceOptions;
  readonly #extent: OpenedExtent;
  readonly #wanted: WantedBytes;
  readonly #plan: ReadPlan;
  readonly #retain: () => () => void;
  readonly #isSmall: boolean;
  readonly #result = Promise.withResolvers<VerifiedRecord>();
  readonly #underWay = new Map<Way, () => void>();
  readonly #bad = new Set<number>();
  readonly #errors: StoreError[] = [];
  readonly faults: MemberFault[] = [];
  readonly #alarms: (() => void)[] = [];
  #isVerifying = false;
  /**
   * While an extent is open no block table says which shard is wrong, such as one that is being
   * written just now: so each of those that hold the bytes is left out in turn. This counts them.
   */
  #suspected = 0;
  #hasVerified = false;
  #isOver = false;
  #begun = 0;
  #hedge: Way | undefined;

  constructor(
    options: RaceOptions,
    extent: OpenedExtent,
    { wanted, plan }: { readonly wanted: WantedBytes; readonly plan: ReadPlan },
    retain: () => () => void,
  ) {
    this.#options = options;
    this.#extent = extent;
    this.#wanted = wanted;
    this.#plan = plan;
    this.#retain = retain;
    this.#isSmall = plan.bytes <= hedgedBytesMax + plan.headerBytes;
  }

  /**
   * The verified record. StoreError: what was worst, once nothing is left to ask. `faults` has then
   * what was wrong with each member.
   */
  run(): Promise<VerifiedRecord> {
    const lateMs = this.#isSmall ? this.#options.hedges.begin() : undefined;
    if (this.#begin() === undefined) this.#fail();
    else if (this.#extent.members.length > 1) this.#watch(lateMs);
    return this.#result.promise;
  }

  /** Begins the next way; undefined if there is none. */
  #begin(): Way | undefined {
    const way = this.#nextWay();
    if (way === undefined) return undefined;
    const { hash, nowMs, hedges } = this.#options;
    const isFirst = this.#begun++ === 0;
    const release = this.#retain();
    this.#underWay.set(way, release);
    const begunMs = nowMs();
    // holds: C4 late-answers-into-own-memory
    const wanted = isFirst ? this.#wanted : { ...this.#wanted, buffer: undefined };
    const reading = way.run(() => readRecord(hash, way.file, wanted, this.#plan));
    reading.then(
      (record) => {
        if (isFirst && this.#isSmall) hedges.times.add(nowMs() - begunMs);
        this.#ended(way);
        this.#won(way, record);
      },
      (thrown: unknown) => {
        this.#ended(way);
        this.#lost(way, thrown);
      },
    );
    return way;
  }

  #ended(way: Way): void {
    this.#underWay.get(way)?.();
    this.#underWay.delete(way);
  }

  #won(way: Way, record: VerifiedRecord): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { hedges, counts } = this.#options;
    if (way === this.#hedge) hedges.won();
    if (way.shards?.hasDecoded === true) counts.decoded++;
    if (this.#begun > 1) counts.rerouted++;
    for (const other of this.#underWay.keys()) other.attempt.giveUp();
    for (const callOff of this.#alarms) callOff();
    this.#result.resolve(record);
  }

  #lost(way: Way, thrown: unknown): void {
    const error = way.shards === undefined ? this.#failureOfCopy(thrown) : storeFailure(thrown);
    if (!isStoreError(error)) {
      this.#fail(error);
      return;
    }
    if (error.code === "cancelled") return;
    this.#note(way, error);
    if (this.#isOver) return;
    this.#errors.push(error);
    if (this.#begin() === undefined && this.#underWay.size === 0) this.#fail();
  }

  /** Says what was read of it: a shard's reader knows that itself. */
  #failureOfCopy(thrown: unknown): unknown {
    const { headerBytes, blocksEnd } = this.#plan;
    const bytes = Math.max(headerBytes, blocksEnd);
    return readFailure(thrown, { offset: this.#wanted.ref.offset, bytes });
  }

  /** Who gave the wrong answer, or none. */
  #note(way: Way, error: StoreError): void {
    if (error.code === "overloaded") return;
    if (way.shards === undefined) {
      for (const member of way.asked()) this.#blame(member, error);
    } else if (error.code === "corrupt" && this.#extent.shards?.isOpen === true) {
      this.#suspected++;
    } else if (error.code === "corrupt") {
      // Whose bytes were wrong the block tables know; if they know nothing, it was encoded so.
      if (way.isVerifying && this.faults.length === 0) this.#options.counts.corruptions++;
      this.#hasVerified ||= way.isVerifying;
      this.#isVerifying = true;
    }
  }

  #blame(member: number, error: StoreError): void {
    const { entry, members } = this.#extent;
    this.#bad.add(member);
    // While it is written, a copy or shard may not have the last records yet.
    const isShort =
      error instanceof EndsTooEarly ||
      (this.#extent.shards !== undefined && error.code === "corrupt");
    if (isShort && entry.row.state === "open" && members.length > 1) return;
    this.faults.push({ member, error });
    const reads = members[member]?.reads;
    if (error.code === "corrupt") {
      this.#options.counts.corruptions++;
      reads?.wasWrong();
    } else reads?.failed();
  }

  #fail(error: unknown = worstOf(this.#errors)): void {
    this.#isOver = true;
    for (const callOff of this.#alarms) callOff();
    const { id } = this.#extent.entry;
    const none = new StoreError("missing", `extent ${id}: no member of it is there`);
    this.#result.reject(error ?? none);
  }

  /** Sees to it that another member is asked where the answer is late. */
  #watch(lateMs: number | undefined): void {
    const { alarms, hedges } = this.#options;
    const atDeadline = (): void => {
      if (this.#isOver) return;
      for (const way of this.#underWay.keys()) {
        for (const member of way.asked()) this.#extent.members[member]?.reads.wasSlow();
      }
      // Each that is begun has as long; where there is none left, the first answer is waited for.
      if (this.#begin() === undefined) return;
      this.#alarms.push(alarms.after(readDeadlineMs, atDeadline));
    };
    this.#alarms.push(alarms.after(readDeadlineMs, atDeadline));
    if (lateMs === undefined || lateMs >= readDeadlineMs) return;
    const late = (): void => {
      if (this.#isOver || this.#begun > 1 || this.#nextWay() === undefined) return;
      const { shards } = this.#extent;
      if (hedges.spend(shards?.code.data ?? 1)) this.#hedge = this.#begin();
    };
    this.#alarms.push(alarms.after(lateMs, late));
  }

  #nextWay(): Way | undefined {
    const { shards, members } = this.#extent;
    // Each failure leaves a member out, but for queues that are full; and all is tried once more
    // with the block tables.
    if (this.#begun > members.length + 1) return undefined;
    const avoided = new Set(this.#bad);
    for (const way of this.#underWay.keys()) for (const member of way.asked()) avoided.add(member);
    return shards === undefined ? this.#nextCopy(avoided) : this.#nextShards(shards, avoided);
  }

  #nextCopy(avoided: ReadonlySet<number>): Way | undefined {
    const extent = this.#extent;
    const member = bestCopy(extent, avoided);
    if (member === undefined) return undefined;
    const { reads } = must(extent.members[member], "no such member");
    const attempt = new ReadAttempt();
    const file = {
      read: async (buffer: Uint8Array, offset: number) => {
        const opened = extent.openedFile(member) ?? (await extent.file(member));
        return opened.read(buffer, offset);
      },
    };
    const run: Way["run"] = (work) => reads.run(attempt, this.#isSmall, work);
    return { attempt, file, asked: () => [member], run, isVerifying: false };
  }

  #nextShards(shards: Shards, avoided: ReadonlySet<number>): Way | undefined {
    const { members } = this.#extent;
    const { ref } = this.#wanted;
    const end = ref.offset + Math.max(this.#plan.headerBytes, this.#plan.blocksEnd);
    // One that was verified and is wrong was so when it was encoded.
    if (end > shards.length || this.#hasVerified) return undefined;
    const ranges = shardRanges(shards.geometry, ref.offset, end);
    const needed = [...new Set(ranges.map(({ member }) => member))];
    if (this.#suspected > 0) {
      const suspect = needed[this.#suspected - 1];
      if (suspect === undefined) return undefined;
      avoided = new Set([...avoided, suspect]);
    }
    const usable = shards.order.filter((member) => !avoided.has(member));
    const lost = needed.filter((member) => avoided.has(member));
    if (lost.some((member) => shards.code.repairPlan([member], usable) === undefined)) {
      return undefined;
    }
    const attempt = new ReadAttempt();
    const isVerifying = this.#isVerifying;
    const isLast = (member: number): boolean => members[member]?.reads.isWell === false;
    const reader: ShardReader = new ShardReader(shards, {
      isVerifying,
      avoided,
      isLast,
      ask: (member, work) =>
        must(members[member], "no such member").reads.run(attempt, this.#isSmall, work),
      onFault: ({ member, error }) => {
        if (error.code !== "cancelled" && error.code !== "overloaded") this.#blame(member, error);
      },
    });
    // Memory comes before places at disks, for all: so nobody who has the one waits for the other.
    const isWhole = !needed.some((member) => avoided.has(member) || isLast(member));
    const bytes = isWhole ? this.#plan.bytes : this.#plan.bytes + decodingBytes(shards, this.#plan);
    const run: Way["run"] = (work) => this.#options.memory.run(bytes, work);
    return { attempt, file: reader, asked: () => reader.asked, run, isVerifying, shards: reader };
  }
}

/** What is held beside the answer while it is decoded. */
function decodingBytes({ code }: Shards, { bytes }: ReadPlan): number {
  return (1 + code.data) * Math.min(bytes + 2 * blockBytes, stretchBytesMax);
}

/**
 * The copy to ask. Each extent has a favourite by its id, so that the page cache holds its bytes
 * once; another is asked where the favourite is not whole or not well, or where it takes clearly
 * longer.
 */
function bestCopy(extent: OpenedExtent, avoided: ReadonlySet<number>): number | undefined {
  const { members, entry } = extent;
  if (members.length === 1) return avoided.has(0) ? undefined : 0;
  let best: number | undefined;
  let bestRank = Infinity;
  for (let i = 0; i < members.length; i++) {
    const member = (entry.id + i) % members.length;
    if (avoided.has(member)) continue;
    const { state, reads } = members[member]!;
    const trouble = (state === "whole" ? 0 : 2) + (reads.isWell ? 0 : 1);
    const handicapMs = best === undefined ? 0 : reads.expectedMs + favouredMs;
    const rank = trouble * troubleRank + reads.expectedMs + handicapMs;
    if (rank >= bestRank) continue;
    best = member;
    bestRank = rank;
  }
  return best;
}

/** @limit Another copy has to be twice as fast as the favourite, and so much more. */
const favouredMs = 1;
/** More than any time that is expected. */
const troubleRank = 1e9;

/**
 * The failure that is answered: with `overloaded` the client comes again; `missing` is the last, as
 * it says that the data may be elsewhere.
 */
function worstOf(errors: readonly StoreError[]): StoreError | undefined {
  const ofCode = (code: StoreError["code"]) => errors.find((error) => error.code === code);
  const other = errors.find(({ code }) => code !== "missing");
  return ofCode("overloaded") ?? ofCode("corrupt") ?? other ?? errors[0];
}
