import { renameSync } from "node:fs";
import { processTree, untilGone } from "../processes.ts";
import { within } from "../within.ts";
import type { Disturbance } from "./disturbance.ts";

/** However busy the machine is. */
const endMsMax = 120_000;

/** The directory of the index, in the data directory that has it. */
export function indexOf(directories: readonly string[]): string {
  return `${directories[0] ?? ""}/index`;
}

/** A server without its index acknowledges nothing more, and ends; the index is put back then. */
export const indexTakenAway: Disturbance = {
  name: "index taken away while running",
  weight: 1,
  strike: async ({ server, directories }) => {
    const index = indexOf(directories);
    const tree = processTree(server.pid);
    renameSync(index, `${index}-away`);
    await within(endMsMax, "a server whose index was taken away ends", server.ended());
    await untilGone(tree);
    renameSync(`${index}-away`, index);
    return "ended";
  },
};
