import type { ShownIndexMove } from "../admin/disk-pages.ts";
import { isStoreError, StoreError } from "../base/errors.ts";
import { holdingNow, holdingText } from "../control/extents/disk-holdings.ts";
import type { Engine } from "../engine/engine.ts";
import type { IndexDamage } from "../engine/index-damage.ts";
import { isDiskPresent, presentDisks } from "../extent/extent-examination.ts";
import type { DataDisk, ExtentDisks } from "../extent/extent-files.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { removeReplaced } from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Platform, Service } from "../platform/platform.ts";
import { copyServedIndex } from "./index-copy.ts";
import type { NewIndex } from "./index-recovery.ts";

/*
 * Moves the index away from a disk that is emptied, out or replaced, while the store is served: it
 * is copied to another disk, and once the copy is close behind, the supervisor ends all processes,
 * moves the copy on to the last commit, makes it the index, and starts them on it. Until then
 * nothing refers to the copy: whatever ends before that is begun anew.
 */

/** What the machine does for a move. */
export interface IndexMover {
  /** Why the supervisor could not make the last copy the index; undefined: it did not try. */
  readonly failure: string | undefined;
  /** Removes what copies that came to nothing left on these disks, which are there. */
  clear(disks: readonly DataDisk[]): Promise<void>;
  /** An empty index beside the place where it belongs in a data directory. */
  begin(to: DataDisk): Promise<NewIndex & { close(): Promise<void> }>;
  /** Asks the supervisor to make the copy there the index, which ends this process soon. */
  handOver(to: DataDisk): Promise<void>;
  /** These disks are no more of the store. */
  removed(disks: readonly DiskId[]): void;
}

export interface IndexMoveOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly index: Engine;
  readonly table: ExtentTable;
  readonly damage: Pick<IndexDamage, "mark">;
  /** The one with the index first. */
  readonly disks: ExtentDisks;
  readonly mover: IndexMover;
  readonly lagCommitsMax?: number | undefined;
}

/** @limit Time between looks whether the index has to move. */
const lookMs = 2_000;
/** @limit Time from a copy that failed to the next try. */
const againMs = 60_000;
/** @limit Each time the supervisor tries in vain the store stands still for some seconds. */
const againAfterHandOverMs = 10 * 60_000;
/**
 * @limit Time between counts of what a replaced disk has, each of which reads the extent table: for
 * as long as some of it is nowhere else.
 */
const countMs = 30_000;
/** @limit The supervisor ends this process by then, or does not at all. */
const handOverMs = 60_000;

/** True where the index should not stay on a disk. */
export function isLeftByIndex({ state, isPaused }: DiskRow): boolean {
  return state === "out" || (state === "emptying" && !isPaused);
}

export class IndexMove implements Service {
  readonly name = "index move";
  readonly #options: IndexMoveOptions;
  #notBeforeMs = 0;
  #noCountBeforeMs = 0;
  #figures: ShownIndexMove | undefined;
  /** Where a copy did not become the index: others are tried first. */
  readonly #failed = new Set<DiskId>();
  /** What was logged last of replaced disks that cannot be removed yet. */
  readonly #kept = new Map<DiskId, string>();

  constructor(options: IndexMoveOptions) {
    this.#options = options;
    const { mover, platform } = options;
    if (mover.failure === undefined) return;
    this.#notBeforeMs = platform.clock.monotonicMs() + againAfterHandOverMs;
    this.#figures = waits(mover.failure);
  }

  /** Undefined where the index stays where it is. */
  get figures(): ShownIndexMove | undefined {
    return this.#figures;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { platform, mover, disks } = this.#options;
    const { clock } = platform;
    await mover.clear((await presentDisks(clock, disks)).disks);
    while (!signal.aborted) {
      await this.look(signal);
      await clock.sleep(lookMs, signal);
    }
  }

