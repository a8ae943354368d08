import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Load } from "./load.ts";
import { isHealed, ManyDisks, type StoreStatus } from "./many-disks.ts";
import { Population } from "./population.ts";
import { type FoundMember, isFull, surveyFiles } from "./file-survey.ts";
import { takingOrders } from "./fault-orders.ts";

/*
 * A store under load in which disks are lost, one scenario after the other. Each leaves it as it
 * found it: all disks there, and nothing below its redundancy.
 */

const writersOfPopulation = 4;
/** Extents with a file of this size have to be coded, once nothing is written. */
const codedBytesMin = 2 * 1024 * 1024;
/** Writes and reads between two losses, so that some of the load meets each state. */
const writesBetween = 40;
const readsBetween = 80;

export interface SceneOptions {
  readonly folder: string;
  readonly hasZones: boolean;
  /** Bytes of the objects that are written once. */
  readonly populationBytes: number;
}

export class Scene {
  readonly store: ManyDisks;
  readonly population = new Population();
  readonly load: Load;
  readonly hasZones: boolean;
  /** Where faulty-disks.ts takes its orders from. */
  readonly orders: string;
  readonly #options: SceneOptions;

  constructor(options: SceneOptions) {
    const { folder, hasZones } = options;
    this.#options = options;
    this.hasZones = hasZones;
    this.orders = join(folder, "orders");
    mkdirSync(this.orders, { recursive: true });
    const nodeOptions = takingOrders(this.orders);
    this.store = new ManyDisks({ folder, hasZones, nodeOptions });
    this.load = new Load(this.store, this.population);
  }

  /** Makes the store, fills it, and waits until what was written is coded. */
  async begin(): Promise<string> {
    await this.store.create();
    const connections = Array.from({ length: writersOfPopulation }, () => this.store.connection());
    await this.population.createBuckets(connections[0]!); // there are several
    await this.population.write(connections, this.#options.populationBytes);
    for (const connection of connections) connection.close();
    const rest = await this.atRest();
    const { objects, bytes } = this.population;
    return `${objects} objects, ${Math.round(bytes / 1024 / 1024)} MiB; ${rest}`;
  }

  /** Waits until all extents of some size are coded, and nothing is below its redundancy. */
  async atRest(): Promise<string> {
    const { store } = this;
    let [coded, copies] = [0, 0];
    await store.until("all is coded", (status) => {
      const extents = [...surveyFiles(store.directories).values()];
      const ofKind =
        (kind: string) =>
        ([one]: readonly FoundMember[]): boolean =>
          one?.header.scheme.kind === kind;
      coded = extents.filter(ofKind("coded")).length;
      const replicated = extents.filter(ofKind("replicated"));
      copies = replicated.length;
      return (
        coded > 0 &&
        isHealed(status) &&
        replicated.every((members) => members.every(({ bytes }) => bytes < codedBytesMin))
      );
    });
    return `${coded} extents coded, ${copies} small ones in copies`;
  }

  /** Runs a scenario with no load; afterwards everything acknowledged is read. */
  async quietly(scenario: () => Promise<string>): Promise<string> {
    const note = await scenario();
    return `${note}; ${await this.load.verifyAll()}`;
  }

  /** Runs a scenario under load; afterwards everything acknowledged is read. */
  async underLoad(scenario: () => Promise<string>): Promise<string> {
    const { load, store } = this;
    const [writes, reads] = [load.acknowledged, load.reads];
    load.start();
    try {
      await load.progress(writesBetween, readsBetween);
      const note = await load.during(scenario());
      await load.progress(writesBetween, readsBetween);
      await load.stop();
      const verified = await load.verifyAll();
      assert.ok(store.server.running, "the server has ended");
      const under = `${load.acknowledged - writes} writes, ${load.reads - reads} reads`;
      const longest = `the longest took ${Math.round(store.failures.longestMs)} ms`;
      store.failures.longestMs = 0;
      return `${note}; ${under} meanwhile, ${longest}; ${verified}`;
    } finally {
      await load.stop().catch(() => undefined); // what ended it is thrown already
    }
  }

  /**
   * Waits until nothing is below its redundancy any more: by what the server says, and by the files
   * of all extents that there are now, but for those that are dropped meanwhile. Files on the disk
   * `without` do not count.
   */
  async healed(when: string, without?: string): Promise<string> {
    const others = this.store.directories.filter((one) => one !== without);
    const there = (): readonly string[] => others.filter((one) => existsSync(one));
    const before = surveyFiles(there());
    const short = (): number => {
      const now = surveyFiles(there());
      return [...before.keys()].filter((id) => now.has(id) && !isFull(now.get(id) ?? [])).length;
    };
    const shortAtFirst = short();
    const note = await this.#saysHealed(when, short);
    return `${shortAtFirst} of ${before.size} extents ${note}`;
  }

  /**
   * Waits for the same by what the server says alone: disks that were away may have files of
   * extents that were dropped since, which are removed by and by.
   */
  saysHealed(when: string): Promise<string> {
    return this.#saysHealed(when, () => 0);
  }

  async #saysHealed(when: string, short: () => number): Promise<string> {
    const beganMs = performance.now();
    let left = 0;
    /** When repair said first when it ends, and when that would be. */
    let said: { readonly atMs: number; readonly endMs: number } | undefined;
    const isWhole = (status: StoreStatus): boolean => {
      left = short();
      const nowMs = performance.now();
      const { repair, isWhole: saysWhole = false } = status.redundancy ?? {};
      const leftMs = repair?.secondsLeft === undefined ? undefined : 1000 * repair.secondsLeft;
      if (leftMs !== undefined && !saysWhole) said ??= { atMs: nowMs, endMs: nowMs + leftMs };
      return saysWhole && left === 0;
    };
    const { store, load } = this;
    const what = `nothing is below its redundancy ${when}`;
    await load.during(store.until(what, isWhole, () => `${left} extents are short of files`));
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    const nowMs = performance.now();
    const eta =
      said === undefined
        ? ""
        : `, ${seconds(nowMs - said.atMs)} s after it said ${seconds(said.endMs - said.atMs)} s`;
    return `healed ${when} in ${seconds(nowMs - beganMs)} s${eta}`;
  }

  /** Lets the load meet the state of the moment. */
  meet(): Promise<void> {
    return this.load.progress(writesBetween, readsBetween);
  }

  /** Reads the whole population while the load goes on. */
  async readPopulation(): Promise<void> {
    const connections = [this.store.connection(), this.store.connection()];
    await this.load.during(this.population.readAll(connections));
    for (const connection of connections) connection.close();
  }
}
