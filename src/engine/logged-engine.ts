import type { ChangeId } from "../format/ids.ts";
import { noId } from "../format/ids.ts";
import type { CommitRecord, LogPosition } from "../format/commit-record.ts";
import {
  decodeLogPosition,
  encodeLogPosition,
  firstLogPosition,
  logPositionKey,
} from "../format/commit-record.ts";
import type { SnapshotRow } from "../format/index-snapshot.ts";
import { logQuorumKey } from "../format/row-keys.ts";
import type { Hash } from "../platform/hash.ts";
import { assertChange } from "./contract.ts";
import type { CommitLog } from "./commit-log.ts";
import { recordAfter } from "./commit-log.ts";
import type { Change, CommitResult, Engine, EngineReader } from "./engine.ts";
import { readRow } from "./engine.ts";
import type { MemoryEngine } from "./memory-engine.ts";
import type { ReplayTarget } from "./replay.ts";

/*
 * The memory engine with a commit log, as every engine keeps one: a change is judged, appended to
 * the log and only then done, one after the other.
 */

/** The stamp of the row that no change puts. */
const noChange = noId as unknown as ChangeId;

export function createLoggedEngine(rows: MemoryEngine, log: CommitLog, hash: Hash): Engine {
  let last: Promise<unknown> = Promise.resolve();
  let commits = 0;
  let conflicts = 0;
  return {
    read: (keys) => rows.read(keys),
    scan: (range, options) => rows.scan(range, options),
    snapshot: () => rows.snapshot(),
    statistics: () => ({ ...rows.statistics(), commits, transactions: commits, conflicts }),
    commit: async (change) => {
      assertChange(change);
      const own = copyOf(change);
      const commit = last.then(() => commitLogged(rows, { log, hash }, own));
      last = commit.catch(() => undefined);
      const result = await commit;
      if (result.outcome === "ok") commits++;
      if (result.outcome === "conflict") conflicts++;
      return result;
    },
    close: async () => {
      await last;
      await log.close();
      await rows.close();
    },
  };
}

/** Callers keep what they pass. */
function copyOf(change: Change): Change {
  return {
    ...change,
    checks: change.checks.map(({ key, expect }) => ({ key: new Uint8Array(key), expect })),
    puts: change.puts.map(({ key, value }) => ({
      key: new Uint8Array(key),
      value: new Uint8Array(value),
    })),
    deletes: change.deletes.map((key) => new Uint8Array(key)),
  };
}

async function commitLogged(
  rows: MemoryEngine,
  logged: { readonly log: CommitLog; readonly hash: Hash },
  change: Change,
): Promise<CommitResult> {
  const { id, checks, puts, deletes } = change;
  const judged = await rows.commit({ id, checks, puts: [], deletes: [] });
  if (judged.outcome !== "ok" || puts.length + deletes.length === 0) return judged;
  const { bytes, position } = recordAfter(logged, await logPositionOf(rows), [
    { id, puts, deletes },
  ]);
  await logged.log.append(position.sequence, bytes, await logQuorumRowOf(rows));
  const result = await rows.commit(change);
  await putLogPosition(rows, position);
  return result;
}

/** The record of the log that the rows have last. */
export async function logPositionOf(rows: Pick<Engine, "read" | "scan">): Promise<LogPosition> {
  const row = await readRow(rows, logPositionKey);
  return row === undefined ? firstLogPosition : decodeLogPosition(row.value);
}

/** The row that says where the next record must stand. */
export async function logQuorumRowOf(rows: EngineReader): Promise<Uint8Array | undefined> {
  return (await readRow(rows, logQuorumKey()))?.value;
}

/** Notes which record the rows have last; sequence 0: they have no log. */
export async function putLogPosition(rows: MemoryEngine, position: LogPosition): Promise<void> {
  const put = { key: logPositionKey, value: encodeLogPosition(position) };
  const isNone = position.sequence === 0;
  await rows.commit({
    id: noChange,
    checks: [],
    puts: isNone ? [] : [put],
    deletes: isNone ? [logPositionKey] : [],
  });
}

/** Makes the rows of a memory engine again. */
export async function replayOf(rows: MemoryEngine): Promise<ReplayTarget> {
  let position = await logPositionOf(rows);
  return {
    reader: rows,
    get position() {
      return position;
    },
    async putRows(some: readonly SnapshotRow[]) {
      for (const { key, stamp, value } of some) {
        await rows.commit({ id: stamp, checks: [], puts: [{ key, value }], deletes: [] });
      }
    },
    async setPosition(to) {
      position = to.sequence === 0 ? firstLogPosition : to;
      await putLogPosition(rows, to);
    },
    async apply(records: readonly (CommitRecord & LogPosition)[]) {
      for (const record of records) {
        for (const { id, puts, deletes } of record.changes) {
          await rows.commit({ id, checks: [], puts, deletes });
        }
        position = record;
        await putLogPosition(rows, record);
      }
    },
  };
}
