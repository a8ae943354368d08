import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ShownDisk } from "../../../src/admin/disk-pages.ts";
import type { RedundancyReport } from "../../../src/cli/redundancy-report.ts";
import { within } from "../within.ts";
import { HoldfastServer, region, runCommand } from "../holdfast-server.ts";
import { membersIn } from "./file-survey.ts";
import { Failures, PatientConnection } from "./patient-connection.ts";

/*
 * A store of many disks: directories with labels, a server on them, and the commands that an
 * operator has.
 */

export const diskCount = 18;
const zoneCount = 3;

/** Small extents, soon sealed and coded, so that a small store has many of them. */
const smallExtents = ["--extent-size", "8MiB", "--code-from", "1MiB", "--seal-after", "10s"];
const noReserve = ["--reserve", "0"];
/** Repair takes more of the disks than it does by default: that the load is slower matters less. */
const backgroundShare = ["--background-share", "80%"];
/** A disk that is away is soon taken for lost, unless a scenario wants to look at the state. */
const repairAfter = "5s";

/** However busy the machine is. */
const startMsMax = 300_000;
const stateMsMax = 400_000;
const pollMs = 500;

export interface ManyDisksOptions {
  readonly folder: string;
  readonly hasZones: boolean;
  /** Node's options of its processes. */
  readonly nodeOptions: string;
}

export class ManyDisks {
  directories: readonly string[];
  readonly #zones = new Map<string, number>();
  readonly failures = new Failures();
  readonly #options: ManyDisksOptions;
  #server: HoldfastServer | undefined;

  constructor(options: ManyDisksOptions) {
    this.#options = options;
    this.directories = Array.from({ length: diskCount }, (_, i) =>
      join(options.folder, `disk${String(i).padStart(2, "0")}`),
    );
    const zones = options.hasZones ? zoneCount : 1;
    for (const [i, directory] of this.directories.entries()) this.#zones.set(directory, i % zones);
  }

  /** The disk that has the index now. */
  homeNow(): string {
    const home = this.directories.find((directory) => {
      const file = join(directory, "holdfast.json");
      if (!existsSync(join(directory, "index")) || !existsSync(file)) return false;
      return (
        (JSON.parse(readFileSync(file, "utf8")) as { holdsIndex?: boolean }).holdsIndex === true
      );
    });
    assert.ok(home !== undefined, "a disk has the index");
    return home;
  }

  /** The disks that do not hold the index. */
  ordinary(): readonly string[] {
    const home = this.homeNow();
    return this.directories.filter((directory) => directory !== home);
  }

  /** The place for a new disk that takes over from another, in its zone. */
  place(directory: string): string {
    return `${directory}-new`;
  }

  /** One disk is no longer the store's, and another is in its place. */
  replaced(directory: string, by: string): void {
    const at = this.directories.indexOf(directory);
    this.#zones.set(by, this.zoneOf(directory));
    this.directories = this.directories.with(at, by);
  }

  /** One more disk is the store's, in the zone of another. */
  added(directory: string, like: string): void {
    this.directories = [...this.directories, directory];
    this.#zones.set(directory, this.zoneOf(like));
  }

  removed(directory: string): void {
    this.directories = this.directories.filter((one) => one !== directory);
  }

  /** What a command says of a new disk in the zone of another. */
  labelsLike(disk: string): readonly string[] {
    return this.#options.hasZones ? ["--label", `zone=z${this.zoneOf(disk)}`] : [];
  }

  /** A disk as `holdfast disk list` has it. */
  async shown(directory: string): Promise<ShownDisk | undefined> {
    const { disks } = (await this.report("disk", "list")) as {
      disks: readonly ShownDisk[]; // our own output
    };
    return disks.find((disk) => disk.directory === directory);
  }

  /** Has a disk emptied, waits until it is, and removes it. */
  async emptyAndRemove(directory: string): Promise<void> {
    await this.command("disk", "drain", directory);
    await this.until(`${directory} is empty`, async () => {
      return (await this.shown(directory))?.extents === 0;
    });
    assert.deepEqual(membersIn(directory), [], "a disk that is said to be empty is empty");
    await this.command("disk", "remove", directory);
  }

  /** The zone of a disk; with no zones all are in one. */
  zoneOf(directory: string): number {
    return this.#zones.get(directory) ?? 0;
  }

