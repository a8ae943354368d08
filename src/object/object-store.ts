import type { ExtentReader } from "../extent/extent-reader.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { ReadTracker } from "../keymap/read-tracker.ts";
import type { Platform } from "../platform/platform.ts";
import type { AnswerBudget } from "./read/answer-budget.ts";
import type { BodyBudget } from "./write/body-budget.ts";
import type { BodyBuffers } from "./write/body-buffers.ts";
import type { Bucket, DecodedBuckets } from "./bucket-rows.ts";
import type { RequestPhases } from "./request-phases.ts";

/** What every operation on objects and buckets works with. */
export interface ObjectStore {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly writer: ExtentWriter;
  readonly reader: ExtentReader;
  readonly reads: ReadTracker;
  /** Of uploads. */
  readonly bodies: BodyBudget;
  /** Of reads. */
  readonly answers: AnswerBudget;
  readonly buffers: BodyBuffers;
  /** Where new buckets live. */
  readonly region: string;
  readonly bucketsDecoded?: DecodedBuckets | undefined;
  /** That the request at hand has read: see `requestView`. */
  readonly bucketRead?: Bucket | undefined;
  /** Fewer than `partsPerCommitMax` in tests, which have few parts. */
  readonly partsPerCommit?: number | undefined;
  /** Of the request at hand. */
  readonly phases?: RequestPhases | undefined;
}
