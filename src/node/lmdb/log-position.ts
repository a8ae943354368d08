import type { CommitRecord, LogPosition } from "../../format/commit-record.ts";
import {
  decodeLogPosition,
  encodeLogPosition,
  firstLogPosition,
  logPositionKey,
} from "../../format/commit-record.ts";
import type { ChangeId } from "../../format/ids.ts";
import { noId } from "../../format/ids.ts";
import { envelopeRow, openRow } from "../../format/row-envelope.ts";
import { logQuorumKey } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Database } from "./environment.ts";

/*
 * The row that says up to which record of the commit log an environment has come. It is written by
 * the transaction that does what the record says, so the two never differ.
 */

/** The stamp of a row that no change put. */
const noChange = noId as unknown as ChangeId;

/** Where there is no row the index never had a log: the first position. */
export function readLogPosition(database: Database, hash: Hash): LogPosition {
  const key = logPositionKey;
  const enveloped = database.getBinary(key);
  if (enveloped === undefined) return firstLogPosition;
  return decodeLogPosition(openRow(hash, key, new Uint8Array(enveloped)).value);
}

/** The value of the row that says where the next record must stand. */
export function readLogQuorum(database: Database, hash: Hash): Uint8Array | undefined {
  const key = logQuorumKey();
  const enveloped = database.getBinary(key);
  return enveloped && openRow(hash, key, new Uint8Array(enveloped)).value;
}

/** Inside a transaction. */
export function writeLogPosition(database: Database, hash: Hash, position: LogPosition): void {
  const key = logPositionKey;
  database.putSync(key, envelopeRow(hash, key, noChange, encodeLogPosition(position)));
}

/** Does once more what a record says, and moves the position there. Inside a transaction. */
export function applyRecord(
  database: Database,
  hash: Hash,
  record: CommitRecord & LogPosition,
): void {
  for (const { id, puts, deletes } of record.changes) {
    for (const key of deletes) database.removeSync(key);
    for (const { key, value } of puts) database.putSync(key, envelopeRow(hash, key, id, value));
  }
  writeLogPosition(database, hash, record);
}
