import type { CommitRecord, LogPosition, LoggedChange } from "../format/commit-record.ts";
import { encodeCommitRecord } from "../format/commit-record.ts";
import type { Hash } from "../platform/hash.ts";

/*
 * Where an engine writes down what it is about to commit. The engine alone knows the order of all
 * commits, so it calls `append` while it holds the lock of its writer, with one record for each
 * group, and commits only once that has resolved: nothing is ever seen that the log lacks (C1, C2).
 * From a snapshot and the log the rows can be made again.
 */
export interface CommitLog {
  /** What is said of a record made now, besides its changes. */
  stamp(): Pick<CommitRecord, "generation" | "instantUs" | "wallMs">;
  /**
   * Resolves once the record is durable on as many disks as the log promises, which `quorumRow` says:
   * the value of the row at `logQuorumKey` as the commit before left it. StoreError `unknown` where it
   * fails and the record may stand on a disk all the same: then it counts if no other
   * follows the same record before the index is opened anew. Any other StoreError: it stands
   * nowhere. Called for one record at a time.
   */
  append(sequence: number, record: Uint8Array, quorumRow: Uint8Array | undefined): Promise<void>;
  /** Nothing is appended any more. */
  close(): Promise<void>;
}

/** The record of changes that follow a position, and the position behind it. */
export function recordAfter(
  { log, hash }: { readonly log: CommitLog; readonly hash: Hash },
  { sequence, checksum }: LogPosition,
  changes: readonly LoggedChange[],
): { readonly bytes: Uint8Array; readonly position: LogPosition } {
  const place = { sequence: sequence + 1, previous: checksum };
  return encodeCommitRecord(hash, { ...place, ...log.stamp(), changes });
}
