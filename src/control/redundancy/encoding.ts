import { isStoreError, messageOf } from "../../base/errors.ts";
import { Codes } from "../../erasure/codes.ts";
import { encodeExtent } from "../../extent/encode-extent.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { type ExtentView, openExtentView } from "../../extent/extent-view.ts";
import { UnprovenBytes } from "../../extent/verified-content.ts";
import {
  type ExtentClass,
  extentClassText,
  type ExtentRow,
  type MemberFile,
  type Scheme,
  type ShardScheme,
} from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { shardGeometry } from "../../format/shard.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { planMembers } from "../../placement/plan-members.ts";
import { memberCount } from "../../placement/scheme-table.ts";
import type { Topology } from "../../placement/topology.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ExtentClaims } from "../extents/extent-claims.ts";
import { haveDifferentRoots, memberFileBytes } from "../extents/extent-health.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";
import type { ExtentWorklist } from "../extents/extent-worklist.ts";
import { RestingExtents } from "../extents/resting-extents.ts";
import {
  changeExtent,
  nextLayout,
  withComing,
  withoutComing,
  withShards,
} from "../extents/member-changes.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { isTransient } from "../task-loop.ts";
import { answeringDisks, type DiskSurvey } from "./disk-survey.ts";
import { type ExtentJob, mostApart, RunningJobs } from "./running-jobs.ts";
import { nextStep } from "./stuck-work.ts";

/*
 * Writes extents anew as shards once they have come to rest: they are reconciled, little of them is
 * dead, and they are large enough, or found no others to be merged with. So it does with extents
 * that are shards already, where another code is to be kept now: an operator chose it, or there are
 * enough disks for it now. The states of files are in extents/member-changes.ts. In order:
 *
 *     row: shards are coming → files, each synced and read back → row: shards are the members, the
 *     files before leave → these are removed, once no read needs them (extents/leaving-files.ts)
 *
 * A crash before the second commit leaves the members as they were, and files that the row knows;
 * one after it leaves shards that were all read back. Reads go on all the time: before the second
 * commit from the members before, after it from the shards, and those that began before it from
 * files that are still there.
 *
 * Several extents are encoded side by side: an encoding writes one shard of data after the other,
 * so that most disks wait for it.
 */

/**
 * @limit Extents that wait to be encoded, 8 bytes each; others are found again by the inventory.
 */
const waitingMax = 65_536;
/** @limit Bytes moved in one step: 25 ms on a disk of 160 MB/s, for which clients wait. */
const stepBytes = 4 * 1024 * 1024;
/**
 * @limit Extents that are encoded at the same time: while one of them waits for a disk, the others
 * use theirs. Each has a column of all shards in memory, with RS(20,4) 72 MiB in all.
 */
const encodedAtOnceMax = 3;
/** @limit Extents of those that wait among which the next one is chosen. */
const comparedMax = 16;
/** @limit An extent that could not be encoded is left alone for this long. */
const restMs = 10 * 60_000;

export interface EncodingOptions extends StoragePlane {
  readonly keymap: Pick<Keymap, "session">;
  readonly survey: DiskSurvey;
  readonly claims: ExtentClaims;
  readonly worklist: Pick<ExtentWorklist, "again" | "addAll">;
  readonly counters: BackgroundCounters;
  /** How extents of a class are kept on these disks. */
  readonly schemeAtRest: (extentClass: ExtentClass, topology: Topology) => Promise<KeptScheme>;
  /** Extents with less than this alive are merged with others first, if there are any … */
  readonly encodedBytesMin: number;
  /** … within this time since they were sealed; then they are encoded if that saves space. */
  readonly smallRestMs: number;
  readonly reserveBytes: number;
  /**
   * Has what is alive in the extent copied into others: some of it no member has whole, or it is to
   * be in other extents now.
   */
  readonly rewrite: (extent: ExtentId) => void;
}

/** How the extents of a class are kept. */
export interface KeptScheme {
  readonly scheme: Scheme;
  /** True if extents that are kept in another scheme are to be kept in this one. */
  readonly isWished: boolean;
  /** True if no objects go to extents of this class any more. */
  readonly isLeft: boolean;
}

/** An extent class of which an extent was met. */
interface MetClass {
  readonly extentClass: ExtentClass;
  /** True if an extent was passed by before it was known how its class is kept. */
  readonly isPassed: boolean;
  /** How it was kept at the last look. */
  kept?: KeptScheme;
}

/**
 * @limit A change of what was chosen reaches extents at rest after this long: for each extent class
 * a row is read, and for choices of buckets all of them.
 */
