import type { Ready } from "../base/ready.ts";
import type { Change, EngineReader } from "../engine/engine.ts";
import {
  type BlobId,
  type BucketId,
  type ChangeId,
  composeId,
  type PartitionId,
  type SessionId,
} from "../format/ids.ts";

/**
 * The keys a partition holds: a contiguous range of (bucket, object key). It refuses rows outside.
 */
export interface Partition extends EngineReader {
  readonly id: PartitionId;
  /**
   * Several reads of one moment. Short ones only: meanwhile the engine keeps every page of that
   * moment. A few at a time, the others wait; StoreError `overloaded` where too many do.
   */
  inSnapshot<T>(read: (reader: EngineReader) => Ready<T>): Ready<T>;
  /**
   * Commits a change of rows of this partition. The session's fence is checked as well; `unknown`
   * is resolved by reading before anything is answered. StoreError: `fenced`, `unknown` (may have
   * happened, could not be found out), and the engine's.
   */
  commit(change: Change): Promise<CommitOutcome>;
}

export type CommitOutcome =
  | { readonly outcome: "ok" }
  /** The key of the first check that failed. */
  | { readonly outcome: "conflict"; readonly key: Uint8Array };

export interface Keymap {
  /** The session that commits. */
  readonly session: Session;
  /** Buckets, extents, leases, counters, the map. */
  readonly system: Partition;
  partitionOf(bucket: BucketId, key: Uint8Array): Partition;
  /** All partitions that may hold keys of the bucket, in key order. */
  partitionsOf(bucket: BucketId): readonly Partition[];
  /** All partitions but the system's. */
  readonly partitions: readonly Partition[];
}

/** One run of one process. Its id was never used before, so what it composes is unique. */
export class Session {
  readonly id: SessionId;
  #changes = 0;
  #blobs = 0;

  constructor(id: SessionId) {
    this.id = id;
  }

  nextChangeId(): ChangeId {
    return composeId(this.id, ++this.#changes);
  }

  nextBlobId(): BlobId {
    return composeId(this.id, ++this.#blobs);
  }
}