  /** Moves the index if it has to. */
  async look(signal: AbortSignal): Promise<void> {
    const [home, ...others] = this.#options.disks.disks;
    if (home === undefined) return;
    const rows = await readDisks(this.#options.keymap.system);
    await this.#removeReplaced(home.id, rows);
    if (!isLeft(home, rows)) {
      this.#figures = undefined;
      return;
    }
    const { clock, log } = this.#options.platform;
    if (clock.monotonicMs() < this.#notBeforeMs) return;
    try {
      await this.#move(home, others, rows, signal);
    } catch (thrown) {
      const isExpected = isStoreError(thrown) || isDiskError(thrown);
      if (!isExpected || isStoreError(thrown, "fenced")) throw thrown;
      if (signal.aborted) return;
      this.#figures = waits(thrown.message);
      this.#notBeforeMs = clock.monotonicMs() + againMs;
      log("warn", "index_not_moved", { path: home.disk.name, message: thrown.message });
    }
  }

  /** Removes the replaced disks that the index has left, and what is nowhere else. */
  async #removeReplaced(home: DiskId, rows: readonly DiskRow[]): Promise<void> {
    const left = rows.filter(({ disk, isReplaced }) => isReplaced && disk !== home);
    const { clock } = this.#options.platform;
    if (left.length === 0 || clock.monotonicMs() < this.#noCountBeforeMs) return;
    for (const row of left) await this.#removeUnlessNeeded(home, row);
    this.#noCountBeforeMs = clock.monotonicMs() + countMs;
  }

  /** What came to it since it was replaced was counted by nobody then. */
  async #removeUnlessNeeded(home: DiskId, { disk, name, reason }: DiskRow): Promise<void> {
    const { keymap, platform, mover, table, disks } = this.#options;
    const { clock, log } = platform;
    const holding = await holdingNow({ clock, system: keymap.system, table, disks }, disk);
    // holds: C5 nothing-lost-with-a-former-home
    if (holding.onlyExtents > 0) {
      const has = holdingText(holding);
      if (this.#kept.get(disk) !== has) log("warn", "replaced_disk_kept", { disk: name, has });
      this.#kept.set(disk, has);
      return;
    }
    this.#kept.delete(disk);
    await changeDisks(registryOf(keymap), removeReplaced({ disk, home, nowMs: clock.now() }));
    log("info", "disk_changed", { disk: name, id: idText(disk), state: "removed", reason });
    mover.removed([disk]);
  }

  async #move(
    home: DataDisk,
    others: readonly DataDisk[],
    rows: readonly DiskRow[],
    signal: AbortSignal,
  ): Promise<void> {
    const { platform, mover, damage, disks, index, keymap, lagCommitsMax } = this.#options;
    // holds: C9 damaged-index-does-not-move
    if ((await damage.mark()) !== undefined) {
      throw new StoreError("corrupt", "the index is damaged: see holdfast status");
    }
    const to = await this.#target(others, rows);
    const fields = { from: home.disk.name, to: to.disk.name };
    platform.log("info", "index_move_began", fields);
    this.#figures = { to: to.disk.name, doing: "copying", done: 0 };
    this.#failed.add(to.id);
    const copy = await copyServedIndex(
      {
        platform,
        disks,
        index,
        signal,
        lagCommitsMax,
        onProgress: (doing, done) => {
          this.#figures = { to: to.disk.name, doing, done };
        },
      },
      () => mover.begin(to),
    );
    // A person may have put the disk back meanwhile.
    const now = await readDisks(keymap.system);
    if (!isLeft(home, now) || !isActive(to, now) || signal.aborted) {
      this.#failed.delete(to.id);
      return await copy.giveUp();
    }
    await copy.close();
    platform.log("info", "index_copied", { ...fields, sequence: copy.position.sequence });
    this.#figures = { to: to.disk.name, doing: "all processes go over to it", done: 0 };
    await mover.handOver(to);
    await platform.clock.sleep(handOverMs, signal);
  }

  /**
   * The disk with the most space among those in use that have enough; one where a copy failed only
   * where no other is left.
   */
  async #target(others: readonly DataDisk[], rows: readonly DiskRow[]): Promise<DataDisk> {
    const { platform, index } = this.#options;
    const found: { readonly place: DataDisk; readonly bytesFree: number }[] = [];
    const { bytesOnDisk } = index.statistics();
    for (const place of others) {
      if (!isActive(place, rows) || !(await isDiskPresent(platform.clock, place))) continue;
      const { bytesFree } = await place.disk.space();
      if (bytesFree > bytesOnDisk) found.push({ place, bytesFree });
    }
    const untried = found.filter(({ place }) => !this.#failed.has(place.id));
    if (untried.length === 0) this.#failed.clear();
    const [best] = (untried.length > 0 ? untried : found).toSorted(
      (one, other) => other.bytesFree - one.bytesFree,
    );
    if (best !== undefined) return best.place;
    const fix = "add one, or put one back to use: holdfast disk list";
    throw new StoreError("storage_full", `no other disk in use has space for the index: ${fix}`);
  }
}

function waits(why: string): ShownIndexMove {
  return { to: undefined, doing: why, done: 0 };
}

function isLeft(home: DataDisk, rows: readonly DiskRow[]): boolean {
  return rows.some((row) => row.disk === home.id && isLeftByIndex(row));
}

function isActive({ id }: DataDisk, rows: readonly DiskRow[]): boolean {
  return rows.some(({ disk, state }) => disk === id && state === "active");
}