const lookMs = 30_000;
/** @limit Where too few disks take shards, they are asked again after this long. */
const noPlaceRestMs = 60_000;

interface Job extends ExtentJob {
  readonly entry: ExtentEntry;
  readonly layout: number;
  readonly scheme: ShardScheme;
  readonly work: AsyncGenerator<number, readonly number[], undefined>;
  readonly view: ExtentView;
}

export class Encoding implements Task {
  readonly name = "encoding";
  readonly #options: EncodingOptions;
  readonly #codes = new Codes();
  readonly #waiting = new Set<ExtentId>();
  readonly #resting: RestingExtents;
  /** The extent classes that were met. */
  readonly #kept = new Map<string, MetClass>();
  #lookedMs = -Infinity;
  readonly #jobs: RunningJobs<Job>;
  /** There are too few disks that take shards until then. */
  #notBeforeMs = 0;

  constructor(options: EncodingOptions) {
    this.#options = options;
    this.#resting = new RestingExtents(options.platform.clock, waitingMax);
    this.#jobs = new RunningJobs(options.platform.clock, (job) => this.#goOn(job));
  }

  /** Extents that wait to be encoded. */
  get waiting(): number {
    return this.#waiting.size + this.#jobs.all.length;
  }

  /** Called with extents that came to rest. */
  note({ id, row }: ExtentEntry): void {
    const kept = this.#keptOf(row);
    if (isToBeCopied(row, kept)) this.#options.rewrite(id);
    else if (this.#mayBeEncoded(row, kept) && this.#waiting.size < waitingMax)
      this.#waiting.add(id);
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const isBeginning = this.#jobs.all.length === 0;
    await this.#lookAtChoices();
    const outcome = await this.#beginMore(signal);
    // A step that only finds something to do costs nothing.
    return (await this.#jobs.goOn(isBeginning ? [] : this.#jobs.all)) ? "busy" : outcome;
  }

  /** Begins with extents that wait, as long as more may be encoded at the same time. */
  async #beginMore(signal: AbortSignal): Promise<StepOutcome> {
    const { platform, claims } = this.#options;
    while (this.#jobs.all.length < encodedAtOnceMax) {
      const id = await this.#nextWaiting();
      if (id === undefined) break;
      if (platform.clock.monotonicMs() < this.#notBeforeMs) return "throttled";
      if (!claims.take(id)) continue;
      this.#waiting.delete(id);
      let hasBegun = false;
      try {
        hasBegun = await this.#begin(id, signal);
      } finally {
        if (!hasBegun) claims.release(id);
      }
    }
    return this.#jobs.all.length > 0 ? "busy" : "idle";
  }

  /** One that may begin now: of some that wait that whose disks have the least to do. */
  async #nextWaiting(): Promise<ExtentId | undefined> {
    const { table, claims } = this.#options;
    const found: ExtentJob[] = [];
    for (const extent of this.#waiting) {
      if (found.length === comparedMax) break;
      if (this.#resting.has(extent) || claims.has(extent)) continue;
      const entry = await table.get(extent);
      // Where its shards go is planned once it begins.
      found.push({ extent, reads: entry === undefined ? [] : readsOf(entry.row), writes: [] });
    }
    return mostApart(found, this.#jobs.all)?.extent;
  }

  /** Gives up what is half done: what is coming is taken away once this session has ended. */
  close(): Promise<void> {
    const { claims } = this.#options;
    return this.#jobs.close((job) => closeJob(job).finally(() => claims.release(job.extent)));
  }

  /** How extents like this one are kept; undefined where it was not looked for yet. */
  #keptOf({ storageClass, bucketScheme, scheme }: ExtentRow): KeptScheme | undefined {
    const extentClass = { storageClass, bucketScheme };
    const name = extentClassText(extentClass);
    const known = this.#kept.get(name);
    if (known?.kept !== undefined) return known.kept;
    // Others wait to be encoded, whatever is found.
    const isPassed = scheme.kind === "coded" || bucketScheme !== undefined;
    this.#kept.set(name, { extentClass, isPassed: isPassed || known?.isPassed === true });
    if (known === undefined) this.#lookedMs = -Infinity;
    return undefined;
  }

  /**
   * Where extents of a class are to be kept in another way than before, all are looked at again.
   */
  async #lookAtChoices(): Promise<void> {
    const { platform, survey, schemeAtRest, worklist } = this.#options;
    const nowMs = platform.clock.monotonicMs();
    if (nowMs - this.#lookedMs < lookMs) return;
    this.#lookedMs = nowMs;
    const { usual } = await survey.now();
    let isNew = false;
    for (const one of this.#kept.values()) {
      const kept = await schemeAtRest(one.extentClass, usual);
      isNew ||= one.kept === undefined ? one.isPassed : !isSameKept(kept, one.kept);
      one.kept = kept;
    }
    if (isNew) worklist.addAll();
  }

  #mayBeEncoded(row: ExtentRow, kept: KeptScheme | undefined): boolean {
    const { state, scheme, members, coming, length, deadBytes } = row;
    if (state !== "reconciled" || coming.length > 0) return false;
    if (scheme.kind === "coded" && !isOutdated(scheme, kept)) return false;
    const aliveBytes = length - extentHeaderBytes - deadBytes;
    // holds: C5 differing-copies-are-not-encoded
    if (haveDifferentRoots({ scheme, members })) return false;
    if (aliveBytes <= 0 || !members.some((member) => member.state === "whole")) return false;
    if (aliveBytes >= this.#options.encodedBytesMin) return true;
    return this.#hasRested(row) && savesSpace(row, kept);
  }

  #hasRested({ sealedMs }: ExtentRow): boolean {
    const { platform, smallRestMs } = this.#options;
    return platform.clock.now() - sealedMs >= smallRestMs;
  }

  /** False where nothing was begun. The caller has the claim, which the job takes over. */
  async #begin(id: ExtentId, signal: AbortSignal): Promise<boolean> {
    const { table, survey, schemeAtRest } = this.#options;
    const entry = await table.get(id);
    if (entry === undefined) return false;
    const { topology, usual } = await survey.now();
    const kept = await schemeAtRest(entry.row, usual);
    if (kept.scheme.kind !== "coded" || !this.#mayBeEncoded(entry.row, kept)) return false;
    try {
      return await this.#beginWith(entry, kept, kept.scheme, topology, signal);
    } catch (thrown) {
      this.#options.claims.release(id);
      this.#leaveAlone(id, thrown);
      return true;
    }
  }

  async #beginWith(
    entry: ExtentEntry,
    kept: KeptScheme,
    scheme: ShardScheme,
    topology: Topology,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { platform, keymap, table, survey, reserveBytes } = this.#options;
    const disks = answeringDisks(await survey.now(), this.#options.disks);
    const { fileBytes } = shardGeometry(scheme, entry.row.length);
    const plan = planMembers(topology, {
      count: scheme.data + scheme.parity,
      freeBytesMin: fileBytes + reserveBytes,
      random: survey.random,
    });
    if (plan.missing > 0) {
      platform.log("warn", "extent_not_encoded", { extent: entry.id, message: plan.why });
      this.#waiting.add(entry.id);
      this.#notBeforeMs = platform.clock.monotonicMs() + noPlaceRestMs;
      return false;
    }
    const view = await openExtentView({ platform, disks }, entry);
    const layout = nextLayout(entry.row);
    const files = plan.members.map((disk, member): MemberFile => ({
      layout,
      scheme,
      member,
      disk,
    }));
    // holds: C5 coming-before-files
    const begun = await changeExtent(table, entry, (row) =>
      this.#mayBeEncoded(row, kept) ? withComing(row, files, keymap.session.id) : undefined,
    );
    if (begun === undefined) {
      await view.close();
      return false;
    }
    const code = this.#codes.of(scheme);
    const { sources } = view;
    const parts = { platform, disks, sources, code, scheme, files, signal };
    const work = encodeExtent({ ...parts, entry: begun });
    const uses = { extent: entry.id, reads: readsOf(begun.row), writes: plan.members };
    this.#jobs.add({ ...uses, entry: begun, layout, scheme, view, work });
    return true;
  }

  async #goOn(job: Job): Promise<void> {
    const { platform, counters } = this.#options;
    try {
      for (let bytes = 0; bytes < stepBytes;) {
        const next = await nextStep(platform.clock, job.work);
        if (next === undefined) {
          this.#putAside(job);
          return;
        }
        const { done, value } = next;
        if (done === true) {
          await this.#finish(job, value);
          return;
        }
        bytes += value;
        counters.bytesEncoded += value;
      }
    } catch (thrown) {
      await this.#giveUp(job);
      this.#leaveAlone(job.entry.id, thrown);
    }
  }

