// kill -9 of a random process, or all, of a real server under mixed load, and what else befalls
// one: processes that are stopped and go on, extent files that are taken away, starts with an index
// that is not the store's own. Every acknowledged write is compared, and the histories of clients
// that share keys are judged, once it is shown that planted bugs are found so. --kills N at the
// most, within --seconds S after that; stops at whichever comes first and says how many there were.
// --stop-seconds: how long a process is stopped at the most.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import type { CheckReport } from "../src/control/check.ts";
import { S3Connection } from "../src/node/testing/s3-connection.ts";
import { findAllPlanted } from "./acceptance/history/find-planted.ts";
import { DisturbedRun } from "./acceptance/disturbed-run.ts";
import { checkData, rootIdentity } from "./acceptance/holdfast-server.ts";
import { KillClient } from "./acceptance/kill-client.ts";
import { runSuite } from "./acceptance/suite.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "6" },
    "stop-seconds": { type: "string", default: "4" },
  },
});
const killsMax = Number(values.kills);
/** However slow the machine is: fewer show too little. */
const killsMin = Math.min(killsMax, 10);
const folder = await mkdtemp(join(tmpdir(), "holdfast-kills-"));
const bucket = "kills";
const clients = Array.from(
  { length: Number(values.clients) },
  (_, i) => new KillClient(bucket, `c${i}`),
);
const stopMsMax = Number(values["stop-seconds"]) * 1000;
const run = new DisturbedRun({ folder, bucket, clients, stopMsMax });
const progressMs = 30_000;

/**
 * By the median, a start takes at most this multiple of one of an empty store, whatever is stored:
 * as much again, for the machine is busy, and a second.
 */
const startMsMax = (emptyMs: number): number => 2 * emptyMs + 1000;
const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

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
    name: "C1, C2, C3, C9: every acknowledged write survives kill -9 of any process, or all; nothing partial is seen; all is linearizable",
    run: async () => {
      const deadline = performance.now() + Number(values.seconds) * 1000;
      const progress = setInterval(() => console.log(run.summary()), progressMs);
      const wants = (): boolean =>
        run.kills < killsMin || (run.kills < killsMax && performance.now() < deadline);
      const server = await run.run(wants).finally(() => {
        clearInterval(progress);
        console.log(run.summary());
      });
      const connection = new S3Connection(server.endpoint, rootIdentity);
      const mayBeLost = run.removed.mayHaveLost.bind(run.removed);
      const verified = await Promise.all(
        clients.map((client) => client.verifyAll(connection, mayBeLost)),
      );
      const present = verified.flatMap((one) => one.present);
      const unread = new Set(verified.flatMap((one) => one.unread));
      const listed = (await listAll(connection)).filter((key) => !unread.has(key));
      assert.deepEqual(listed.sort(), present.sort());
      connection.close();
      await server.stop();
      const sum = (name: "acknowledged" | "unknown" | "verified"): number =>
        clients.reduce((total, { counts }) => total + counts[name], 0);
      assert.ok(sum("acknowledged") > run.kills, "the load did something");
      const [empty = 0, ...later] = run.startsMs;
      assert.ok(median(later) <= startMsMax(empty), `starts: ${run.startsMs.join(", ")} ms`);
      return (
        `${run.summary()}, ${sum("acknowledged")} writes acknowledged, ${sum("unknown")} unknown, ` +
        `${sum("verified")} reads compared, ${unread.size} keys unreadable since their extent was taken away; ` +
        `start empty ${Math.round(empty)} ms, later at most ${Math.round(Math.max(0, ...later))} ms`
      );
    },
  },
  {
    name: "C5: `holdfast check` is clean after the kills, but for extents that were taken away",
    run: async () => {
      const { output } = await checkData(run.directories);
      const line = output.split("\n").findLast((one) => one.startsWith('{"')) ?? "";
      const { problems, problemCounts } = JSON.parse(line) as CheckReport; // what --json prints
      const others = problems.filter(({ where, message }) => {
        return !run.removed.explains(`${where}: ${message}`);
      });
      assert.deepEqual(others, []);
      const { missing, corrupt, ...rest } = problemCounts;
      assert.deepEqual(rest, {}, "only bytes that were taken away are missed");
      await rm(folder, { recursive: true, force: true });
      return `${missing ?? 0} missing, ${corrupt ?? 0} corrupt`;
    },
  },
]);
