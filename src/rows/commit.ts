import { StoreError, isStoreError } from "../base/errors.ts";
import { isRefusal, type RefusalOf, refuse } from "../base/refusal.ts";
import type { Change, Check, Row, Rows } from "../engine/engine.ts";
import { type BucketFenceRow, decodeBucketFenceRow } from "../format/bucket-row.ts";
import type { ChunkRef, DataLocation } from "../format/chunk-ref.ts";
import { bucketFenceKey, headKey } from "../format/row-keys.ts";
import type { CommitOutcome, Keymap } from "../keymap/keymap.ts";
import { garbagePuts } from "./garbage.ts";
import { type KeyPlace, type Version, versionOf } from "./versions.ts";

/*
 * How every change of objects and uploads comes about: read what it depends on, plan the rows,
 * commit them under checks that nothing of it changed meanwhile, and start over where something
 * did. Each change checks the bucket's fence, so none slips in once a deletion has begun; and what
 * it frees of a key stands in one garbage row of the same commit (C5).
 */

/**
 * @limit Each round somebody wins, so 64 clients at one key need 64 rounds at the most; twice that
 * is a key too hot (C6).
 */
export const commitAttemptsMax = 128;

/** The parts of a store that a commit needs. */
export interface CommitStore {
  readonly keymap: Keymap;
  readonly writer: AppendedRecords;
  /** Called when the commit is waited for; undefined where no request waits for it. */
  readonly phases?: CommitPhase | undefined;
}

interface AppendedRecords {
  /** It is decided whether rows refer to these records. */
  release(refs: readonly ChunkRef[]): void;
}

interface CommitPhase {
  wait(phase: "commit"): void;
  waited(): void;
}

/** The data freed of one key: it has a garbage row of its own. */
export interface Freed {
  readonly key: Uint8Array;
  readonly locations: readonly DataLocation[];
}

export interface Plan<T> {
  readonly checks: readonly Check[];
  readonly puts: Change["puts"];
  readonly deletes: Change["deletes"];
  /** Data that nothing refers to once this is committed. */
  readonly freed: readonly DataLocation[];
  /** The same of several keys of the partition, each with its own. */
  readonly freedOfKeys?: readonly Freed[] | undefined;
  /** Records appended for this attempt alone, released once its outcome is known. */
  readonly appended?: readonly ChunkRef[] | undefined;
  readonly result: T;
}

/**
 * A plan that changes nothing, so that nothing is committed. Its result has to follow from the
 * fence and the rows that were handed over: it is right at the moment when these were read (C2).
 */
export interface Unchanged<T> {
  readonly unchanged: T;
}

/** The result of a plan; a promise only where it has to read more. */
export type Planned<T, Code extends string> =
  | PlanOrRefusal<T, Code>
  | Promise<PlanOrRefusal<T, Code>>;

type PlanOrRefusal<T, Code extends string> = Plan<T> | Unchanged<T> | RefusalOf<Code>;

/** The bucket is not there, or it is in another state than the change needs. */
export type FenceRefusal = "noSuchBucket" | "operationAborted";

/** The conditions that a commit is planned under. */
export interface PlanOptions {
  /** The bucket must be in this state; `active` where it is not said. */
  readonly state?: BucketFenceRow["state"] | undefined;
  /**
   * Rows that the plan is made from, read with the fence in one step and handed to it in this
   * order.
   */
  readonly reads?: readonly Uint8Array[] | undefined;
}

/**
 * Commits what `plan` returns, planning again whenever a row it checks has changed. It is given the
 * bucket's fence, whose check stands in the commit: what it says holds at that instant; and the
 * rows that were to be read, of the same moment. A refusal of the plan is passed on; a plan that
 * changes nothing is not committed.
 * `noSuchBucket`, `operationAborted` (the bucket is in another state). StoreError `overloaded`
 * after too many conflicts, and the engine's.
 */
