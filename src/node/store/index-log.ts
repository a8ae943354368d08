import { renameSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import type { EngineReader } from "../../engine/engine.ts";
import { logQuorumRowOf } from "../../engine/logged-engine.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { localLogDisks } from "../../extent/local-log-members.ts";
import { findSegments } from "../../extent/log-scan.ts";
import { trimLog } from "../../extent/log-trim.ts";
import type { LogDisk } from "../../extent/log-writer.ts";
import { LogWriter } from "../../extent/log-writer.ts";
import { findSnapshots, removeSnapshot } from "../../extent/snapshot-files.ts";
import { isRemoved } from "../../extent/mounted-disks.ts";
import { logQuorumOf } from "../../extent/log-quorum.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import { type DiskId, idText } from "../../format/ids.ts";
import { decodeLogQuorumRow } from "../../format/log-quorum-row.ts";
import { logWriterBytes } from "../../format/log-segment.ts";
import { readDisks } from "../../keymap/disk-registry.ts";
import type { Platform } from "../../platform/platform.ts";
import type { NewIndex, Recovered, RecoveryStage } from "../../server/index-recovery.ts";
import { rebuildIndex, rollForward } from "../../server/index-recovery.ts";
import { newLogPosition } from "../../server/new-log-position.ts";
import { syncPath } from "../disk/small-file.ts";
import { dataFileOf } from "../lmdb/environment.ts";
import { hasEnvironment, makeEnvironment, openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import { type LmdbReplay, openLmdbReplay } from "../lmdb/replay.ts";
import { keepAside } from "./index-home.ts";

/*
 * The commit log of this machine's index: opened for each process, and, before the first of them
 * opens the index, read to move an index that is behind forward, or to make one again that is lost.
 * There is a log where the store has two disks or more.
 */

export interface LogPlace {
  readonly disks: ExtentDisks;
  /** The disks that the store has, also those that are not there. */
  readonly known: () => number;
  readonly generation: number;
}

/** @limit A store of one disk has no log: it would be lost with the index. */
export const loggedDisksMin = 2;

/** The log for an engine that is opened now; undefined for a store of one disk. */
export function openCommitLog(
  platform: Platform,
  { disks, known, generation }: LogPlace,
): LogWriter | undefined {
  if (known() < loggedDisksMin) return undefined;
  let seen: Pick<ExtentDisks, "disks" | "rows"> | undefined;
  let logDisks: readonly LogDisk[] = [];
  return new LogWriter({
    platform,
    store: disks.store,
    disks: () => {
      const isSame = disks.disks === seen?.disks && disks.rows === seen.rows;
      if (isSame) return logDisks;
      seen = { disks: disks.disks, rows: disks.rows };
      const found = localLogDisks(platform.hash, disks);
      logDisks = found.filter(({ id }) => !isRemoved(disks, id));
      return logDisks;
    },
    knownDisks: known,
    writer: toHex(platform.random.bytes(logWriterBytes)),
    generation,
    instantUs: () => Number(process.hrtime.bigint() / 1000n),
  });
}

export interface IndexPlace {
  readonly platform: Platform;
  /** The directory of the environment. */
  readonly path: string;
  readonly disks: ExtentDisks;
  readonly onProgress?: ((stage: RecoveryStage, done: number, of: number) => void) | undefined;
  /** Aborts what takes long. */
  readonly signal?: AbortSignal | undefined;
  /**
   * True where a power cut may have undone the last commit of the index, so that only its log has
   * that: then enough of the log must be there.
   */
  readonly mayLackLast?: boolean | undefined;
}

/**
 * Moves the index that is there to the end of its log. Undefined where it has none. StoreError
 * `missing` where records are missing in between, or its position is not one of this log;
 * `unavailable` where it may lack its last commit, and data directories are missing that the record
 * of it could be on.
 */
export async function bringForward(place: IndexPlace): Promise<Recovered | undefined> {
  if (!(await hasPosition(place))) return undefined;
  const { platform, path } = place;
  const replay = openLmdbReplay(path, platform.hash);
  try {
    const isWhole = place.mayLackLast !== true;
    const recovered = await rollForward({ ...place, isWhole, refusal: lastCommitRefusal }, replay);
    if (recovered.commits > 0) {
      const fields = { path, commits: recovered.commits, sequence: replay.position.sequence };
      platform.log("warn", "index_rolled_forward", fields);
    }
    return recovered;
  } finally {
    await replay.close();
  }
}

function lastCommitRefusal(missing: string): string {
  const what = `so much of the log of the index is missing (${missing}) that the index could lack what was acknowledged last`;
  const fix =
    "mount all data directories of the store, or go on without what only those have: holdfast serve --accept-loss";
  return `${what}: ${fix}`;
}

async function hasPosition({ platform, path }: IndexPlace): Promise<boolean> {
  const replay = openLmdbReplay(path, platform.hash);
  try {
    return replay.position.sequence > 0;
  } finally {
    await replay.close();
  }
}

/** True if a log or a snapshot of the store's index stands on the disks that were found. */
export async function hasLog({ platform, disks }: IndexPlace): Promise<boolean> {
  const logDisks = localLogDisks(platform.hash, disks);
  const { segments } = await findSegments(platform.hash, disks.store, logDisks);
  return segments.length > 0 || (await findSnapshots(platform, disks)).length > 0;
}

/**
 * Makes the index again from snapshot and log, and puts it at its path; what stands there is kept
 * beside it. StoreError `missing` where snapshot and log are not enough, `unavailable` where it
 * cannot be shown that nothing acknowledged is missing.
 */
export async function makeIndexAgain(place: IndexPlace, why: string): Promise<Recovered> {
  const { platform, path } = place;
  platform.log("warn", "index_recovery_started", { path, why });
  const unfinished = `${path}.remade`;
  const { index, ...recovered } = await rebuildIndex(place, () => newIndexAt(platform, unfinished));
  await index.close();
  putInPlace(platform, unfinished, path);
  const { commits, position } = recovered;
  platform.log("warn", "index_recovered", { path, commits, sequence: position.sequence });
  return recovered;
}

/** An empty index at a path of its own; given up, it is gone. */
export function newIndexAt({ hash }: Platform, path: string): Promise<LmdbReplay & NewIndex> {
  rmSync(path, { recursive: true, force: true });
  makeEnvironment(path);
  const replay = openLmdbReplay(path, hash);
  const giveUp = async (): Promise<void> => {
    await replay.close();
    rmSync(path, { recursive: true, force: true });
  };
  return Promise.resolve(Object.assign(replay, { giveUp }));
}

/** Copies an index that nobody has open to another data directory, where it is whole or not at all. */
export async function copyIndex(platform: Platform, from: string, to: string): Promise<void> {
  const unfinished = `${to}.remade`;
  rmSync(unfinished, { recursive: true, force: true });
  makeEnvironment(unfinished);
  await copyFile(dataFileOf(from), dataFileOf(unfinished));
  syncPath(dataFileOf(unfinished));
  putInPlace(platform, unfinished, to);
}

/** Makes an index that is whole the one at a path; what stands there is kept aside. */
export function putInPlace(platform: Platform, unfinished: string, path: string): void {
  keepAside(platform, path);
  renameSync(unfinished, path);
  syncPath(dirname(path));
}

/**
 * The index at its path as its log says it must be: moved forward, or made again where it is lost
 * and `mayMake`. Undefined where it has no log.
 */
export async function recoverIndex(
  place: IndexPlace,
  mayMake: boolean,
): Promise<Recovered | undefined> {
  let why = "it is not there";
  if (hasEnvironment(place.path)) {
    try {
      const forward = await bringForward(place);
      if (forward !== undefined) return forward;
      const known = await knownDisksIn(place.platform, place.path);
      if (known.length < loggedDisksMin || !(await hasLog(place))) return undefined;
      throw new StoreError("foreign", "the index is a copy from before it had a log");
    } catch (thrown) {
      if (!mayMake || !isLost(thrown)) throw thrown;
      why = messageOf(thrown);
    }
  }
  return await makeIndexAgain(place, why);
}

/** The disks of the store, as the index that nobody has open says; none where it is empty. */
export async function knownDisksIn(platform: Platform, path: string): Promise<readonly DiskRow[]> {
  if (!hasEnvironment(path)) return [];
  const index = await openLmdbEngine({
    path,
    hash: platform.hash,
    log: platform.log,
    reserveBytes: 0,
  });
  try {
    return (await readDisks(index)).filter(({ state }) => state !== "removed");
  } finally {
    await index.close();
  }
}

/**
 * Before any other process opens the index: a log that begins now follows a position of its own, so
 * that no record of an earlier one is taken for one of it; and a log that ended is removed, since
 * the index has gone on without it. A log that cannot go on with the disks that are there begins
 * anew where a person agreed; StoreError `unavailable` otherwise. True if it begins now.
 */
export async function settleLog(
  place: IndexPlace,
  known: number,
  acceptLoss = false,
): Promise<boolean> {
  const { platform, path, disks } = place;
  const replay = openLmdbReplay(path, platform.hash);
  try {
    const hasPosition = replay.position.sequence > 0;
    if (known < loggedDisksMin) {
      if (!hasPosition) return false;
      await replay.setPosition({ ...replay.position, sequence: 0 });
      await removeLog(platform, disks);
      return false;
    }
    if (hasPosition) {
      const lacking = await lackingForQuorum(replay.reader, disks);
      if (lacking === undefined) return false;
      if (!acceptLoss) throw cannotGoOn(lacking);
      platform.log("warn", "log_begins_anew", { path, without: lacking });
    }
    await replay.beginLog(await newLogPosition(place));
    return true;
  } finally {
    await replay.close();
  }
}

/** The data directories that are missing, where no record could be on a quorum without them. */
async function lackingForQuorum(
  reader: EngineReader,
  { disks }: ExtentDisks,
): Promise<string | undefined> {
  const row = await logQuorumRowOf(reader);
  if (row === undefined) return undefined;
  const { domains, ...quorum } = decodeLogQuorumRow(row);
  const there = disks.map(({ id }) => id);
  if (logQuorumOf({ domains, ...quorum }, 0).isMet(there)) return undefined;
  const rows = await readDisks(reader);
  const missing = domains.flat().filter((disk) => !there.includes(disk));
  const nameOf = (id: DiskId): string => rows.find(({ disk }) => disk === id)?.name ?? idText(id);
  return missing.map(nameOf).toSorted().join(", ");
}

function cannotGoOn(lacking: string): StoreError {
  const what = `the log of the index cannot go on, since these data directories are missing: ${lacking}`;
  const fix =
    "mount so many that two are there that are in different failure domains, or go on without what only the missing have: holdfast serve --accept-loss";
  return new StoreError("unavailable", `${what}: ${fix}`);
}

async function removeLog(platform: Platform, disks: ExtentDisks): Promise<void> {
  const { hash } = platform;
  const { segments } = await findSegments(hash, disks.store, localLogDisks(hash, disks));
  await trimLog(platform, segments, Number.MAX_SAFE_INTEGER);
  for (const { disk, head } of await findSnapshots(platform, disks)) {
    await removeSnapshot(disk, head.position.sequence);
  }
}

/** True if the index is lost or not to be trusted, so that it is made again where that is possible. */
export function isLost(thrown: unknown): boolean {
  if (!isStoreError(thrown)) return false;
  return ["missing", "foreign", "corrupt", "io"].includes(thrown.code);
}
