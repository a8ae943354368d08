import { afterKey } from "../base/bytes.ts";
import type { Row } from "../engine/engine.ts";
import { decodeUploadRow } from "../format/object-row.ts";
import { parseUploadKey, space, spaceRange } from "../format/row-keys.ts";
import { Activity } from "../keymap/activity.ts";
import type { Partition } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import { clearUpload, freeUpload, type UploadStore } from "../rows/upload-end.ts";
import { isRefusal } from "../base/refusal.ts";
import { idText } from "../format/ids.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { StepOutcome, Task } from "./task-loop.ts";

/*
 * Unfinished multipart uploads whose clients have gone keep their parts on disk, and nobody sees
 * them in a listing of objects. One that has been idle for long (since its newest part, or since it
 * was initiated; keymap/activity.ts says what time is here) is ended as an abort would end it. One
 * that has ended but has rows left is cleared: the process that ended it died, or the disk was full
 * (rows/upload-end.ts does both).
 */

/** @limit Uploads looked at in one step, some 500 bytes each; each may have 10,000 parts. */
const uploadsPerStep = 64;

export interface UploadSweepOptions extends UploadStore {
  readonly platform: Platform;
  /** Time after which an idle upload is ended; undefined: never. */
  readonly idleMs: number | undefined;
  /** Time from the end of one round to the next. */
  readonly everyMs: number;
  readonly counters: Pick<BackgroundCounters, "uploadsEnded">;
}

export class UploadSweep implements Task {
  readonly name = "upload sweep";
  readonly #options: UploadSweepOptions;
  readonly #activity: Activity | undefined;
  #round: AsyncGenerator<undefined, void, undefined> | undefined;
  #notBeforeMs = 0;

  constructor(options: UploadSweepOptions) {
    this.#options = options;
    const { idleMs } = options;
    this.#activity = idleMs === undefined ? undefined : new Activity({ ...options, idleMs });
  }

  async step(): Promise<StepOutcome> {
    const { clock } = this.#options.platform;
    if (clock.monotonicMs() < this.#notBeforeMs) return "idle";
    // A round that fails is over: its generator is done, and the next step begins another.
    this.#round ??= this.#sweep();
    if ((await this.#round.next()).done !== true) return "busy";
    this.#round = undefined;
    this.#notBeforeMs = clock.monotonicMs() + this.#options.everyMs;
    return "idle";
  }

  /** Pauses after each step. */
  async *#sweep(): AsyncGenerator<undefined, void, undefined> {
    const { keymap } = this.#options;
    await this.#activity?.advance();
    for (const partition of keymap.partitions) {
      const { end, start: first } = spaceRange(space.uploads);
      for (let start = first; ;) {
        const rows = await partition.scan({ start, end }, { limit: uploadsPerStep });
        const last = rows.at(-1);
        if (last === undefined) break;
        for (const row of rows) await this.#look(partition, row);
        start = afterKey(last.key);
        yield;
      }
    }
  }

  async #look(partition: Partition, row: Row): Promise<void> {
    const { platform, counters } = this.#options;
    const { bucket, key, id } = parseUploadKey(row.key);
    const place = { bucket: { id: bucket }, key, partition };
    if (decodeUploadRow(row.value).ended !== undefined) {
      await clearUpload(this.#options, place, id, "active");
      return;
    }
    // holds: C1 idle-by-activity
    if (this.#activity?.isIdle(row.stamp) !== true) return;
    const ending = { fence: "active", stamp: row.stamp } as const;
    // Refused: somebody else has ended it, or still works on it, or deletes its bucket.
    if (isRefusal(await freeUpload(this.#options, place, id, ending))) return;
    counters.uploadsEnded++;
    platform.log("info", "idle_upload_ended", { bucket, upload: idText(id) });
  }
}
