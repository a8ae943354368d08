import assert from "node:assert/strict";
import { KillClient } from "../kill-client.ts";
import { within } from "../within.ts";
import type { ManyDisks } from "./many-disks.ts";
import type { PatientConnection } from "./patient-connection.ts";
import { type Population, plainBucket } from "./population.ts";

/*
 * The load that runs while disks are lost: clients that write, replace, delete and read keys of
 * their own, and readers of the population. The first wrong answer ends it.
 */

const clientCount = 2;
const readerCount = 2;
/** However busy the machine is: the longest request has its own limit. */
const endMsMax = 300_000;
/** However busy the machine is. */
const progressMsMax = 300_000;

export class Load {
  readonly #store: ManyDisks;
  readonly #population: Population;
  readonly #clients: readonly KillClient[];
  #running: { readonly stop: AbortController; readonly work: Promise<unknown> } | undefined;
  #connections: PatientConnection[] = [];

  constructor(store: ManyDisks, population: Population) {
    this.#store = store;
    this.#population = population;
    const names = Array.from({ length: clientCount }, (_, i) => `load${i}`);
    this.#clients = names.map((name) => new KillClient(plainBucket, name));
  }

  get acknowledged(): number {
    return this.#clients.reduce((sum, { counts }) => sum + counts.acknowledged, 0);
  }

  get reads(): number {
    const own = this.#clients.reduce((sum, { counts }) => sum + counts.verified, 0);
    return own + this.#population.reads;
  }

  start(): void {
    assert.equal(this.#running, undefined);
    const stop = new AbortController();
    const connect = (): PatientConnection => {
      const connection = this.#store.connection();
      this.#connections.push(connection);
      return connection;
    };
    const clients = this.#clients.map((client) => client.work(connect(), stop.signal));
    const readers = Array.from({ length: readerCount }, () =>
      this.#population.read(connect(), stop.signal),
    );
    const work = Promise.all([...clients, ...readers]);
    work.catch(() => undefined); // who waits for it gets it
    this.#running = { stop, work };
  }

  /** Runs on until there are so many more acknowledged writes and reads. */
  async progress(writes: number, reads: number): Promise<void> {
    const [writesWanted, readsWanted] = [this.acknowledged + writes, this.reads + reads];
    const done = (): boolean => this.acknowledged >= writesWanted && this.reads >= readsWanted;
    await this.during(within(progressMsMax, "writes acknowledged and reads answered", poll(done)));
  }

  /** Waits for something else; ends with the load's failure, if there is one. */
  async during<T>(other: Promise<T>): Promise<T> {
    const { work } = this.#running ?? {};
    const result = await Promise.race([
      other,
      (work ?? new Promise(() => undefined)).then(() => assert.fail("the load has ended")),
    ]);
    this.#store.failures.assertNone();
    return result;
  }

  /** Ends when all requests under way are answered; throws where one was wrong. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.stop.abort();
    try {
      await within(endMsMax, "the load, asked to stop", running.work);
    } finally {
      for (const connection of this.#connections.splice(0)) connection.close();
    }
    this.#store.failures.assertNone();
  }

  /** Reads all that was acknowledged, with no load. */
  async verifyAll(): Promise<string> {
    const connections = Array.from({ length: readerCount }, () => this.#store.connection());
    await this.#population.readAll(connections);
    let keys = 0;
    for (const client of this.#clients) {
      const { present } = await client.verifyAll(connections[0]!, () => false); // there is one
      keys += present.length;
    }
    for (const connection of connections) connection.close();
    this.#store.failures.assertNone();
    return `${this.#population.objects} + ${keys} objects read`;
  }
}

async function poll(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((next) => setTimeout(next, 50));
}
