import type { DiskId, ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import { unlessStuck } from "./stuck-work.ts";

/**
 * @limit So long a step waits for the other jobs once one has done its own: one that is later goes
 * on by itself, so that a disk that hangs holds up nothing else.
 */
const lateMs = 1000;
/**
 * @limit Jobs that write to one disk at the same time: one waits for what it reads while another
 * writes, and more would only make clients wait for that disk.
 */
const writersPerDiskMax = 2;

/** The disks that a job uses, as far as they are known before. */
export interface DiskUse {
  readonly reads: readonly DiskId[];
  readonly writes: readonly DiskId[];
}

/** A job of one extent. */
export interface ExtentJob extends DiskUse {
  readonly extent: ExtentId;
}

/**
 * Jobs that go on side by side, each by a bounded number of bytes in a step, so that all disks have
 * something to do while each of the jobs waits for one of them.
 */
export class RunningJobs<Job extends ExtentJob> {
  readonly #clock: Clock;
  readonly #goOn: (job: Job) => Promise<void>;
  readonly #jobs = new Map<ExtentId, Job>();
  /** Their steps that are under way. */
  readonly #steps = new Map<Job, Promise<void>>();
  #failed: { readonly thrown: unknown } | undefined;

  /** @param goOn goes on with a job by a bounded number of bytes; deletes it at its end. */
  constructor(clock: Clock, goOn: (job: Job) => Promise<void>) {
    this.#clock = clock;
    this.#goOn = goOn;
  }

  get all(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  has(extent: ExtentId): boolean {
    return this.#jobs.has(extent);
  }

  add(job: Job): void {
    this.#jobs.set(job.extent, job);
  }

  delete(job: Job): void {
    this.#jobs.delete(job.extent);
  }

  /** Ends them all side by side, and waits for none that is stuck. Rejects as one of them did. */
  async close(end: (job: Job) => Promise<void>): Promise<void> {
    const jobs = this.all;
    this.#jobs.clear();
    const ends = jobs.map((job) => unlessStuck(this.#clock, end(job)));
    for (const ended of await Promise.allSettled(ends)) {
      if (ended.status === "rejected") throw ended.reason;
    }
  }

  /** A step of each of these; false where there is none. Rejects as one of them did. */
  async goOn(jobs: readonly Job[]): Promise<boolean> {
    const late = jobs.filter((job) => this.#steps.has(job));
    const begun = jobs.filter((job) => !late.includes(job)).map((job) => this.#stepOf(job));
    // One that is late is waited for only where nothing else is to be done.
    const steps = begun.length > 0 ? begun : late.map((job) => this.#stepOf(job));
    if (steps.length > 0) {
      await Promise.race(steps);
      await within(this.#clock, lateMs, Promise.all(steps));
    }
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) throw failed.thrown;
    return steps.length > 0;
  }

  #stepOf(job: Job): Promise<void> {
    const underWay = this.#steps.get(job);
    if (underWay !== undefined) return underWay;
    const step = this.#goOn(job)
      .catch((thrown: unknown) => {
        this.#failed ??= { thrown };
      })
      .finally(() => this.#steps.delete(job));
    this.#steps.set(job, step);
    return step;
  }
}

/**
 * The one whose disks are used least by the jobs, and of as little used ones the first; undefined
 * where each would write to a disk that has enough to write.
 */
export function mostApart<Wanted extends DiskUse>(
  wanted: readonly Wanted[],
  jobs: readonly DiskUse[],
): Wanted | undefined {
  let best: Wanted | undefined;
  let fewest = Infinity;
  for (const one of wanted) {
    const shared = sharedWith(one, jobs);
    if (shared < fewest) [best, fewest] = [one, shared];
  }
  return best;
}

/** A job that writes to the same disk counts for more than all that share any other. */
function sharedWith({ reads, writes }: DiskUse, jobs: readonly DiskUse[]): number {
  let shared = 0;
  let writers = 0;
  const used = [...reads, ...writes];
  for (const job of jobs) {
    if (writes.some((disk) => job.writes.includes(disk))) writers++;
    else if (used.some((disk) => job.reads.includes(disk) || job.writes.includes(disk))) shared++;
  }
  return writers < writersPerDiskMax ? writers * (1 + jobs.length) + shared : Infinity;
}
