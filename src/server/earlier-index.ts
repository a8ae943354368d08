import { startsWithBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import { type Engine, type EngineReader, type Put, readRow } from "../engine/engine.ts";
import { scanPages } from "../engine/scan-pages.ts";
import { restorableFromMs } from "../control/restore-window.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import {
  findRecords,
  findSegments,
  type FoundRecord,
  LogRecordReader,
} from "../extent/log-scan.ts";
import { findSnapshots } from "../extent/snapshot-files.ts";
import {
  type CommitRecord,
  decodeLogPosition,
  type LogPosition,
  logPositionKey,
} from "../format/commit-record.ts";
import {
  decodeExtentRow,
  encodeExtentRow,
  encodeShortExtentRow,
  type ExtentRow,
  shortExtentOf,
} from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { decodeRestoreWindowRow } from "../format/restore-window-row.ts";
import {
  extentKey,
  idOfKey,
  restoreWindowKey,
  shortExtentKey,
  space,
  type Space,
  spaceRange,
} from "../format/row-keys.ts";
import { commitEarly } from "../keymap/first-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { LogChain } from "./log-chain.ts";

/*
 * An index as of a time of before, made fit to be served with the disks as they are now (decision
 * 23). Objects, uploads, buckets and their configurations are those of that time. What the store is
 * made of is not turned back: its disks, the places of its extents' bytes, the ids that were given,
 * and who may use it. So no file has to be kept only because an older index names it: of an extent
 * the older index says how far it had come, and the newest says where it lies.
 */

/** These rows are the newest index's. */
const keptSpaces: readonly Space[] = [
  space.counters,
  space.disks,
  space.scrubs,
  space.chosenSchemes,
  space.workOrders,
  space.accessKeys,
  space.owners,
  space.restoreWindow,
  space.indexScrub,
];

/** @limit Rows in one commit. */
const rowsPerCommit = 512;

/** What the log says of extents behind the time that is restored to: the last row of each. */
export class LaterExtents {
  readonly rows = new Map<ExtentId, ExtentRow>();

  /** Reads the log that goes on behind a position, to its end. */
  static async read(
    platform: Pick<Platform, "hash" | "log">,
    disks: ExtentDisks,
    behind: LogPosition,
    signal: AbortSignal,
  ): Promise<LaterExtents> {
    const later = new LaterExtents();
    const chain = await LogChain.open(platform, disks);
    const reader = new LogRecordReader(platform.hash);
    try {
      for (let position: LogPosition | undefined = behind; position !== undefined;) {
        const { certain, end } = await chain.next(position);
        const last: readonly FoundRecord[] = end?.last === undefined ? [] : [end.last];
        for (const found of [...certain, ...last]) {
          signal.throwIfAborted();
          later.add(await reader.read(found));
        }
        position = end === undefined ? certain.at(-1) : undefined;
      }
    } finally {
      await reader.close();
    }
    return later;
  }

  add({ changes }: Pick<CommitRecord, "changes">): void {
    const prefix = spaceRange(space.extents).start;
    for (const { puts, deletes } of changes) {
      for (const { key, value } of puts) {
        if (startsWithBytes(key, prefix)) this.rows.set(idOfKey(key), decodeExtentRow(value));
      }
      for (const key of deletes) if (startsWithBytes(key, prefix)) this.rows.delete(idOfKey(key));
    }
  }
}

export interface EarlierIndex {
  readonly platform: Platform;
  /** The index as of the time. */
  readonly index: Engine;
  /** The index as it is. */
  readonly newest: EngineReader;
  /** Places of extents that the newest index does not know: an earlier restore left them behind. */
  readonly later: LaterExtents;
}

/** Makes the older index say of disks, extents' places, ids and access what is true now. */
export async function keepWhatIs(options: EarlierIndex): Promise<void> {
  for (const each of keptSpaces) await copySpace(options, each);
  await placeExtents(options);
}