  /** A disk that it writes to gives no answer: the sweep gives it up once there is one. */
  #putAside(job: Job): void {
    const { claims, worklist, platform } = this.#options;
    const { extent } = job;
    this.#jobs.delete(job);
    this.#rest(extent);
    const closed = closeJob(job).catch(() => undefined); // it changed nothing
    void closed.then(() => {
      claims.release(extent);
      worklist.again(extent);
    });
    platform.log("warn", "encoding_put_aside", { extent });
  }

  async #finish(job: Job, tableChecksums: readonly number[]): Promise<void> {
    const { platform, table, counters } = this.#options;
    const nowMs = platform.clock.now();
    const flipped = await changeExtent(table, job.entry, (row) =>
      this.#isOurs(job, row) && row.state === "reconciled"
        ? withShards(row, job.scheme, tableChecksums, nowMs)
        : undefined,
    );
    if (flipped === undefined) {
      await this.#giveUp(job);
      return;
    }
    counters.extentsEncoded++;
    platform.log("info", "extent_encoded", {
      extent: job.entry.id,
      code: job.scheme.code,
      data: job.scheme.data,
      parity: job.scheme.parity,
    });
    await this.#end(job);
  }

  async #giveUp(job: Job): Promise<void> {
    const { platform, table } = this.#options;
    // Whatever fails from here on, nobody goes on with it; all files are closed before they may go.
    this.#jobs.delete(job);
    try {
      await closeJob(job);
      await changeExtent(table, job.entry, (row) =>
        this.#isOurs(job, row) ? withoutComing(row, platform.clock.now()) : undefined,
      );
    } finally {
      // Where that failed, what is still coming is given up by whoever finds it unclaimed.
      this.#letGo(job.extent);
    }
  }

  async #end(job: Job): Promise<void> {
    this.#jobs.delete(job);
    try {
      await closeJob(job);
    } finally {
      this.#letGo(job.extent);
    }
  }

  #letGo(extent: ExtentId): void {
    this.#options.claims.release(extent);
    this.#options.worklist.again(extent);
  }

  #isOurs({ layout }: Job, { comingBy, coming }: ExtentRow): boolean {
    return comingBy === this.#options.keymap.session.id && coming[0]?.layout === layout;
  }

  #leaveAlone(extent: ExtentId, thrown: unknown): void {
    const { platform, counters } = this.#options;
    if (!isTransient(thrown)) throw thrown;
    if (isStoreError(thrown, "corrupt")) counters.corruptions++;
    if (thrown instanceof UnprovenBytes) this.#options.rewrite(extent);
    this.#rest(extent);
    platform.log("error", "extent_not_encoded", { extent, message: messageOf(thrown) });
  }

  #rest(extent: ExtentId): void {
    this.#resting.rest(extent, restMs);
    this.#waiting.add(extent);
  }
}

