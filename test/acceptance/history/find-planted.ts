import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Violation } from "../../../src/sim/history.ts";
import type { PlantedBug } from "../../planted/planted-bug.ts";
import { withPlanted } from "../../planted/with-planted.ts";
import { HoldfastServer } from "../holdfast-server.ts";
import { HistoryRun } from "./history-run.ts";
import { serverBugs } from "./planted-bugs.ts";

/** Clients of a history of moderate load. */
export const historySize = { processes: 2, clients: 6 } as const;

/** Steps and facts in each history, at least. */
const seenMin = 1500;
const historiesMax = 8;

/** Throws where one of the bugs is not found; says how the others were. */
export async function findAllPlanted(): Promise<string> {
  for (const bug of serverBugs) console.log(`found: ${bug.name}: ${await findPlanted(bug)}`);
  return `${serverBugs.length} of ${serverBugs.length} found`;
}

/**
 * Runs a server that has the bug until a history shows it; what the judge said, without the
 * history.
 */
function findPlanted(bug: PlantedBug): Promise<string> {
  return withPlanted(bug, async (program) => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-history-"));
    const server = await HoldfastServer.start([join(folder, "data")], { program });
    try {
      for (let histories = 0; histories < historiesMax; histories++) {
        const run = await HistoryRun.start(server.endpoint, historySize);
        await run.until(seenMin);
        const complaint = await run.finish().then(() => undefined, complaintOf);
        if (complaint !== undefined) return complaint;
      }
      throw new Error(`not found in ${historiesMax} histories: ${bug.name}`);
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** A history that could not be recorded is no finding. */
function complaintOf(error: unknown): string {
  if (!(error instanceof Violation)) throw error;
  return error.message.split("\n", 1).join().slice(0, 120);
}
