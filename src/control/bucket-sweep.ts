import { isRefusal } from "../base/refusal.ts";
import type { Row } from "../engine/engine.ts";
import { scanPages } from "../engine/scan-pages.ts";
import { decodeBucketFenceRow, decodeBucketRow } from "../format/bucket-row.ts";
import type { BucketId, SessionId } from "../format/ids.ts";
import { sessionOfId } from "../format/ids.ts";
import { idOfKey, space, spaceRange } from "../format/row-keys.ts";
import { reopenBucket } from "../keymap/bucket-lifecycle.ts";
import { finishVersioning } from "../keymap/bucket-versioning.ts";
import { lastId } from "../keymap/counters.ts";
import type { Keymap, Partition } from "../keymap/keymap.ts";
import { listSessions } from "../keymap/sessions.ts";
import type { Platform } from "../platform/platform.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { StepOutcome, Task } from "./task-loop.ts";

/*
 * Making and deleting a bucket takes several commits, and a process may die between them. The
 * process that touches the bucket next repairs that, but writes into a bucket that was left
 * `deleting` are refused until then, so it is looked for here:
 *
 * - A fence in state `deleting` whose process has gone: the deletion was not answered, and is taken
 *   back.
 * - A fence whose versioning state was set under a higher number than the bucket's row shows, and
 *   whose process has gone: setting it was not answered, and is finished.
 * - A fence without a bucket whose process has gone: the rest of a deletion, or of a creation that
 *   failed. It is removed.
 *
 * The process is that of the fence's stamp. It is gone when its session is fenced, so its next
 * commit will fail. So there is something to look for only once a session has ended: where none
 * has, nothing is read of the buckets.
 */

/**
 * A session may be on its way into the list of sessions as it is read, so one sweep more follows.
 */
const sweepsAfterAnEnd = 2;

/** @limit Rows read at once: 30 bytes of each fence … */
const fencesAtOnce = 1000;
/** @limit … and some 200 bytes of each bucket. */
const bucketsAtOnce = 1000;

export interface BucketSweepOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly counters: BackgroundCounters;
  /** Time from the end of one sweep to the next. */
  readonly everyMs: number;
}

export class BucketSweep implements Task {
  readonly name = "bucket sweep";
  readonly #options: BucketSweepOptions;
  #notBeforeMs = 0;
  /** The sessions that were alive at the last look. */
  #alive: ReadonlySet<SessionId> = new Set();
  /** The newest session at the last look. */
  #lastSession = 0;
  #sweepsDue = sweepsAfterAnEnd;

  constructor(options: BucketSweepOptions) {
    this.#options = options;
  }

  async step(): Promise<StepOutcome> {
    const { platform, keymap, everyMs } = this.#options;
    if (platform.clock.monotonicMs() < this.#notBeforeMs) return "idle";
    if (await this.#hasSessionEnded()) this.#sweepsDue = sweepsAfterAnEnd;
    if (this.#sweepsDue > 0) {
      for (const partition of keymap.partitions) await this.#sweep(partition);
      this.#sweepsDue--;
    }
    this.#notBeforeMs = platform.clock.monotonicMs() + everyMs;
    return "idle";
  }

  /** True if one has ended since the last look, whether it was alive then or came later. */
  async #hasSessionEnded(): Promise<boolean> {
    const last = await lastId(this.#options.keymap, "sessions");
    const alive = new Set((await listSessions(this.#options.keymap)).map(({ session }) => session));
    const ended = [...this.#alive].filter((session) => !alive.has(session));
    const begun = [...alive].filter((session) => session > this.#lastSession && session <= last);
    const hasEnded = ended.length > 0 || begun.length < last - this.#lastSession;
    this.#alive = alive;
    this.#lastSession = last;
    return hasEnded;
  }

  async #sweep(partition: Partition): Promise<void> {
    const all = spaceRange(space.bucketFences);
    for await (const fences of scanPages(partition, all, fencesAtOnce)) {
      const sessions = await listSessions(this.#options.keymap);
      const alive = new Set(sessions.map(({ session }) => session));
      await this.#repair(
        partition,
        fences.filter(({ stamp }) => !alive.has(sessionOfId(stamp))),
      );
    }
  }

  async #repair(partition: Partition, fences: readonly Row[]): Promise<void> {
    if (fences.length === 0) return;
    const buckets = await this.#findBuckets(new Set(fences.map(({ key }) => idOfKey(key))));
    for (const fence of fences) {
      const bucket = buckets.get(idOfKey(fence.key));
      if (bucket === undefined) {
        await this.#removeFence(partition, fence);
        continue;
      }
      if (decodeBucketFenceRow(fence.value).state === "deleting") await this.#reopen(bucket);
      else await this.#finishVersioning(fence, bucket);
    }
  }

  /** Rows of the buckets with these ids; goes through all buckets. */
  async #findBuckets(ids: ReadonlySet<BucketId>): Promise<Map<BucketId, Row>> {
    const { system } = this.#options.keymap;
    const found = new Map<BucketId, Row>();
    for await (const rows of scanPages(system, spaceRange(space.buckets), bucketsAtOnce)) {
      for (const row of rows) {
        const { id } = decodeBucketRow(row.value);
        if (ids.has(id)) found.set(id, row);
      }
    }
    return found;
  }

  async #reopen(bucket: Row): Promise<void> {
    const { platform, keymap, counters } = this.#options;
    if (!(await reopenBucket(keymap, bucket))) return;
    counters.bucketsReopened++;
    platform.log("info", "bucket_reopened", { bucket: decodeBucketRow(bucket.value).id });
  }

  async #finishVersioning(fence: Row, bucket: Row): Promise<void> {
    const { platform, keymap, counters } = this.#options;
    const { versioning, versioningNumber } = decodeBucketFenceRow(fence.value);
    const { id, versioningNumber: shown } = decodeBucketRow(bucket.value);
    if (versioningNumber <= shown) return;
    const change = { versioning, versioningNumber };
    const outcome = await finishVersioning(keymap, { key: bucket.key, id }, change);
    if (isRefusal(outcome)) return;
    counters.versioningFinished++;
    platform.log("info", "bucket_versioning_finished", { bucket: id, versioning });
  }

  /** Where the check fails somebody else is at work on it. */
  async #removeFence(partition: Partition, fence: Row): Promise<void> {
    const { outcome } = await partition.commit({
      id: this.#options.keymap.session.nextChangeId(),
      checks: [{ key: fence.key, expect: fence.stamp }],
      puts: [],
      deletes: [fence.key],
    });
    if (outcome === "ok") this.#options.counters.fencesRemoved++;
  }
}
