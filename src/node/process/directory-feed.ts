import { localDataDisk } from "../../extent/local-members.ts";
import type { Platform } from "../../platform/platform.ts";
import type { DirectoryFeed } from "../../server/disk-watch.ts";
import { openDisk } from "../disk/disk.ts";
import type { DiskFeed } from "../../server/store-core.ts";
import type { OpenedStore } from "../store/open-store.ts";
import type { WorkerChannel } from "./worker-channel.ts";

/** A worker's disks, with its data directories as its supervisor says where they are. */
export function diskFeedOf(
  platform: Platform,
  channel: WorkerChannel,
  { machine, observations }: OpenedStore,
): DiskFeed {
  const feed: DirectoryFeed = {
    offered: () => channel.directories,
    open({ path, disk }) {
      return localDataDisk(platform.hash, disk, observations.observe(disk, openDisk(path)));
    },
    async wait(ms, signal) {
      const changed = new AbortController();
      channel.onDirectories = () => changed.abort();
      await platform.clock.sleep(ms, AbortSignal.any([signal, changed.signal]));
      channel.onDirectories = undefined;
    },
  };
  return { mounted: machine.disks, feed, observations };
}