  /** The log of all servers, one after the other. */
  get logFile(): string {
    return join(this.#options.folder, "log");
  }

  get server(): HoldfastServer {
    assert.ok(this.#server !== undefined, "the store is served");
    return this.#server;
  }

  /** Waits until the servers' log has another line with this event than it has now. */
  async logged(event: string, msMax: number): Promise<void> {
    const before = readFileSync(this.logFile).length;
    const isThere = (): boolean =>
      readFileSync(this.logFile).subarray(before).includes(`"${event}"`);
    const poll = async (): Promise<void> => {
      while (!isThere()) await sleep(pollMs);
    };
    await within(msMax, `${event} in the log`, poll());
  }

  connection(): PatientConnection {
    return new PatientConnection(() => this.server.endpoint, this.failures);
  }

  /** Makes the directories, serves them, and says where each stands. */
  async create(): Promise<void> {
    for (const directory of this.directories) mkdirSync(directory, { recursive: true });
    await this.start();
    if (!this.#options.hasZones) return;
    for (const directory of this.directories) {
      await this.command("disk", "label", directory, `zone=z${this.zoneOf(directory)}`);
    }
  }

  /** `waitFor`: how long a missing disk is waited for. */
  async start(waitFor = repairAfter): Promise<void> {
    const { nodeOptions } = this.#options;
    const start = HoldfastServer.start(this.directories, {
      more: [...smallExtents, ...noReserve, ...backgroundShare, "--repair-after", waitFor],
      logFile: this.logFile,
      nodeOptions,
    });
    this.#server = await within(startMsMax, "a start", start);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** Ends what still runs when a test has failed. */
  kill(): void {
    if (this.#server?.running === true) process.kill(this.#server.pid, "SIGKILL");
  }

  /** Runs a command against the server; its output, without the last line's end. */
  async command(...parameters: readonly string[]): Promise<string> {
    const { code, output } = await this.#ask(...parameters);
    assert.equal(code, 0, `holdfast ${parameters.join(" ")}: ${output}`);
    return output.trimEnd();
  }

  /** Runs one that has to be refused; what it says. */
  async refused(...parameters: readonly string[]): Promise<string> {
    const { code, output } = await this.#ask(...parameters);
    assert.notEqual(code, 0, `holdfast ${parameters.join(" ")} was not refused: ${output}`);
    return output;
  }

  /** `holdfast status --json`. */
  async status(): Promise<StoreStatus> {
    return (await this.report("status")) as StoreStatus; // our own output
  }

  /** What a command shows with `--json`, whatever its exit status says of that. */
  async report(...parameters: readonly string[]): Promise<unknown> {
    const { output } = await this.#ask(...parameters, "--json");
    const line = output.split("\n").findLast((one) => one.startsWith("{"));
    assert.ok(line !== undefined, output);
    return JSON.parse(line);
  }

  /** Asks for the status until it is as wanted; how it was last is in the error. */
  async until(
    what: string,
    holds: (status: StoreStatus) => boolean | Promise<boolean>,
    more: () => string = () => "",
  ): Promise<StoreStatus> {
    const beganMs = performance.now();
    for (;;) {
      const status = await this.status();
      this.failures.assertNone();
      if (await holds(status)) return status;
      if (performance.now() - beganMs > stateMsMax) {
        throw new Error(`waited in vain: ${what}; ${more()}; last: ${JSON.stringify(status)}`);
      }
      await sleep(pollMs);
    }
  }

  #ask(...parameters: readonly string[]): ReturnType<typeof runCommand> {
    return runCommand(...parameters, "--endpoint", this.server.endpoint, "--region", region);
  }
}

/** True if the server says that every member of every extent is whole and where it should be. */
export function isHealed({ redundancy }: StoreStatus): boolean {
  return redundancy?.isWhole === true;
}

/** What these tests look at of a status. */
export interface StoreStatus {
  readonly ready: boolean;
  readonly disks: readonly {
    readonly name: string;
    readonly state: string;
    readonly registryState?: string;
    readonly isMounted: boolean;
  }[];
  readonly stored?: { readonly extents: Readonly<Record<string, number>> };
  readonly redundancy?: RedundancyReport;
}
