import { assert } from "../base/assert.ts";
import { StoreError, isStoreError } from "../base/errors.ts";
import { compareBytes } from "../base/bytes.ts";
import type { CommitLog } from "../engine/commit-log.ts";
import { logQuorumRowOf } from "../engine/logged-engine.ts";
import type { ReplayTarget } from "../engine/replay.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { logQuorumOf } from "../extent/log-quorum.ts";
import type { FoundRecord } from "../extent/log-scan.ts";
import { LogRecordReader } from "../extent/log-scan.ts";
import type { FoundSnapshot } from "../extent/snapshot-files.ts";
import { findSnapshots, readSnapshotRows } from "../extent/snapshot-files.ts";
import type { CommitRecord, LogPosition } from "../format/commit-record.ts";
import { encodeCommitRecord, firstLogPosition } from "../format/commit-record.ts";
import type { SnapshotHead } from "../format/index-snapshot.ts";
import { decodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { storeKey } from "../format/row-keys.ts";
import type { Platform } from "../platform/platform.ts";
import { LogChain } from "./log-chain.ts";
import { whatMayBeMissing } from "./log-proof.ts";

/*
 * Makes an index what the commit log says it is: moves one that is behind forward, and makes one
 * that is lost again, from the newest good snapshot and the log. Only the supervisor does this,
 * with the data directories locked and no other process at them. It is refused where records are
 * missing, so that it cannot be shown that all that was acknowledged is there.
 *
 * A copy of an index that is served is made in the same way, up to a record that this has.
 */

export interface RecoveryOptions {
  readonly platform: Pick<Platform, "hash" | "log">;
  /** The data directories that were found. */
  readonly disks: ExtentDisks;
  /** The index is known to have all that was acknowledged: nothing need be shown. */
  readonly isWhole?: boolean | undefined;
  /** What is said, with the fix, where it cannot be shown; default: that a lost index is not made. */
  readonly refusal?: ((missing: string) => string) | undefined;
  /** The record to end at, as of `rollTo`, where the index is served. */
  readonly upTo?: LogPosition | undefined;
  /** Says which commits are wanted: up to the first that is not; default: all. */
  readonly isWanted?: ((commit: DatedCommit) => boolean) | undefined;
  /** A person agreed to an index that ends where the log has a gap, or cannot be read. */
  readonly acceptLoss?: boolean | undefined;
  /** Called as it goes on, some times a second. */
  readonly onProgress?: ((stage: RecoveryStage, done: number, of: number) => void) | undefined;
  /** Ends it between two steps, with StoreError `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  /** Records whose places are held in memory at once, at least 2. */
  readonly recordsAtOnce?: number | undefined;
}

/** A commit, and when it was made. */
export interface DatedCommit {
  readonly sequence: number;
  readonly wallMs: number;
}

export type RecoveryStage = "reading the log" | "rows of the snapshot" | "commits of the log";

export interface Recovered {
  readonly position: LogPosition;
  /** Commits of the log that the index lacked. */
  readonly commits: number;
  /** The last of them, if it stands on too few disks to be sure of it. */
  readonly sparse: SparseRecord | undefined;
  /** True if the log goes on behind the position: past a gap, or since no more was wanted. */
  readonly isCut: boolean;
  /** True if it could not be shown that nothing is missing behind the position. */
  readonly mayLack: boolean;
}

/** A record, and the row that says on which disks it should be. */
export interface SparseRecord {
  readonly found: FoundRecord;
  readonly quorumRow: Uint8Array | undefined;
}

/** @limit Records that are applied in one transaction … */
const batchRecordsMax = 256;
/** @limit … and their bytes, unless one is larger. */
const batchBytesMax = 4 * 1024 * 1024;

export const logRemedy =
  "mount all data directories of the store, or make the index without what only those have: holdfast index restore --accept-loss; nothing was changed";

/**
 * Applies what the log has behind the index's position. StoreError `missing` where there is a gap
 * between them; `unavailable`, naming them, where data directories that were not read could have
 * what was acknowledged.
 */
export async function rollForward(
  options: RecoveryOptions,
  target: ReplayTarget,
): Promise<Recovered> {
  const { platform, disks, onProgress, acceptLoss = false } = options;
  onProgress?.("reading the log", 0, 0);
  const log = await LogChain.open(platform, disks, options.recordsAtOnce);
  const first = target.position.sequence;
  const apply = async (records: readonly FoundRecord[]): Promise<boolean> => {
    const wanted = records.slice(0, wantedOf(records, options.isWanted));
    await applyRecords(options, target, wanted, () => {
      const done = target.position.sequence - first;
      onProgress?.("commits of the log", done, Math.max(done, log.endMin - first));
    });
    return wanted.length === records.length;
  };
  const recovered = (more: Pick<Recovered, "sparse" | "isCut" | "mayLack">): Recovered => {
    return { position: target.position, commits: target.position.sequence - first, ...more };
  };
  for (;;) {
    const { certain, end } = await log.next(target.position);
    if (!(await apply(certain)))
      return recovered({ sparse: undefined, isCut: true, mayLack: false });
    if (end === undefined) continue;
    const { last, gapBefore } = end;
    // First, since it says which data directories are missing.
    let mayLack = await isUnsure(options, target, log);
    // holds: C1 no-gap-in-the-log
    if (gapBefore !== undefined && !acceptLoss) throw gapIn(last ?? target.position, gapBefore);
    const quorumRow = await logQuorumRowOf(target.reader);
    // holds: C1 rolled-forward-to-the-end
    const isCut = !(await apply(last === undefined ? [] : [last])) || gapBefore !== undefined;
    // The last one may have changed where the next one stands.
    mayLack ||= await isUnsure(options, target, log);
    const sparse = last === undefined || isCut || isPlaced(last, quorumRow) ? undefined : last;
    return recovered({ sparse: sparse && { found: sparse, quorumRow }, isCut, mayLack });
  }
}

/**
 * Applies what the log has up to a record that the index itself has committed. So nothing need be
 * shown of disks that are missing, and what lies behind may be appended meanwhile. StoreError
 * `missing` where the log does not lead to that very record: its checksum holds those before it.
 */
export async function rollTo(
  options: RecoveryOptions,
  target: ReplayTarget,
  to: LogPosition,
): Promise<Recovered> {
  const { platform, disks, onProgress } = options;
  const log = await LogChain.open(platform, disks, options.recordsAtOnce);
  const { sequence: first } = target.position;
  const apply = async (records: readonly FoundRecord[]): Promise<void> => {
    const wanted = records.filter(({ sequence }) => sequence <= to.sequence);
    await applyRecords(options, target, wanted, () => {
      onProgress?.("commits of the log", target.position.sequence - first, to.sequence - first);
    });
  };
  while (target.position.sequence < to.sequence) {
    const { certain, end } = await log.next(target.position);
    await apply(certain);
    if (end === undefined) continue;
    await apply(end.last === undefined ? [] : [end.last]);
    break;
  }
  const { position } = target;
  const isSame =
    position.sequence === to.sequence && compareBytes(position.checksum, to.checksum) === 0;
  // holds: C1, C2 copy-stands-where-the-index-does
  if (!isSame) {
    const message = `the log leads to commit ${position.sequence}, not to commit ${to.sequence} as the index has it`;
    throw new StoreError("missing", message);
  }
  const commits = position.sequence - first;
  return { position, commits, sparse: undefined, isCut: false, mayLack: false };
}

/** True if it is not shown that the log was read to its end, which a person agreed to. */
async function isUnsure(
  { disks, isWhole, acceptLoss, refusal = lostIndexRefusal }: RecoveryOptions,
  { reader }: ReplayTarget,
  { unread }: LogChain,
): Promise<boolean> {
  if (isWhole === true) return false;
  const missing = await whatMayBeMissing(reader, disks, unread);
  if (missing === undefined) return false;
  if (acceptLoss === true) return true;
  throw new StoreError("unavailable", refusal(missing));
}

function lostIndexRefusal(missing: string): string {
  const what = `the index is lost, and so much of its log is missing (${missing}) that it could lack what was acknowledged`;
  return `${what}: ${logRemedy}`;
}

function gapIn({ sequence }: Pick<LogPosition, "sequence">, gapBefore: number): StoreError {
  const message = `its log has a gap: commit ${sequence} is known, and commit ${gapBefore}, but not what lies between`;
  return new StoreError("missing", message);
}

/** How many of the records are wanted. */
function wantedOf(
  chain: readonly FoundRecord[],
  isWanted: RecoveryOptions["isWanted"] = () => true,
): number {
  const end = chain.findIndex((record) => !isWanted(record));
  return end < 0 ? chain.length : end;
}

/** True if a record stands where it should. */
function isPlaced({ places }: FoundRecord, quorumRow: Uint8Array | undefined): boolean {
  const on = places.map(({ segment }) => segment.on.id);
  if (on.length < Math.max(...places.map(({ segment }) => segment.header.acknowledged)))
    return false;
  return quorumRow === undefined || logQuorumOf(decodeLogQuorumRow(quorumRow), on.length).isMet(on);
}

/** StoreError `cancelled`, or the reason, once the signal has aborted. */
export function requireGoingOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  if (isStoreError(signal.reason)) throw signal.reason;
  const message = "stopped before the index was recovered: the next start does it";
  throw new StoreError("cancelled", message);
}

