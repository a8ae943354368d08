import { isStoreError, messageOf } from "../base/errors.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { sealAbandoned } from "../extent/extent-seal.ts";
import type { ExtentEntry, ExtentTable } from "../extent/extent-table.ts";
import type { ExtentId, SessionId } from "../format/ids.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { fenceSession, listSessions } from "../keymap/sessions.ts";
import type { Platform } from "../platform/platform.ts";
import { SparseLog } from "../platform/sparse-log.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { StepOutcome, Task } from "./task-loop.ts";
import { isTransient } from "./task-loop.ts";

/*
 * The task that cleans up after dead processes. A process that dies leaves a session that might
 * commit, and extents that it wrote. First the session is fenced in every partition, so that
 * nothing of it can commit any more; then each extent it had open is sealed at what it had synced,
 * and what it had sealed is settled. The costs follow the number of extents, not of keys.
 */

/** @limit Extent rows read at once, about 100 bytes each. */
const extentsAtOnce = 256;

export interface DeadWritersOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** False only for a session whose process is known to have ended. */
  isAlive(session: SessionId): boolean;
  readonly counters: BackgroundCounters;
}

export class DeadWriters implements Task {
  readonly name = "dead writers";
  readonly #options: DeadWritersOptions;
  readonly #log: SparseLog;
  /** True if extents of fenced sessions may be left: at the start, and after each fencing. */
  #isSealingDue = true;

  constructor(options: DeadWritersOptions) {
    this.#options = options;
    this.#log = new SparseLog(options.platform);
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    await this.#fenceDead();
    if (this.#isSealingDue) {
      this.#isSealingDue = false;
      try {
        await this.#sealAll(signal);
      } catch (thrown) {
        this.#isSealingDue = true;
        throw thrown;
      }
    }
    return this.#isSealingDue ? "throttled" : "idle";
  }

  async #fenceDead(): Promise<void> {
    const { platform, keymap, counters } = this.#options;
    for (const { session } of await listSessions(keymap)) {
      if (session === keymap.session.id || this.#options.isAlive(session)) continue;
      await fenceSession(keymap, session);
      this.#isSealingDue = true;
      counters.sessionsFenced++;
      platform.log("info", "session_fenced", { session });
    }
  }

  async #sealAll(signal: AbortSignal): Promise<void> {
    let after: ExtentId | undefined;
    for (;;) {
      const entries = await this.#options.table.list(after, extentsAtOnce);
      // Sessions after extents: one that begins in between has none of these.
      const sessions = await listSessions(this.#options.keymap);
      const writing = new Set(sessions.map(({ session }) => session));
      for (const entry of entries) {
        if (signal.aborted) {
          this.#isSealingDue = true;
          return;
        }
        after = entry.id;
        if (!writing.has(entry.row.session)) await this.#settle(entry);
      }
      if (entries.length < extentsAtOnce) return;
    }
  }

  async #settle(entry: ExtentEntry): Promise<void> {
    const { table, counters } = this.#options;
    const { state } = entry.row;
    try {
      if (state === "open") {
        const { session } = this.#options.keymap;
        await sealAbandoned({ ...this.#options, entry, session: session.id });
        counters.extentsSealed++;
      } else if (state === "sealed") {
        const replaced = await table.replace(entry, { ...entry.row, state: "settled" });
        if (replaced === "conflict") this.#isSealingDue = true;
      }
    } catch (thrown) {
      // A data directory that is not there must not keep the extents of others open.
      if (!isTransient(thrown)) throw thrown;
      this.#isSealingDue = true;
      if (isStoreError(thrown, "corrupt")) counters.corruptions++;
      // While its disks are away each round comes here, for each of their extents.
      const fields = { extent: entry.id, message: messageOf(thrown) };
      this.#log.log("error", "abandoned_extent_not_sealed", "", fields);
    }
  }
}
