import { DiskObservations } from "../../extent/observed-disk.ts";
import { MountedDisks } from "../../extent/mounted-disks.ts";
import type { Platform } from "../../platform/platform.ts";
import type { StoreMachine } from "../../server/store-core.ts";
import { type LmdbEngine, openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import { openCommitLog } from "./index-log.ts";
import { disksOf, engineName, indexPath } from "./store-directories.ts";
import type { StoreLocation } from "./store-location.ts";

export interface OpenedStore {
  /** What this process meets on the disks. */
  readonly observations: DiskObservations;
  readonly machine: StoreMachine & { readonly disks: MountedDisks };
  readonly index: LmdbEngine;
  /** Closes the index, after whatever used it has ended. */
  close(): Promise<void>;
}

/**
 * Opens index and disks of a store whose directories are locked by this process or its supervisor.
 */
export async function openStore(
  platform: Platform,
  location: StoreLocation,
  onIndexFailed: (cause: unknown) => void,
): Promise<OpenedStore> {
  const path = indexPath(location);
  const { hash, log, loop } = platform;
  const observations = new DiskObservations(platform.clock);
  const mounted = disksOf(platform, location, observations);
  const disks = new MountedDisks(location.store, mounted.disks);
  const { generation } = location;
  const known = (): number => knownDisks(disks) ?? location.known;
  const commitLog = openCommitLog(platform, { disks, known, generation });
  const index = await openLmdbEngine({ path, hash, log, loop, commitLog, onFailed: onIndexFailed });
  const engines = new Map([[engineName, index]]);
  return {
    observations,
    machine: {
      platform,
      engines,
      disks,
      generation,
    },
    index,
    close: () => index.close(),
  };
}

/** The disks that the registry has; undefined before it was read. */
function knownDisks({ rows }: MountedDisks): number | undefined {
  if (rows === undefined) return undefined;
  let known = 0;
  for (const { state } of rows.values()) known += state === "removed" ? 0 : 1;
  return known;
}
