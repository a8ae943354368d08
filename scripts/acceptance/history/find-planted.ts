import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withPlanted } from "../../simulation/plant.ts";
import { HoldfastServer } from "../holdfast-server.ts";
import { HistoryRun } from "./history-run.ts";
import type { plantedBugs } from "./planted-bugs.ts";

/** Clients of a history of moderate load. */
export const historySize = { processes: 2, clients: 6 } as const;

const runSeconds = 3;
const runsMax = 4;

/** Runs a server that has the bug until a history shows it; what the judge said, without the history. */
export function findPlanted(bug: (typeof plantedBugs)[number]): Promise<string> {
  return withPlanted(bug, async (program) => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-history-"));
    const server = await HoldfastServer.start([join(folder, "data")], { program });
    try {
      for (let runs = 0; runs < runsMax; runs++) {
        const run = await HistoryRun.start(server.endpoint, historySize);
        await sleep(runSeconds * 1000);
        const complaint = await run.finish().then(() => undefined, complaintOf);
        if (complaint !== undefined) return complaint;
      }
      throw new Error(`not found in ${runsMax} histories of ${runSeconds} s: ${bug.name}`);
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** A history that could not be told is no finding. */
function complaintOf(error: unknown): string {
  const [line = ""] = error instanceof Error ? error.message.split("\n") : [];
  if (!/^C\d: /.test(line) && !line.includes(": C4: ")) throw error;
  return line.slice(0, 120);
}