export async function commitPlan<T extends object, Code extends string = never>(
  store: CommitStore,
  target: KeyPlace,
  plan: (fence: BucketFenceRow, rows: Rows) => Planned<T, Code>,
  { state = "active", reads = [] }: PlanOptions = {},
): Promise<T | RefusalOf<Code | FenceRefusal>> {
  const keys = [bucketFenceKey(target.bucket.id), ...reads];
  for (let attempt = 0; attempt < commitAttemptsMax; attempt++) {
    const answer = target.partition.read(keys);
    const [fenceRow, ...rows] = answer instanceof Promise ? await answer : answer;
    const fence = fenceOf(fenceRow, state);
    if (isRefusal(fence)) return fence;
    const made = plan(fence.row, rows);
    const planned = made instanceof Promise ? await made : made;
    if (isRefusal(planned)) return planned;
    if ("unchanged" in planned) return planned.unchanged;
    const change = changeOf(store, target, fence.check, planned);
    const { appended } = planned;
    store.phases?.wait("commit");
    try {
      const commit = (): Promise<CommitOutcome> => target.partition.commit(change);
      const { outcome } = await (appended === undefined
        ? commit()
        : releasing(store, appended, commit));
      if (outcome === "ok") return planned.result;
    } finally {
      store.phases?.waited();
    }
  }
  throw new StoreError(
    "overloaded",
    `a key changed under ${commitAttemptsMax} attempts to write it`,
  );
}

/** A bucket's fence, and the check that keeps it as it is. */
export interface Fence {
  readonly row: BucketFenceRow;
  readonly check: Check;
}

/** Decodes the fence's row; `noSuchBucket`, `operationAborted`. */
export function fenceOf(
  stored: Row | undefined,
  state: BucketFenceRow["state"],
): Fence | RefusalOf<FenceRefusal> {
  if (stored === undefined) return refuse("noSuchBucket");
  const row = decodeBucketFenceRow(stored.value);
  if (row.state !== state) return refuse("operationAborted");
  return { row, check: { key: stored.key, expect: stored.stamp } };
}

/**
 * The fence of an active bucket and the head of a key, of one moment; `noSuchBucket`,
 * `operationAborted`.
 */
export async function readFenceAndHead(
  target: KeyPlace,
): Promise<
  { readonly fence: BucketFenceRow; readonly head: Version | undefined } | RefusalOf<FenceRefusal>
> {
  const { id } = target.bucket;
  const answer = target.partition.read([bucketFenceKey(id), headKey(id, target.key)]);
  const [fenceRow, headRow] = answer instanceof Promise ? await answer : answer;
  const fence = fenceOf(fenceRow, "active");
  return isRefusal(fence) ? fence : { fence: fence.row, head: versionOf(headRow) };
}

function changeOf(store: CommitStore, target: KeyPlace, fence: Check, plan: Plan<unknown>): Change {
  const id = store.keymap.session.nextChangeId();
  const freed = [{ key: target.key, locations: plan.freed }, ...(plan.freedOfKeys ?? [])];
  const { bucket } = target;
  const garbage = freed.flatMap(({ key, locations }) =>
    garbagePuts({ bucket, key }, id, locations),
  );
  return {
    id,
    // holds: C2 read-rows-unchanged
    checks: [fence, ...plan.checks],
    // holds: C5 freed-with-change
    puts: [...plan.puts, ...garbage],
    deletes: plan.deletes,
    leavesReserve: plan.puts.length > plan.deletes.length,
  };
}

/**
 * Does what decides whether rows will refer to these records, and then says that it is decided. If
 * the outcome of a commit could not be found out, it is not: a row may refer to them, so they are
 * never released, their extent does not settle while this session lives, and the process that
 * fences the session finds out by reading.
 */
export function releasing<T>(
  store: Pick<CommitStore, "writer">,
  refs: readonly ChunkRef[],
  decide: () => Promise<T>,
): Promise<T> {
  return decide().then(
    (result) => {
      store.writer.release(refs);
      return result;
    },
    (error: unknown) => {
      if (!isStoreError(error, "unknown")) store.writer.release(refs);
      throw error;
    },
  );
}
