import { messageOf } from "../../base/errors.ts";
import type { Platform } from "../../platform/platform.ts";
import type { IndexMover } from "../../server/index-move.ts";
import { beginCopy, clearCopy, reserveCopy } from "../store/index-move.ts";
import type { StartMessage } from "./messages.ts";
import type { WorkerChannel } from "./worker-channel.ts";

/** What the background worker needs to copy the index to another disk, and to have it used there. */
export function indexMoverOf(
  platform: Platform,
  channel: WorkerChannel,
  { moveFailure: failure }: Pick<StartMessage, "moveFailure">,
): IndexMover {
  return {
    failure,
    clear: async (disks) => {
      for (const { disk } of disks) {
        // A disk that is read-only takes no index either; the others may.
        await clearCopy(disk.name).catch((error: unknown) => {
          platform.log("warn", "index_copy_left", { disk: disk.name, message: messageOf(error) });
        });
      }
    },
    begin: (to) => beginCopy(platform, to),
    handOver: async (to) => {
      await reserveCopy(platform, to);
      channel.send({ type: "move_index", disk: to.id });
    },
    removed: (removed) => channel.disksChanged(removed),
  };
}
