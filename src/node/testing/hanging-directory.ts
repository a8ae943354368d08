import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ManualClock } from "../../extent/testing/manual-clock.ts";
import { storeIdentityFile } from "../../format/data-directory.ts";

/**
 * A data directory, or what may be one, whose disk hangs: its identity is a FIFO, which nobody
 * opens at the other end. Who asks for the identity waits in the kernel, as on a real disk.
 */
export class HangingDirectory implements Disposable {
  readonly #fifo: string;
  readonly #kept: string;
  #hangs = true;

  constructor(directory: string) {
    this.#fifo = join(directory, storeIdentityFile);
    this.#kept = `${this.#fifo}.kept`;
    mkdirSync(directory, { recursive: true });
    if (existsSync(this.#fifo)) renameSync(this.#fifo, this.#kept);
    execFileSync("mkfifo", [this.#fifo]);
  }

  /** The disk answers again: who waits reads nothing, who comes now the identity that was there. */
  answer(): void {
    if (!this.#hangs) return;
    this.#hangs = false;
    const over = `${this.#fifo}.over`;
    renameSync(this.#fifo, over);
    if (existsSync(this.#kept)) renameSync(this.#kept, this.#fifo);
    // It need not wait for a reader, and those that there are come to the end once it is closed.
    closeSync(openSync(over, "r+"));
    rmSync(over);
  }

  [Symbol.dispose](): void {
    this.answer();
  }
}

/** Lets time pass while only a disk that hangs is waited for, and not those that answer. */
export async function passOver<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  work.then(over, over);
  while (!isOver) {
    await sleep(5); // for the real disks
    if (clock.sleepers === 1) await clock.advance(1000);
  }
  return work;
}
