import { renameSync, rmSync } from "node:fs";
import { untilGone } from "../processes.ts";
import { within } from "../within.ts";
import type { Disturbance } from "./disturbance.ts";
import { childrenOf } from "./kills.ts";

/** However busy the machine is. */
const endMsMax = 120_000;

/** The directory of the index, in the data directory that has it. */
export function indexOf(directories: readonly string[]): string {
  return `${directories[0] ?? ""}/index`;
}

/**
 * A server without its index acknowledges nothing more: its processes end, the index is made again
 * of its log, and others take their place.
 */
export const indexTakenAway: Disturbance = {
  name: "index taken away while running",
  weight: 1,
  strike: async ({ server, directories }) => {
    const index = indexOf(directories);
    const processes = childrenOf(server);
    renameSync(index, `${index}-away`);
    const gone = untilGone(processes);
    await within(endMsMax, "processes whose index was taken away end", gone);
    rmSync(`${index}-away`, { recursive: true });
    return "goes on";
  },
};
