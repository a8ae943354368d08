import type { Platform } from "../../platform/platform.ts";
import type { StoreMachine } from "../../server/store-core.ts";
import { type LmdbEngine, openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import { disksOf, engineName, indexPath, type StoreLocation } from "./store-directories.ts";

export interface OpenedStore {
  readonly machine: StoreMachine;
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
  const index = await openLmdbEngine({ path, hash, log, loop, onFailed: onIndexFailed });
  const engines = new Map([[engineName, index]]);
  return {
    machine: {
      platform,
      engines,
      disks: disksOf(platform, location),
      generation: location.generation,
    },
    index,
    close: () => index.close(),
  };
}