async function copySpace({ platform, index, newest }: EarlierIndex, each: Space): Promise<void> {
  const range = spaceRange(each);
  for await (const rows of scanPages(index, range, rowsPerCommit)) {
    await commitEarly(platform, index, {
      checks: [],
      puts: [],
      deletes: rows.map(({ key }) => key),
    });
  }
  for await (const rows of scanPages(newest, range, rowsPerCommit)) {
    await commitEarly(platform, index, { checks: [], puts: rows, deletes: [] });
  }
}

async function placeExtents({ platform, index, newest, later }: EarlierIndex): Promise<void> {
  // Each extent takes two rows.
  for await (const rows of scanPages(index, spaceRange(space.extents), rowsPerCommit / 2)) {
    const puts: Put[] = [];
    const deletes: Uint8Array[] = [];
    for (const { key, value } of rows) {
      const id = idOfKey<ExtentId>(key);
      const found = await readRow(newest, extentKey(id));
      const now = found === undefined ? later.rows.get(id) : decodeExtentRow(found.value);
      const row = placedAs(decodeExtentRow(value), now);
      const short = shortExtentOf(row);
      puts.push({ key, value: encodeExtentRow(row) });
      if (short === undefined) deletes.push(shortExtentKey(id));
      else puts.push({ key: shortExtentKey(id), value: encodeShortExtentRow(short) });
    }
    await commitEarly(platform, index, { checks: [], puts, deletes });
  }
}

/**
 * An extent as far as it had come, at the place where it is now. One that was open then and is not
 * any more is sealed: all that was acknowledged is in it, and what is in it besides is dead, which
 * is found when it is reconciled.
 */
export function placedAs(before: ExtentRow, now: ExtentRow | undefined): ExtentRow {
  if (now === undefined || now.members.length === 0) return before;
  const { scheme, members, layout, coming, comingBy, leaving, leavingMs, epoch } = now;
  const place = { scheme, members, layout, coming, comingBy, leaving, leavingMs, epoch };
  const placed = { ...before, ...place };
  if (before.state !== "open" || now.state === "open") return placed;
  return { ...placed, state: "sealed", sealedMs: now.sealedMs, length: now.length };
}

export interface WindowQuestion {
  readonly platform: Platform;
  /** The index as it is. */
  readonly newest: EngineReader;
  /** Where its snapshots and its log are. */
  readonly disks: ExtentDisks;
  readonly toMs: number;
}

/** StoreError `invalid`, saying what is possible, where all of that time need not be there. */
export async function requireInWindow(question: WindowQuestion): Promise<void> {
  const { platform, newest, disks, toMs } = question;
  const found = await readRow(newest, restoreWindowKey());
  const other = "holdfast index restore --to-sequence goes back as far as there happens to be data";
  if (found === undefined) {
    const message = "nothing that was deleted is kept for a restore to a time";
    throw new StoreError("invalid", `${message} (serve --restore-window TIME): ${other}`);
  }
  const endMs = await lastCommitMs(question);
  const oldest = (await findSnapshots(platform, disks)).at(-1)?.head.createdMs ?? endMs;
  const fromMs = Math.max(oldest, restorableFromMs(decodeRestoreWindowRow(found.value), endMs));
  // holds: C9 restore-only-to-what-is-kept
  if (toMs >= fromMs && toMs <= platform.clock.now()) return;
  const range = `from ${timeText(fromMs)} to ${timeText(endMs)}`;
  const message = `${timeText(toMs)} is not within the restore window`;
  throw new StoreError("invalid", `${message}: the index can be restored to any time ${range}`);
}

/** When the last commit was made: while the store was stopped nothing was removed. */
async function lastCommitMs({ platform, newest, disks }: WindowQuestion): Promise<number> {
  const row = await readRow(newest, logPositionKey);
  if (row === undefined) return platform.clock.now();
  const { hash } = platform;
  const { sequence } = decodeLogPosition(row.value);
  const { segments } = await findSegments(hash, disks.store, localLogDisks(hash, disks));
  const { records } = await findRecords(hash, segments, { sequence: sequence - 1 });
  return records.find((one) => one.sequence === sequence)?.wallMs ?? platform.clock.now();
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
