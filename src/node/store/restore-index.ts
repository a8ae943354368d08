import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isStoreError, StoreError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { noteHoldsIndex, readIdentity } from "../../extent/data-directories.ts";
import { writeSnapshot } from "../../control/snapshot-writing.ts";
import { fetchShipped } from "../../control/shipping/fetch-shipped.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { shippedDisk } from "../../extent/local-log-members.ts";
import type { StoreId } from "../../format/ids.ts";
import { readDisks } from "../../keymap/disk-registry.ts";
import { keepWhatIs, LaterExtents, requireInWindow } from "../../server/earlier-index.ts";
import { requireOwnIndex } from "../../server/index-ownership.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import type {
  DatedCommit,
  Recovered,
  RecoveryOptions,
  RecoveryStage,
} from "../../server/index-recovery.ts";
import { rebuildIndex } from "../../server/index-recovery.ts";
import { newLogPosition } from "../../server/new-log-position.ts";
import { numbersOfDisks } from "../../server/numbers-of-disks.ts";
import { openDisk } from "../disk/disk.ts";
import { syncPath } from "../disk/small-file.ts";
import { openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import { openLmdbReplay } from "../lmdb/replay.ts";
import { homeFirst, keepAside } from "./index-home.ts";
import { type IndexPlace, newIndexAt, recoverIndex } from "./index-log.ts";
import { StoreLock } from "./store-lock.ts";
import { endOrphanedWorkers } from "./worker-list.ts";

/*
 * Restores the index of a stopped store from a snapshot and what its log has behind it, because a
 * person asked for it: also to a commit or a time of before, and also where it cannot be shown that
 * nothing is missing, if that person agreed. What the index then does not know of is kept, as
 * strays.
 */

export interface RestoreOptions {
  readonly platform: Platform;
  readonly paths: readonly string[];
  /** Where to look for snapshots and log beside the data directories. */
  readonly from: RestoreSource | undefined;
  readonly isWanted?: ((commit: DatedCommit) => boolean) | undefined;
  /** The index as of this time is wanted, with all that was there then. */
  readonly toMs?: number | undefined;
  readonly acceptLoss: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (stage: RestoreStage, done: number, of: number) => void;
}

export type RestoreStage = RecoveryStage | "files fetched" | "rows of a new snapshot";

export interface RestoreSource {
  /** The index may have been shipped to it. */
  readonly target: ShippingTarget;
  /** A directory may also hold snapshots as a data directory does. */
  readonly directory: string | undefined;
}

export interface Restored {
  /** The directory that holds the index now. */
  readonly path: string;
  readonly sequence: number;
  /** Commits of the log that were applied to the snapshot. */
  readonly commits: number;
  /** True if the data directories have seen more than the index knows. */
  readonly isBehind: boolean;
  /**
   * Disks that took a snapshot of it, which its log stands on; undefined where the log goes on, and
   * needs none.
   */
  readonly snapshotCopies: number | undefined;
}

export async function restoreIndex(options: RestoreOptions): Promise<Restored> {
  const { platform } = options;
  const given = options.paths.map((path) => resolve(path));
  const [home = "", ...others] = await homeFirst(platform, given);
  const identity = existsSync(home) ? await readIdentity(openDisk(home)) : undefined;
  if (identity === undefined) {
    throw new StoreError(
      "missing",
      `${home} holds no store: name its data directories with --data`,
    );
  }
  using _locks = new DisposableStack();
  const disks = await lockAll(platform, identity.store, [home, ...others], _locks);
  await endOrphanedWorkers(home, platform);
  using fetched = new FetchedFiles(join(home, "index.fetched"));
  const extra = await openSource(options, disks.store, fetched);
  const sources = { store: disks.store, disks: [...disks.disks, ...extra] };
  const path = join(home, "index");
  const unfinished = `${path}.restored`;
  const place = { platform, path, disks, onProgress: options.onProgress };
  const { toMs } = options;
  const earlier =
    toMs === undefined ? undefined : await beginEarlier(place, sources, { ...options, toMs });
  const { index, ...recovered } = await rebuildIndex(
    { ...options, ...earlier, disks: sources },
    () => newIndexAt(platform, unfinished),
  );
  await index.close();
  if (earlier !== undefined) {
    const { position } = recovered;
    const later = await LaterExtents.read(platform, sources, position, options.signal);
    await fitToDisks(place, unfinished, later);
  }
  const { isBehind, beginsLog } = await settle(options, { path: unfinished, disks }, recovered);
  keepAside(platform, path);
  renameSync(unfinished, path);
  syncPath(dirname(path));
  await noteHoldsIndex(openDisk(home), identity.disk, true);
  // Not before it is the index: a later loss would be made good with one that came to nothing.
  const snapshotCopies = beginsLog ? await snapshotOf(place, options) : undefined;
  const { commits, position } = recovered;
  platform.log("warn", "index_restored", { path, commits, sequence: position.sequence, isBehind });
  return { path, sequence: position.sequence, commits, isBehind, snapshotCopies };
}

/**
 * Writes a snapshot of an index whose log begins anew: without one it could not be made again.
 * Answers how many disks have it.
 */
async function snapshotOf(
  { platform, path, disks }: IndexPlace,
  { onProgress }: RestoreOptions,
): Promise<number> {
  let copies = 0;
  await withIndex(platform, path, async (index) => {
    const rows = new Map((await readDisks(index)).map((row) => [row.disk, row]));
    const sources = { platform, index, disks: { ...disks, rows } };
    try {
      const onRows = (done: number): void => onProgress("rows of a new snapshot", done, 0);
      copies = (await writeSnapshot(sources, onRows))?.copies ?? 0;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      platform.log("warn", "snapshot_not_written", { disk: path, message: error.message });
    }
  });
  return copies;
}

/**
 * What choosing the commits up to a time takes. The newest index is needed as well, as it says
 * where everything lies: it is moved to the end of its log, or made again, first.
 */
async function beginEarlier(
  place: IndexPlace,
  sources: ExtentDisks,
  { toMs, acceptLoss }: RestoreOptions & { readonly toMs: number },
): Promise<Pick<RecoveryOptions, "isWanted" | "acceptLoss">> {
  const { platform } = place;
  await recoverIndex(place, true);
  await withIndex(platform, place.path, async (newest) => {
    await requireOwnIndex({ platform, index: newest, disks: place.disks });
    await requireInWindow({ platform, newest, disks: sources, toMs });
  });
  if (!acceptLoss) {
    const fix = "give --accept-loss to go on without what was written later";
    const message = `the index is restored to ${new Date(toMs).toISOString()}`;
    throw new StoreError("invalid", `${message}: ${fix}; nothing was changed`);
  }
  return {
    isWanted: ({ wallMs }) => wallMs <= toMs,
    // What was agreed to is the loss of what came later, and of nothing else.
    acceptLoss: false,
  };
}

async function fitToDisks(
  { platform, path }: IndexPlace,
  unfinished: string,
  later: LaterExtents,
): Promise<void> {
  await withIndex(platform, path, (newest) =>
    withIndex(platform, unfinished, (index) => keepWhatIs({ platform, index, newest, later })),
  );
}

async function withIndex(
  { hash, log }: Platform,
  path: string,
  work: (index: Engine) => Promise<void>,
): Promise<void> {
  const index = await openLmdbEngine({ path, hash, log, reserveBytes: 0 });
  try {
    await work(index);
  } finally {
    await index.close();
  }
}

/** A directory for what is fetched, gone at the end. */
class FetchedFiles implements Disposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** What a source holds, as further places with snapshots and log. */
async function openSource(
  { platform, from, isWanted = () => true, toMs, signal, onProgress }: RestoreOptions,
  store: StoreId,
  fetched: FetchedFiles,
): Promise<DataDisk[]> {
  if (from === undefined) return [];
  const { target, directory } = from;
  mkdirSync(fetched.path, { mode: 0o700 });
  const to = openDisk(fetched.path);
  const isThere = await fetchShipped({
    platform,
    target,
    store,
    to,
    isWanted: ({ sequence, createdMs }) =>
      toMs === undefined ? isWanted({ sequence, wallMs: createdMs }) : createdMs <= toMs,
    signal,
    onProgress: (files, of) => onProgress("files fetched", files, of),
  });
  const places = isThere ? [to] : [];
  if (directory !== undefined) places.push(openDisk(directory));
  else if (!isThere) {
    throw new StoreError("missing", `${target.name} holds nothing of the index of this store`);
  }
  return places.map((disk) => localDataDisk(platform.hash, shippedDisk, disk));
}

async function lockAll(
  platform: Platform,
  store: StoreId,
  paths: readonly string[],
  locks: DisposableStack,
): Promise<ExtentDisks> {
  const disks = [];
  for (const path of paths) {
    const identity = existsSync(path) ? await readIdentity(openDisk(path)) : undefined;
    if (identity?.store !== store) continue;
    locks.use(StoreLock.take(path));
    disks.push(localDataDisk(platform.hash, identity.disk, openDisk(path)));
  }
  return { store, disks };
}

/**
 * An index that is behind its data directories is given numbers that they have not seen, and a log
 * that begins anew: so it may serve with them, and nothing of what it lacks is taken for its own.
 */
async function settle(
  { platform, acceptLoss }: RestoreOptions,
  place: Pick<IndexPlace, "path" | "disks">,
  { isCut, mayLack, position }: Recovered,
): Promise<{ readonly isBehind: boolean; readonly beginsLog: boolean }> {
  const { path, disks } = place;
  let isBehind = isCut || mayLack;
  await withIndex(platform, path, async (index) => {
    const numbers = await numbersOfDisks({ platform, index, disks });
    isBehind ||= numbers.areBehind;
    if (isBehind && !acceptLoss) {
      const fix = "give --accept-loss to go on without what was written later; nothing was changed";
      const message = `the index that can be made (commit ${position.sequence}) lacks what the data directories have seen`;
      throw new StoreError("missing", `${message}: ${fix}`);
    }
    if (isBehind) await numbers.take();
  });
  const beginsLog = isBehind && position.sequence > 0;
  if (beginsLog) {
    const replay = openLmdbReplay(path, platform.hash);
    await replay.beginLog(await newLogPosition({ platform, disks }));
    await replay.close();
  }
  return { isBehind, beginsLog };
}