async function applyRecords(
  { platform: { hash }, signal }: RecoveryOptions,
  target: ReplayTarget,
  records: readonly FoundRecord[],
  onProgress: () => void,
): Promise<void> {
  const reader = new LogRecordReader(hash);
  try {
    let batch: (CommitRecord & LogPosition)[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      requireGoingOn(signal);
      if (batch.length > 0) await target.apply(batch);
      [batch, bytes] = [[], 0];
      onProgress();
    };
    for (const found of records) {
      if (batch.length >= batchRecordsMax || bytes + found.bytes > batchBytesMax) await flush();
      batch.push({ ...(await reader.read(found)), checksum: found.checksum });
      bytes += found.bytes;
    }
    await flush();
  } finally {
    await reader.close();
  }
}

/** An empty index that is being made; given up, it leaves nothing. */
export interface NewIndex extends ReplayTarget {
  giveUp(): Promise<void>;
}

/**
 * Makes the index again. `makeIndex` makes an empty one, once for each snapshot that is tried.
 * StoreError `missing`, with the remedy, where no snapshot and log together reach from the
 * beginning to the end; `unavailable` as of `rollForward`.
 */
export async function rebuildIndex<Made extends NewIndex>(
  options: RecoveryOptions,
  makeIndex: () => Promise<Made>,
): Promise<Recovered & { readonly index: Made }> {
  const { platform } = options;
  let why = "there is no snapshot of it";
  for (const snapshot of [...(await findSnapshots(platform, options.disks)), undefined]) {
    if (snapshot !== undefined && !isWantedHead(options, snapshot.head)) continue;
    const index = await makeIndex();
    try {
      if (snapshot !== undefined) await putSnapshot(options, index, snapshot);
      const target = snapshot === undefined ? fromFirst(index) : index;
      const { upTo } = options;
      const recovered =
        upTo === undefined
          ? await rollForward(options, target)
          : await rollTo(options, target, upTo);
      if (recovered.position.sequence > 0) return { ...recovered, index };
      why = "its log is empty";
    } catch (error) {
      const isOver = isStoreError(error, "unavailable") || isStoreError(error, "cancelled");
      if (isOver) await index.giveUp();
      if (isOver || !isStoreError(error)) throw error;
      why = error.message;
      const sequence = snapshot?.head.position.sequence ?? 0;
      platform.log("warn", "index_not_made_from", { sequence, message: why });
    }
    await index.giveUp();
  }
  throw new StoreError("missing", `the index cannot be made again: ${why}: ${logRemedy}`);
}

