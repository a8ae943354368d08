import type { ExtentReader } from "../extent/extent-reader.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { ReadTracker } from "../keymap/read-tracker.ts";
import type { Platform } from "../platform/platform.ts";
import { DecodedBuckets } from "./decoded-buckets.ts";
import { AnswerBudget } from "./read/answer-budget.ts";
import type { RequestPhases } from "./request-phases.ts";
import { BodyBudget } from "./write/body-budget.ts";
import { type BodyBuffers, createBodyBuffers } from "./write/body-buffers.ts";
import { ExtentClasses } from "./write/extent-classes.ts";

interface StoreDependencies {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly writer: ExtentWriter;
  readonly reader: ExtentReader;
  readonly reads: ReadTracker;
  /** Where new buckets live. */
  readonly region: string;
  /** Parts of an upload whose rows one commit takes: fewer in simulations, which have few parts. */
  readonly partsPerCommit: number;
}

/** The parts that a process has for all its requests. */
export interface ProcessStore extends StoreDependencies {
  /** The memory budget shared by all uploads. */
  readonly bodies: BodyBudget;
  /** The memory budget shared by all answers. */
  readonly answers: AnswerBudget;
  readonly buffers: BodyBuffers;
  readonly bucketsDecoded: DecodedBuckets;
  readonly extentClasses: ExtentClasses;
}

/**
 * The parts that every operation on objects and buckets uses: those of the process, and those of
 * the request.
 */
export interface ObjectStore extends ProcessStore {
  readonly phases: RequestPhases;
}

export function createProcessStore(dependencies: StoreDependencies): ProcessStore {
  const { clock } = dependencies.platform;
  return {
    ...dependencies,
    bodies: new BodyBudget(clock),
    answers: new AnswerBudget(clock),
    buffers: createBodyBuffers(dependencies.platform.memory),
    bucketsDecoded: new DecodedBuckets(),
    extentClasses: new ExtentClasses(dependencies.keymap),
  };
}

/** The store as one request sees it. */
export function storeForRequest(store: ProcessStore, phases: RequestPhases): ObjectStore {
  return { ...store, phases };
}
