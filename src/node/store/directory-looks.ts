import { StoreError } from "../../base/errors.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import type { Platform } from "../../platform/platform.ts";
import { eachWithin, within } from "../../platform/within.ts";
import { openDisk } from "../disk/disk.ts";

/**
 * @limit A start, or a command, waits so long for a data directory while others answer: disks that
 * have to spin up take ten seconds.
 */
export const answerMs = 15_000;

/**
 * Asks data directories, before anything else is done with them, whether their disks answer. One
 * whose disk hangs is left out of a start, as if it were not there: what is asked of it later would
 * hold up the whole process.
 */
export class DirectoryLooks {
  readonly #platform: Pick<Platform, "clock" | "log">;
  readonly #looks = new Map<string, Promise<boolean>>();
  readonly #silent = new Set<string>();

  constructor(platform: Pick<Platform, "clock" | "log">) {
    this.#platform = platform;
  }

  /** Those that gave no answer. */
  get silent(): readonly string[] {
    return [...this.#silent];
  }

  /** Those of the paths that answer. StoreError `unavailable` where none does. */
  async answering(paths: readonly string[]): Promise<readonly string[]> {
    const found = await eachWithin(this.#platform.clock, answerMs, paths.map(look));
    const answering = paths.filter((path, i) => this.#note(path, found[i]));
    if (answering.length > 0 || paths.length === 0) return answering;
    const fix = "see to the disk and its cable, or name the other data directories with --data";
    throw new StoreError("unavailable", `${paths.join(", ")}: no answer: ${fix}`);
  }

  /** That nothing is there is an answer, and a failure is one. */
  answers(path: string): Promise<boolean> {
    const before = this.#looks.get(path);
    if (before !== undefined) return before;
    const answer = within(this.#platform.clock, answerMs, look(path));
    const known = answer.then((found) => this.#note(path, found));
    this.#looks.set(path, known);
    return known;
  }

  #note(path: string, found: true | undefined): boolean {
    const doesAnswer = found === true;
    this.#looks.set(path, Promise.resolve(doesAnswer));
    if (doesAnswer) return true;
    this.#silent.add(path);
    const message = `no answer for ${answerMs / 1000} seconds`;
    this.#platform.log("error", "disk_not_opened", { disk: path, message });
    return false;
  }
}

/** What is read may be in memory; a sync, here of nothing new, asks the disk itself. */
async function look(path: string): Promise<true> {
  const disk = openDisk(path);
  try {
    if ((await readIdentity(disk)) !== undefined) await disk.syncDirectory("");
  } catch {
    // Who opens the directory says what is wrong with it.
  }
  return true;
}
