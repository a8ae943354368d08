// Linearizability of a real server in large counts: --rounds of races of conditional writes in
// buckets of every versioning, then --seconds of histories, judged one after the other. Says how
// far it is, and counts at the end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findAllPlanted, historySize } from "./acceptance/history/find-planted.ts";
import { HistoryRun } from "./acceptance/history/history-run.ts";
import { addCounts, countsText, noCounts } from "./acceptance/history/judge-history.ts";
import { HoldfastServer } from "./acceptance/holdfast-server.ts";
import { Races } from "./acceptance/races/races.ts";
import { type Case, runSuite } from "./acceptance/suite.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    seconds: { type: "string", default: "300" },
    workers: { type: "string", default: "2,4" },
  },
});
const progressMs = 10_000;
const secondsPerHistory = 20;
const writers = 64;

async function withServer<T>(
  workers: number,
  use: (server: HoldfastServer) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-linear-"));
  const server = await HoldfastServer.start([join(folder, "data")], { workers });
  try {
    return await use(server);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Says `text()` from time to time while `work` goes on. */
async function withProgress<T>(text: () => string, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => console.log(text()), progressMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

function race(workers: number): Promise<string> {
  return withServer(workers, async ({ endpoint }) => {
    const races = new Races(endpoint);
    await races.prepare();
    const work = async (): Promise<void> => {
      for (let round = 0; round < Number(values.rounds); round++) await races.round(writers);
    };
    await withProgress(() => races.summary(), work);
    races.close();
    return races.summary();
  });
}

function record(workers: number, seconds: number): Promise<string> {
  return withServer(workers, async ({ endpoint }) => {
    let totals = noCounts;
    const deadline = performance.now() + seconds * 1000;
    const work = async (): Promise<void> => {
      for (let left = seconds; left > 0; left = (deadline - performance.now()) / 1000) {
        const run = await HistoryRun.start(endpoint, historySize);
        await sleep(Math.min(left, secondsPerHistory) * 1000);
        totals = addCounts(totals, await run.finish());
      }
    };
    await withProgress(() => countsText(totals), work);
    return countsText(totals);
  });
}

const workerCounts = values.workers.split(",").map(Number);
const cases = workerCounts.flatMap((workers): Case[] => [
  {
    name: `C2: racing conditional writes, ${workers} workers: one wins`,
    run: () => race(workers),
  },
  {
    name: `C2: histories of ${workers} workers are linearizable`,
    run: () => record(workers, Number(values.seconds) / workerCounts.length),
  },
]);

await runSuite([
  {
    name: "C2: histories of real processes show planted bugs",
    run: findAllPlanted,
  },
  ...cases,
]);