/** The disks that it can be read from. */
function readsOf({ members }: ExtentRow): DiskId[] {
  return members.filter(({ state }) => state === "whole").map(({ disk }) => disk);
}

/** True if its shards take less space than its members; false while that is not known. */
function savesSpace({ scheme, length }: ExtentRow, kept: KeptScheme | undefined): boolean {
  if (kept === undefined) return false;
  const bytesIn = (one: Scheme): number =>
    memberCount(one) * memberFileBytes({ scheme: one, length });
  return bytesIn(kept.scheme) < bytesIn(scheme);
}

/** True of a code that extents are not to be kept in any more. */
function isOutdated(scheme: ShardScheme, kept: KeptScheme | undefined): boolean {
  if (kept?.isWished !== true || kept.scheme.kind !== "coded") return false;
  return !isSameScheme(scheme, kept.scheme);
}

/**
 * True where what is alive is to be in other extents: its buckets have another scheme now, or
 * copies are to be kept of it again.
 */
function isToBeCopied({ state, scheme }: ExtentRow, kept: KeptScheme | undefined): boolean {
  if (state !== "reconciled" || kept === undefined) return false;
  const isCode = scheme.kind === "coded" && kept.scheme.kind === "replicated";
  return kept.isLeft || (isCode && kept.isWished);
}

function isSameKept(one: KeptScheme, other: KeptScheme): boolean {
  const { isWished, isLeft } = one;
  return (
    isSameScheme(one.scheme, other.scheme) && isWished === other.isWished && isLeft === other.isLeft
  );
}

/** The same members; it is all the same if it was coded while it was written, or later. */
function isSameScheme(one: Scheme, other: Scheme): boolean {
  if (one.kind === "replicated") {
    return other.kind === "replicated" && one.copies === other.copies;
  }
  if (other.kind === "replicated") return false;
  const { code, data, parity } = one;
  return code === other.code && data === other.data && parity === other.parity;
}

async function closeJob({ work, view }: Job): Promise<void> {
  await work.return([]);
  await view.close();
}