function isWantedHead(
  { isWanted = () => true, upTo }: RecoveryOptions,
  { position, createdMs }: SnapshotHead,
): boolean {
  if (position.sequence > (upTo?.sequence ?? Number.POSITIVE_INFINITY)) return false;
  return isWanted({ sequence: position.sequence, wallMs: createdMs });
}

async function putSnapshot(
  { platform, onProgress, signal }: RecoveryOptions,
  index: ReplayTarget,
  { disk, head }: FoundSnapshot,
): Promise<void> {
  let rows = 0;
  for await (const some of readSnapshotRows(platform.hash, disk, head.position.sequence)) {
    requireGoingOn(signal);
    await index.putRows(some);
    rows += some.length;
    onProgress?.("rows of the snapshot", rows, 0);
  }
  await index.setPosition(head.position);
}

/**
 * Without a snapshot: the log reaches back to the first rows of the store, or it says nothing of
 * what was before.
 */
function fromFirst(index: NewIndex): ReplayTarget {
  assert(index.position === firstLogPosition, "a new index has no position");
  return {
    reader: index.reader,
    get position() {
      return index.position;
    },
    putRows: (rows) => index.putRows(rows),
    setPosition: (position) => index.setPosition(position),
    apply: async (records) => {
      const [first] = records;
      if (first?.sequence === 1 && !putsStoreRow(first)) {
        throw new StoreError("missing", "its log begins behind the store's first rows");
      }
      await index.apply(records);
    },
  };
}

function putsStoreRow({ changes }: CommitRecord): boolean {
  const key = storeKey();
  return changes.some(({ puts }) => puts.some((put) => compareBytes(put.key, key) === 0));
}

/** Appends the log's last record once more, where it stands on too few disks to be sure of it. */
export async function appendSparse(
  { hash }: Pick<Platform, "hash">,
  log: CommitLog,
  sparse: SparseRecord | undefined,
): Promise<void> {
  if (sparse === undefined) return;
  const reader = new LogRecordReader(hash);
  try {
    const { found, quorumRow } = sparse;
    const { bytes } = encodeCommitRecord(hash, await reader.read(found));
    await log.append(found.sequence, bytes, quorumRow);
  } finally {
    await reader.close();
  }
}
