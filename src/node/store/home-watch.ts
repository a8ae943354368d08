import type { Platform } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import { hangingMs } from "../../extent/observed-disk.ts";
import { diskAnswers } from "./disk-probe.ts";
import type { StoreDirectory } from "./store-location.ts";

/** @limit Time between questions to the disk of the index. */
const askMs = 2_000;
/**
 * @limit So many disks a store must have for its index to be made again while the disk of that
 * hangs: of two, the other one cannot show that it has all of the log.
 */
export const takeoverDisksMin = 3;

export interface HomeWatchOptions {
  readonly platform: Pick<Platform, "clock" | "log">;
  /** The data directories, the one with the index first. */
  readonly directories: () => readonly StoreDirectory[];
  /** True if another disk can take the index over. */
  readonly mayTakeOver: () => boolean;
  /** Asks the disk of a data directory; default: to write. */
  readonly answers?: ((directory: StoreDirectory) => Promise<true>) | undefined;
}

/**
 * Asks the disk of the index again and again whether it answers. While it hangs no commit ends, and
 * a process may stand still that only reads rows. Whoever watches has nothing else to do with that
 * disk, and so is not held up.
 */
export class HomeWatch {
  readonly #options: HomeWatchOptions;
  /** One question at a time for each data directory: on a disk that hangs each holds a thread. */
  readonly #asked = new Map<string, Promise<true>>();

  constructor(options: HomeWatchOptions) {
    this.#options = options;
  }

  /**
   * Resolves with what is wrong once the disk has given no answer for `hangingMs`, while another
   * one answers and the index may be taken over; and with undefined once the signal aborts. Never
   * rejects.
   */
  async untilHanging(signal: AbortSignal): Promise<string | undefined> {
    const { platform, directories, mayTakeOver } = this.#options;
    const message = `the disk of the index has given no answer for ${hangingMs / 1000} seconds`;
    for (let wasLogged = false; ;) {
      await platform.clock.sleep(askMs, signal);
      const [home, ...others] = directories();
      if (signal.aborted || home === undefined) return undefined;
      if (!(await this.#hangs(home, others))) continue;
      if (signal.aborted) return undefined;
      const isTaken = mayTakeOver();
      const fix = isTaken
        ? "the index is made again on another disk; see to this one and its cable"
        : "see to the disk and its cable: until it answers, writes get 503";
      if (!wasLogged) platform.log("error", "index_disk_hangs", { disk: home.path, message, fix });
      wasLogged = true;
      if (isTaken) return message;
    }
  }

  /** Resolves once the disk of the index answers a question that is asked now or under way. */
  async untilAnswering(): Promise<void> {
    const [home] = this.#options.directories();
    if (home !== undefined) await this.#ask(home);
  }

  async #hangs(home: StoreDirectory, others: readonly StoreDirectory[]): Promise<boolean> {
    const { clock } = this.#options.platform;
    let hasAnswered = false;
    const answer = this.#ask(home).then(() => (hasAnswered = true));
    if ((await within(clock, hangingMs, answer)) === true || others.length === 0) return false;
    // Where no disk answers it is the machine that stands still, and all wait for that.
    const another = Promise.race(others.map((one) => this.#ask(one)));
    if ((await within(clock, hangingMs, another)) === undefined) return false;
    return !hasAnswered;
  }

  #ask(directory: StoreDirectory): Promise<true> {
    const { answers = diskAnswers } = this.#options;
    const underWay = this.#asked.get(directory.path);
    if (underWay !== undefined) return underWay;
    const asked = answers(directory).finally(() => this.#asked.delete(directory.path));
    this.#asked.set(directory.path, asked);
    return asked;
  }
}
