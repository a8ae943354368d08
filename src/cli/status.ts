import { setTimeout as sleep } from "node:timers/promises";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import type { UnreadableReport } from "../admin/work-pages.ts";
import { isStoreError } from "../base/errors.ts";
import {
  ask,
  askAdmin,
  askS3,
  type ServerConnection,
  connectionFlags,
  connectionOf,
  elementOf,
} from "./connection.ts";
import { readFigures } from "./figures.ts";
import { type MetricsReading, type StatusReport, statusOf } from "./status-report.ts";
import { statusLines } from "./status-text.ts";
import { untilInterrupted } from "./stop-signal.ts";
import { unreadablePath } from "./work.ts";

/** @limit S3's largest page of buckets has ten times as many: an answer stays below 300 kB. */
const bucketsOnPage = 1000;
/** @limit Rates and quantiles need two looks: so long apart at first … */
const readingIntervalMs = 2000;
/** @limit … and, where more are taken, the oldest no older than this. */
const readingWindowMs = 60_000;

export const status: Command = {
  name: "status",
  summary: "show the state of a running server",
  usage: "status [--watch] [--json] [--endpoint URL] [--data DIR]",
  flags: [
    ...connectionFlags,
    { name: "watch", help: "refresh every 2 s, with rates over the last minute, until Ctrl-C" },
    { name: "json", help: "print one line of JSON each time" },
  ],
  run: runStatus,
};

interface ServerStatus extends StatusReport {
  /** Undefined where the key is not root's. */
  readonly unreadable: UnreadableReport | undefined;
  readonly endpoint: string;
  readonly ready: boolean;
  readonly buckets: number;
}

async function runStatus(given: GivenFlags): Promise<number> {
  const connection = await connectionOf(given);
  const stop = untilInterrupted();
  const readings: MetricsReading[] = [await readMetrics(connection)];
  const buckets = await countBuckets(connection);
  let ready = true;
  do {
    // Ends when it aborts.
    await sleep(readingIntervalMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) break;
    const last = await readMetrics(connection);
    readings.push(last);
    while (last.atMs - readings[0]!.atMs > readingWindowMs) readings.shift();
    ready = (await ask(connection, "/-/health/ready")).status === 200;
    const { endpoint } = connection;
    const unreadable = await readUnreadable(connection);
    print({ endpoint, ready, buckets, unreadable, ...statusOf(readings[0]!, last) }, given);
  } while (given.flags.has("watch"));
  return ready ? exitStatus.ok : exitStatus.failed;
}

async function readMetrics(connection: ServerConnection): Promise<MetricsReading> {
  const atMs = performance.now();
  return { atMs, figures: readFigures((await ask(connection, "/-/metrics")).text) };
}

/** Names are for root alone: undefined for another key. */
async function readUnreadable(connection: ServerConnection): Promise<UnreadableReport | undefined> {
  try {
    const answer = await askAdmin(connection, { method: "GET", target: unreadablePath });
    return answer as UnreadableReport; // the server's answer
  } catch (thrown) {
    if (!isStoreError(thrown)) throw thrown;
    return undefined;
  }
}

function print(report: ServerStatus, { flags }: GivenFlags): void {
  if (flags.has("json")) {
    console.log(JSON.stringify(report));
    return;
  }
  if (flags.has("watch") && process.stdout.isTTY) console.clear();
  console.log(`${report.endpoint} is ${report.ready ? "ready" : "not ready"}`);
  console.log(`  buckets     ${report.buckets}`);
  for (const line of statusLines(report, report.unreadable)) console.log(line);
}

/** Counts the key's buckets; if they can be listed the key works. */
async function countBuckets(connection: ServerConnection): Promise<number> {
  let count = 0;
  let token: string | undefined;
  do {
    const behind = token === undefined ? "" : `&continuation-token=${encodeURIComponent(token)}`;
    const page = await askS3(connection, `/?max-buckets=${bucketsOnPage}${behind}`);
    count += page.split("<Bucket>").length - 1;
    token = elementOf(page, "ContinuationToken");
  } while (token !== undefined);
  return count;
}
