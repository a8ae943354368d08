import { StoreError } from "../base/errors.ts";
import { type EngineReader, readRow } from "../engine/engine.ts";
import { decodeRestoreWindowRow, encodeRestoreWindowRow } from "../format/restore-window-row.ts";
import type { RestoreWindowRow } from "../format/restore-window-row.ts";
import { restoreWindowKey } from "../format/row-keys.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import { type StepOutcome, type Task, withStep } from "./task-loop.ts";

/*
 * Keeps what was freed for a time, so that the index can be restored to any moment of it (decision
 * 23). Only extents have to be kept whole: an extent that nothing refers to any more, since its
 * objects were deleted, overwritten or copied elsewhere, is dropped when the window has passed
 * since then, and not before. Where its bytes lie meanwhile is free to change, since a restore
 * takes the places of extents from the newest index: so members that are lost, or whose disk is
 * emptied, are made on others, as those of every extent.
 *
 * A row of the index says since when that holds. It is committed before this process drops
 * anything, and also where the window has become shorter, or is off.
 */

/**
 * @limit An extent is kept for so much longer than the window: from when the time of its drop was
 * read to the commit that marks it. A commit that waits longer than this has failed.
 */
export const lateDropMs = 60_000;

export interface RestoreWindowOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  /** 0: nothing is kept. */
  readonly windowMs: number;
}

export class RestoreWindow implements Task {
  readonly name = "restore window";
  readonly #options: RestoreWindowOptions;
  #row: RestoreWindowRow | "off" | undefined;

  constructor(options: RestoreWindowOptions) {
    this.#options = options;
  }

  /** Undefined where it is off, or not begun. */
  get row(): RestoreWindowRow | undefined {
    return this.#row === "off" ? undefined : this.#row;
  }

  async step(): Promise<StepOutcome> {
    this.#row ??= await this.#begin();
    return "idle";
  }

  /** True while an extent that was given up at that time must be kept. */
  async holds(droppedMs: number): Promise<boolean> {
    // holds: C9 window-in-the-index-before-any-drop
    await this.step();
    return this.isHeld(droppedMs);
  }

  /** What `holds` answers, by what is known already; false before that. */
  isHeld(droppedMs: number): boolean {
    return isHeldAt(this.row, droppedMs, this.#options.platform.clock.now());
  }

  /** The same task, which is begun once it is known what is held. */
  before(task: Task): Task {
    return withStep(task, async (signal) => {
      await this.step();
      return task.step(signal);
    });
  }

  async #begin(): Promise<RestoreWindowRow | "off"> {
    const { platform, keymap, windowMs } = this.#options;
    const key = restoreWindowKey();
    const found = await readRow(keymap.system, key);
    const before = found && decodeRestoreWindowRow(found.value);
    if (windowMs === 0 && before === undefined) return "off";
    const row = nextWindow(before, windowMs, platform.clock.now());
    const result = await keymap.system.commit({
      id: keymap.session.nextChangeId(),
      checks: [{ key, expect: found?.stamp ?? "absent" }],
      puts: row === "off" ? [] : [{ key, value: encodeRestoreWindowRow(row) }],
      deletes: row === "off" ? [key] : [],
    });
    if (result.outcome === "ok") return row;
    throw new StoreError("unavailable", "the restore window could not be written to the index");
  }
}

/** True if what was freed then is still kept by the window. */
export function isHeldAt(
  row: RestoreWindowRow | undefined,
  droppedMs: number,
  nowMs: number,
): boolean {
  return row !== undefined && nowMs < droppedMs + row.windowMs + lateDropMs;
}

/** The window as the index has it; undefined where nothing is kept. */
export async function readRestoreWindow(
  index: EngineReader,
): Promise<RestoreWindowRow | undefined> {
  const row = await readRow(index, restoreWindowKey());
  return row && decodeRestoreWindowRow(row.value);
}

/** What holds once a window of this length begins, or goes on. */
export function nextWindow(
  before: RestoreWindowRow | undefined,
  windowMs: number,
  nowMs: number,
): RestoreWindowRow | "off" {
  if (windowMs === 0) return "off";
  if (before === undefined) return { windowMs, sinceMs: nowMs };
  // What was freed earlier than the former window may have been removed.
  const keptMs = Math.min(before.windowMs, windowMs);
  return { windowMs, sinceMs: Math.max(before.sinceMs, nowMs - keptMs) };
}

/** The earliest time that an index may be restored to, of one that ends at `endMs`. */
export function restorableFromMs({ windowMs, sinceMs }: RestoreWindowRow, endMs: number): number {
  return Math.max(sinceMs, endMs - windowMs);
}
