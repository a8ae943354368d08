import { isStoreError, messageOf } from "../../base/errors.ts";
import type { DiskId, SessionId } from "../../format/ids.ts";
import type { Disk, DiskError, DiskErrorKind } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Log } from "../../platform/log.ts";
import { readIdentity } from "../data-directories.ts";

export type StoppedKind = Exclude<DiskErrorKind, "exists">;

export type DiskState =
  | { readonly kind: "writable" }
  | { readonly kind: StoppedKind; readonly message: string };

export interface DiskHealthOptions {
  readonly disk: Disk;
  readonly id: DiskId;
  readonly session: SessionId;
  readonly reserveBytes: number;
  readonly log: Log;
}

const writable: DiskState = { kind: "writable" };
const probeBytes = new Uint8Array(4096);
const mebibyte = 1024 * 1024;

/**
 * Whether one data directory takes appends. A failure stops it at once; `check`, called every few
 * seconds, lets it go on when the cause has gone. Only a write shows that writing works again, so a
 * stopped disk is tried with a small file.
 */
export class DiskHealth {
  readonly #options: DiskHealthOptions;
  #state: DiskState = writable;

  constructor(options: DiskHealthOptions) {
    this.#options = options;
  }

  get state(): DiskState {
    return this.#state;
  }

  get isWritable(): boolean {
    return this.#state.kind === "writable";
  }

  /** An append failed with this. */
  failed(error: DiskError): void {
    const kind = error.kind === "exists" ? "io" : error.kind;
    this.#enter({ kind, message: this.#describe(kind, error.message) });
  }

  /** Looks at the disk: is it ours, has it room, can it be written. Never throws. */
  async check(): Promise<void> {
    const before = this.#state;
    const found = await this.#look();
    // What an append met meanwhile counts more than what was found before it.
    if (this.#state === before) this.#enter(found);
  }

  async #look(): Promise<DiskState> {
    const { disk, id, reserveBytes } = this.#options;
    try {
      const identity = await readIdentity(disk);
      if (identity?.disk !== id)
        return this.#stopped("missing", "another or no directory is there");
      const { bytesFree } = await disk.space();
      if (bytesFree < reserveBytes) {
        const free = `${Math.floor(bytesFree / mebibyte)} MiB free`;
        const reserve = `${Math.ceil(reserveBytes / mebibyte)} MiB are kept for deleting`;
        return this.#stopped("full", `${free}, ${reserve}`);
      }
      if (!this.isWritable) await this.#probe();
      return writable;
    } catch (error) {
      const cause = isStoreError(error) ? error.cause : error;
      if (!isDiskError(cause)) return this.#stopped("io", messageOf(error));
      return this.#stopped(cause.kind === "exists" ? "io" : cause.kind, cause.message);
    }
  }

  async #probe(): Promise<void> {
    const { disk, session } = this.#options;
    const path = `probe-${session}`;
    const file = await openProbe(disk, path);
    try {
      await file.write([probeBytes], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.remove(path);
  }

  #stopped(kind: StoppedKind, why: string): DiskState {
    return { kind, message: this.#describe(kind, why) };
  }

  #describe(kind: StoppedKind, why: string): string {
    return `${this.#options.disk.name} ${texts[kind]} (${why})`;
  }

  #enter(next: DiskState): void {
    const before = this.#state;
    this.#state = next;
    if (next.kind === before.kind) return;
    const disk = this.#options.disk.name;
    if (next.kind === "writable") this.#options.log("info", "disk_takes_writes_again", { disk });
    else this.#options.log("error", "disk_stopped", { disk, message: next.message });
  }
}

/** What is wrong and what to do; afterwards writing goes on by itself. */
const texts: Readonly<Record<StoppedKind, string>> = {
  full: "is full: delete objects, make space or add a data directory",
  read_only: "can't be written: remount it read-write, or give this user the right to write",
  missing: "is not there: mount it again",
  io: "fails: look at the system's log and replace the disk if need be",
};

/** A probe that a crash left behind is used again. */
async function openProbe(disk: Disk, path: string) {
  try {
    return await disk.open(path, "create");
  } catch (error) {
    if (isDiskError(error, "exists")) return disk.open(path, "write");
    throw error;
  }
}
