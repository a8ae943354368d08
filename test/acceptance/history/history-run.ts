import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { S3Connection } from "../../../src/node/testing/s3-connection.ts";
import { rootIdentity } from "../holdfast-server.ts";
import { within } from "../within.ts";
import type { FromClients, StartMessage, ToClients } from "./client-process.ts";
import { bucketNames, buckets } from "./client.ts";
import { HistorySession, type Place } from "./history-session.ts";
import { type HistoryCounts, judgeHistory } from "./judge-history.ts";
import { nowUs, type Observation } from "./observation.ts";
import { listVersions, read, readVersion } from "./reads.ts";
import { setVersioning } from "./writes.ts";

export interface HistorySize {
  readonly processes: number;
  /** Clients in each of them. */
  readonly clients: number;
}

/** Every request is answered by then, or its connection has broken, however busy the machine is. */
const stopMsMax = 120_000;

interface ClientProcess {
  readonly child: ChildProcess;
  /** Rejects where it ends before it is asked to. */
  readonly done: Promise<void>;
}

/**
 * Clients in several processes, from their start to the judgement of what they saw. The server may
 * die meanwhile, in part or as a whole; the code that starts it again says where it is.
 */
export class HistoryRun {
  readonly #observations: Observation[] = [];
  readonly #own: HistorySession;
  #processes: readonly ClientProcess[] = [];
  #endpoint: string;

  private constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#own = new HistorySession({
      name: "own",
      observe: (observation) => this.#observations.push(observation),
      connect: () => new S3Connection(this.#endpoint, rootIdentity),
    });
  }

  /** Makes the buckets where they are not there yet, and sets the clients to work. */
  static async start(endpoint: string, size: HistorySize): Promise<HistoryRun> {
    const run = new HistoryRun(endpoint);
    await run.#prepareBuckets();
    // The prefix belongs to the run: earlier runs left keys in the same buckets.
    const prefix = nowUs().toString(36);
    run.#processes = Array.from({ length: size.processes }, (_, i) => {
      const name = String.fromCharCode("a".charCodeAt(0) + i);
      const start = { kind: "start", name, prefix, endpoint, clients: size.clients } as const;
      return run.#startProcess(start);
    });
    return run;
  }

  /** Waits until clients have reported this many steps and facts, or some of them have ended. */
  async until(seenMin: number): Promise<void> {
    const isRunning = (): boolean => this.#processes.every(({ child }) => child.exitCode === null);
    while (this.#observations.length < seenMin && isRunning()) await sleep(20);
  }

  moveTo(endpoint: string): void {
    this.#endpoint = endpoint;
    this.#own.reconnect();
    for (const { child } of this.#processes) tell(child, { kind: "move", endpoint });
  }

  /** Stops the clients, reads all that there is, and judges; the server must be there. */
  async finish(): Promise<HistoryCounts> {
    try {
      return await this.#finish();
    } finally {
      this.#own.reconnect();
      for (const { child } of this.#processes) child.kill("SIGKILL");
    }
  }

  async #finish(): Promise<HistoryCounts> {
    for (const { child } of this.#processes) tell(child, { kind: "stop" });
    const done = Promise.all(this.#processes.map((one) => one.done));
    await within(stopMsMax, "clients of the history, asked to stop", done);
    await this.#readEverything();
    return judgeHistory(this.#observations);
  }

  async #prepareBuckets(): Promise<void> {
    const connection = new S3Connection(this.#endpoint, rootIdentity);
    for (const bucket of bucketNames) {
      const { status } = await connection.send("PUT", `/${bucket}`);
      assert.ok(status === 200 || status === 409, `PUT /${bucket}: ${status}`);
      const versioning = buckets[bucket];
      if (versioning === undefined) continue;
      assert.ok(await setVersioning(this.#own, bucket, versioning), `${bucket}: no versioning`);
    }
    connection.close();
  }

  #startProcess(start: StartMessage): ClientProcess {
    const child = fork(join(import.meta.dirname, "client-process.ts"));
    const done = new Promise<void>((resolve, reject) => {
      child.on("message", (message: FromClients) => {
        if (message.kind === "seen") this.#observations.push(...message.observations);
        else {
          resolve();
          child.disconnect();
        }
      });
      child.on("exit", (code) => reject(new Error(`clients ended with ${code}`)));
    });
    done.catch(() => undefined); // the caller that finishes the run gets the failure
    tell(child, start);
    return { child, done };
  }

  /** Every key, and every version of it, with nothing else going on. */
  async #readEverything(): Promise<void> {
    const places = new Map<string, Place>();
    for (const one of this.#observations) {
      if (one.kind !== "step") continue;
      const [bucket = "", key = ""] = one.target.split("/");
      if (key !== "*") places.set(one.target, { bucket, key });
    }
    for (const place of places.values()) {
      const { bucket, key } = place;
      await read(this.#own, "GET", place);
      const versions = await listVersions(this.#own, bucket, { prefix: key, keys: [key] });
      for (const { id } of versions) await readVersion(this.#own, place, id);
    }
  }
}

function tell(child: ChildProcess, message: ToClients): void {
  if (child.connected) child.send(message);
}
