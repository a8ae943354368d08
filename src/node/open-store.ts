import type { Platform } from "../platform/platform.ts";
import type { StoreMachine } from "../server/store-parts.ts";
import { openDisk } from "./disk.ts";
import { type LmdbEngine, openLmdbEngine } from "./lmdb-engine.ts";
import { indexPath, type StoreLocation } from "./store-directories.ts";

/** The name of the one engine there is so far; rows of the map refer to it. */
const engineName = "main";

export interface OpenedStore {
  readonly machine: StoreMachine;
  readonly index: LmdbEngine;
  /** Closes the index, after whatever used it has ended. */
  close(): Promise<void>;
}

/** Opens index and disks of a store whose directories are locked by this process or its supervisor. */
export async function openStore(
  platform: Platform,
  location: StoreLocation,
  onFailedSync: (cause: unknown) => void,
): Promise<OpenedStore> {
  const path = indexPath(location);
  const { hash, log } = platform;
  const index = await openLmdbEngine({ path, hash, log, onFailedSync });
  const disks = location.directories.map(({ path: directory, disk }) => ({
    id: disk,
    disk: openDisk(directory),
  }));
  const engines = new Map([[engineName, index]]);
  return {
    machine: { platform, engines, disks: { store: location.store, disks } },
    index,
    close: () => index.close(),
  };
}
