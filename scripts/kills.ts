// kill -9 of a random process, or all, of a real server under mixed load; every acknowledged write is compared, and
// the histories of clients that share keys are judged, once it is shown that planted bugs are found so.
// --kills N at the most, within --seconds S after that; stops at whichever comes first and says how many there were.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import { checkData, HoldfastServer } from "./acceptance/holdfast-server.ts";
import { findAllPlanted, historySize } from "./acceptance/history/find-planted.ts";
import { HistoryRun } from "./acceptance/history/history-run.ts";
import { addCounts, countsText, noCounts } from "./acceptance/history/judge-history.ts";
import { KillClient } from "./acceptance/kill-client.ts";
import { isAlive, processTree, type ProcessInfo } from "./acceptance/processes.ts";
import { S3Connection } from "./acceptance/s3-connection.ts";
import { runSuite } from "./acceptance/suite.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "6" },
  },
});
const killsMax = Number(values.kills);
/** However slow the machine is: fewer show too little. */
const killsMin = Math.min(killsMax, 10);
const folder = await mkdtemp(join(tmpdir(), "holdfast-kills-"));
const directories = [join(folder, "one"), join(folder, "two")];
const bucket = "kills";
const clients = Array.from(
  { length: Number(values.clients) },
  (_, i) => new KillClient(bucket, `c${i}`),
);

/** A history is judged and another begun after so many kills. */
const killsPerHistory = 10;
const progressMs = 30_000;
let judged = noCounts;

type Target = "worker" | "supervisor" | "all";
const killed: Record<Target, number> = { worker: 0, supervisor: 0, all: 0 };
/** A start may take this much longer than that of an empty store: judged by the median, since the machine is busy. */
const startMoreMs = 1000;
const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

async function gone(processes: readonly ProcessInfo[]): Promise<void> {
  for (let waited = 0; processes.some(({ pid }) => isAlive(pid)); waited += 20) {
    assert.ok(
      waited < 10_000,
      `still there 10 s after their supervisor was killed: ${JSON.stringify(processes)}`,
    );
    await sleep(20);
  }
}

/** Kills, and returns whether the whole server has to be started again. */
async function kill(server: HoldfastServer, number: number): Promise<boolean> {
  const target: Target = number % 5 === 4 ? "all" : number % 5 === 2 ? "supervisor" : "worker";
  killed[target]++;
  const tree = processTree(server.pid);
  if (target === "worker") {
    const children = tree.slice(1);
    assert.ok(children.length >= 3, `two workers and the background one: ${JSON.stringify(tree)}`);
    process.kill(children[Math.floor(Math.random() * children.length)]!.pid, "SIGKILL");
    return false;
  }
  for (const { pid } of target === "all" ? tree : tree.slice(0, 1)) process.kill(pid, "SIGKILL");
  await server.ended();
  await gone(tree);
  return true;
}

async function killUnderLoad(): Promise<{
  server: HoldfastServer;
  startsMs: number[];
  kills: number;
}> {
  const deadline = performance.now() + Number(values.seconds) * 1000;
  let server = await HoldfastServer.start(directories);
  const startsMs = [server.startMs];
  const first = new S3Connection(server.endpoint);
  assert.equal((await first.send("PUT", `/${bucket}`)).status, 200);
  first.close();
  let kills = 0;
  let history = await HistoryRun.start(server.endpoint, historySize);
  const progress = setInterval(
    () => console.log(`${kills} kills; ${countsText(judged)}`),
    progressMs,
  );
  while (kills < killsMin || (kills < killsMax && performance.now() < deadline)) {
    const connection = new S3Connection(server.endpoint);
    const stop = new AbortController();
    const working = Promise.all(clients.map((client) => client.work(connection, stop.signal)));
    await Promise.race([sleep(300 + Math.random() * 1200), working]);
    const restart = await kill(server, kills++);
    if (!restart) await Promise.race([sleep(400), working]);
    stop.abort();
    await working;
    connection.close();
    if (restart) {
      server = await HoldfastServer.start(directories);
      startsMs.push(server.startMs);
      history.moveTo(server.endpoint);
    }
    if (kills % killsPerHistory === 0 && kills < killsMax) {
      judged = addCounts(judged, await history.finish());
      history = await HistoryRun.start(server.endpoint, historySize);
    }
  }
  clearInterval(progress);
  judged = addCounts(judged, await history.finish());
  return { server, startsMs, kills };
}

async function listAll(connection: S3Connection): Promise<string[]> {
  const keys: string[] = [];
  for (let after = ""; ;) {
    const query = `list-type=2&max-keys=50${after === "" ? "" : `&start-after=${encodeURIComponent(after)}`}`;
    const { status, body } = await connection.send("GET", `/${bucket}?${query}`);
    assert.equal(status, 200);
    const page = [...body.toString().matchAll(/<Key>([^<]+)</g)].map((match) => match[1] ?? "");
    keys.push(...page);
    if (!body.includes("<IsTruncated>true")) return keys;
    after = page.at(-1) ?? after;
  }
}

await runSuite([
  {
    name: "C2: histories of real processes show planted bugs",
    run: findAllPlanted,
  },
  {
    name: "C1, C2, C3: every acknowledged write survives kill -9 of any process, or all; nothing partial is seen; all is linearizable",
    run: async () => {
      const { server, startsMs, kills } = await killUnderLoad();
      const connection = new S3Connection(server.endpoint);
      const present = (
        await Promise.all(clients.map((client) => client.verifyAll(connection)))
      ).flat();
      assert.deepEqual((await listAll(connection)).sort(), present.sort());
      connection.close();
      await server.stop();
      const sum = (name: "acknowledged" | "unknown" | "verified"): number =>
        clients.reduce((total, { counts }) => total + counts[name], 0);
      assert.ok(sum("acknowledged") > kills, "the load did something");
      const [empty = 0, ...later] = startsMs;
      assert.ok(median(later) <= empty + startMoreMs, `starts: ${startsMs.join(", ")} ms`);
      return (
        `${countsText(judged)}; ${kills} kills (${JSON.stringify(killed)}), ${sum("acknowledged")} writes acknowledged, ` +
        `${sum("unknown")} unknown, ${sum("verified")} reads compared; start empty ${Math.round(empty)} ms, ` +
        `later at most ${Math.round(Math.max(0, ...later))} ms`
      );
    },
  },
  {
    name: "C5: `holdfast check` is clean after the kills",
    run: async () => {
      const { code, output } = await checkData(directories);
      assert.equal(code, 0, output.slice(-4000));
      await rm(folder, { recursive: true, force: true });
      return output.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
    },
  },
]);
