import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { S3Connection } from "../../src/node/testing/s3-connection.ts";
import { Deck, type Disturbance, type Scene } from "./disturbances/disturbance.ts";
import { indexTakenAway } from "./disturbances/index-taken-away.ts";
import { supervisorKilled, treeKilled, workerKilled } from "./disturbances/kills.ts";
import { fileEmptied, fileRemoved } from "./disturbances/extent-file-gone.ts";
import { RemovedFiles } from "./disturbances/removed-files.ts";
import { workerStopped } from "./disturbances/worker-stopped.ts";
import { IndexCopy, wrongIndexes } from "./disturbances/wrong-index.ts";
import { historySize } from "./history/find-planted.ts";
import { HistoryRun } from "./history/history-run.ts";
import { addCounts, countsText, noCounts } from "./history/judge-history.ts";
import { HoldfastServer, rootIdentity } from "./holdfast-server.ts";
import type { KillClient } from "./kill-client.ts";
import { within } from "./within.ts";

/*
 * A server under load, disturbed again and again: clients with keys of their own know what each may
 * hold, clients that share keys have their histories judged. After each disturbance writes have to
 * be acknowledged again.
 */

const kills: readonly Disturbance[] = [workerKilled, supervisorKilled, treeKilled];
const disturbances: readonly Disturbance[] = [
  ...kills,
  workerStopped,
  fileRemoved,
  fileEmptied,
  indexTakenAway,
];
/** The share of starts that are tried with a wrong index first. */
const wrongIndexShare = 0.25;
/** A history is judged and another begun after so many disturbances. */
const perHistory = 10;
/** The server's setting: it must be killed and replaced sooner than clients lose patience. */
const silenceMs = 8000;
/** However slow the machine is, a write is acknowledged again by then. */
const recoveryMsMax = 120_000;
const startMsMax = 300_000;

export interface DisturbedRunOptions {
  readonly folder: string;
  readonly bucket: string;
  readonly clients: readonly KillClient[];
  readonly stopMsMax: number;
}

export class DisturbedRun {
  readonly directories: readonly string[];
  readonly removed: RemovedFiles;
  /** How long each start took; the first is that of an empty store. */
  readonly startsMs: number[] = [];
  readonly #options: DisturbedRunOptions;
  readonly #counts = new Map<string, number>();
  readonly #copy: IndexCopy;
  readonly #deck = new Deck(disturbances);
  readonly #wrongIndexes = new Deck(wrongIndexes);
  #judged = noCounts;
  /** The one that runs, or ran last. */
  #server: HoldfastServer | undefined;

  constructor(options: DisturbedRunOptions) {
    const { folder } = options;
    this.#options = options;
    this.directories = [join(folder, "one"), join(folder, "two")];
    const removed = join(folder, "removed");
    mkdirSync(removed);
    this.removed = new RemovedFiles(removed);
    this.#copy = new IndexCopy(folder);
  }

  get kills(): number {
    return kills.reduce((sum, { name }) => sum + (this.#counts.get(name) ?? 0), 0);
  }

  get acknowledged(): number {
    return this.#options.clients.reduce((sum, { counts }) => sum + counts.acknowledged, 0);
  }

  summary(): string {
    const counts = [...this.#counts].toSorted(([, a], [, b]) => b - a);
    const byKind = counts.map(([name, count]) => `${name} ${count}`).join(", ");
    return `${this.kills} kills (${byKind}); ${countsText(this.#judged)}`;
  }

  /** While `wants` says so; the server still runs afterwards, unless this throws. */
  async run(wants: () => boolean): Promise<HoldfastServer> {
    try {
      return await this.#run(wants);
    } catch (thrown) {
      await this.#server?.stop();
      throw thrown;
    }
  }

  async #run(wants: () => boolean): Promise<HoldfastServer> {
    const { bucket } = this.#options;
    let server = await this.#start();
    const first = new S3Connection(server.endpoint, rootIdentity);
    assert.equal((await first.send("PUT", `/${bucket}`)).status, 200);
    first.close();
    let history = await HistoryRun.start(server.endpoint, historySize);
    for (let done = 1; wants(); done++) {
      const next = await this.#disturb(server);
      if (next === undefined) {
        server = await this.#startAgain();
        history.moveTo(server.endpoint);
      }
      await this.removed.read();
      if (done % perHistory !== 0) continue;
      this.#judged = addCounts(this.#judged, await history.finish());
      history = await HistoryRun.start(server.endpoint, historySize);
    }
    this.#judged = addCounts(this.#judged, await history.finish());
    return server;
  }

  /** Undefined: the server has ended. */
  async #disturb(server: HoldfastServer): Promise<HoldfastServer | undefined> {
    const { clients, stopMsMax } = this.#options;
    const connection = new S3Connection(server.endpoint, rootIdentity);
    const stop = new AbortController();
    const working = Promise.all(clients.map((client) => client.work(connection, stop.signal)));
    try {
      await Promise.race([sleep(300 + Math.random() * 1200), working]);
      const { name, strike } = this.#deck.draw();
      this.#count(name);
      const { directories, removed } = this;
      const scene: Scene = { server, directories, removed, stopMsMax, silenceMs };
      const outcome = await Promise.race([strike(scene), working.then(() => "goes on" as const)]);
      if (outcome === "ended") return undefined;
      await Promise.race([this.#acknowledges(name), working]);
      return server;
    } finally {
      stop.abort();
      await within(recoveryMsMax, "clients, asked to stop", working);
      connection.close();
    }
  }

  /** Waits until the server that goes on acknowledges writes again. */
  async #acknowledges(after: string): Promise<void> {
    const { clients } = this.#options;
    const wanted = this.acknowledged + clients.length;
    const until = async (): Promise<void> => {
      while (this.acknowledged < wanted) await sleep(50);
    };
    await within(recoveryMsMax, `writes acknowledged after: ${after}`, until());
  }

  async #startAgain(): Promise<HoldfastServer> {
    const isWrong = this.#copy.isThere && Math.random() < wrongIndexShare;
    // The older, the more has happened since.
    const isCopied = !this.#copy.isThere || Math.random() < wrongIndexShare;
    if (isCopied && !isWrong) this.#copy.take(this.directories);
    if (isWrong) {
      const wrong = this.#wrongIndexes.draw();
      this.#count(wrong.name);
      this.#copy.put(this.directories, wrong);
    }
    return this.#start();
  }

  async #start(): Promise<HoldfastServer> {
    const more = ["--worker-silence", `${silenceMs}ms`];
    const start = HoldfastServer.start(this.directories, { more });
    const server = await within(startMsMax, "a start", start);
    this.#server = server;
    this.startsMs.push(server.startMs);
    return server;
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}
