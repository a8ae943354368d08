import type {
  DiskAction,
  DiskAdministration,
  DiskDone,
  DiskFields,
  ShownDisk,
} from "../admin/disk-pages.ts";
import { type AdminRefusal, refusePage } from "../admin/root-only.ts";
import { must } from "../base/assert.ts";
import type { StoreErrorCode } from "../base/errors.ts";
import { isRefusal, type RefusalOf } from "../base/refusal.ts";
import { type DiskHolding, holdingNow, holdingText } from "../control/extents/disk-holdings.ts";
import { isDiskPresent } from "../extent/extent-examination.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import { formatDiskLabels, noLabels, parseDiskLabels } from "../format/disk-labels.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { type DiskId, idText } from "../format/ids.ts";
import {
  addDisk,
  type DiskMount,
  type DiskPlan,
  type DiskRefusal,
  emptyDisk,
  labelDisk,
  pauseDisk,
  removeDisk,
  replaceDisk,
  resumeDisk,
} from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import { isLeftByIndex } from "./index-move.ts";
import { findNamedDisk } from "./named-disk.ts";
import type { AskOthers, DiskFigures } from "./tree-questions.ts";

/** The owner of the directories' locks, as another process reaches it. */
export interface DirectoryOwner {
  /** Locks a directory and makes it one of the store's; or says why not. */
  takeIn(
    path: string,
  ): Promise<
    { readonly mount: DiskMount } | { readonly code: StoreErrorCode; readonly message: string }
  >;
  /** Has all processes look at the registry now; these disks are given up. */
  disksChanged(removed: readonly DiskId[]): void;
}

export interface DiskAdministrationOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly writer: Pick<ExtentWriter, "statistics">;
  readonly owner: DirectoryOwner;
  /** What this process knows itself of the disks. */
  readonly own: () => readonly DiskFigures[];
  readonly askOthers: AskOthers;
}

/** Carries out what people ask to be done with disks, while the store is served. */
export class StoredDisks implements DiskAdministration {
  readonly #options: DiskAdministrationOptions;

  constructor(options: DiskAdministrationOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly ShownDisk[]> {
    const { keymap, askOthers, own } = this.#options;
    const [rows, answers] = await Promise.all([
      readDisks(keymap.system),
      askOthers({ kind: "disks" }),
    ]);
    const figures = [...own(), ...answers.flatMap(({ answer }) => answer.disks ?? [])];
    const move = answers.find(({ answer }) => answer.indexMove !== undefined)?.answer.indexMove;
    const shown = rows.map((row) => {
      const one = this.#show(row, figures);
      return { ...one, indexMove: one.holdsIndex ? move : undefined };
    });
    // A removed disk is of interest for as long as something was on it that is nowhere else.
    return shown
      .filter(({ state, extents = 0 }) => state !== "removed" || extents > 0)
      .toSorted((one, other) => (one.directory < other.directory ? -1 : 1));
  }

  async carryOut(action: DiskAction, fields: DiskFields): Promise<DiskDone | AdminRefusal> {
    if (action === "add") return this.#add(fields);
    const row = await findNamedDisk(this.#options.keymap, fields.disk ?? "");
    if (isRefusal(row)) return row;
    const { disk, name } = row;
    const nowMs = this.#options.platform.clock.now();
    switch (action) {
      case "label": {
        const labels = parseDiskLabels(fields.labels ?? "");
        return this.#change(labelDisk(disk, labels), disk, (after) => {
          return `${name} has the labels ${formatDiskLabels(after.labels) || "(none)"}`;
        });
      }
      case "drain":
        return this.#change(emptyDisk(disk, nowMs), disk, () => {
          const next = `holdfast disk list shows how far it is; holdfast disk remove ${name} then`;
          const index = this.#holdsIndex(disk) ? ", and the index moves to another disk" : "";
          return `${name} is being emptied, and gets nothing new${index}: ${next}`;
        });
      case "pause":
        return this.#change(pauseDisk(disk), disk, () => {
          return `${name} is left as it is, and gets nothing new: holdfast disk drain ${name} goes on`;
        });
      case "resume":
        return this.#change(resumeDisk(disk, nowMs), disk, () => `${name} is in use again`);
      case "remove":
        return this.#remove(row, fields);
      case "replace":
        return this.#replace(row, fields);
    }
  }

  async #add({ path = "", labels = "" }: DiskFields): Promise<DiskDone | AdminRefusal> {
    const given = parseDiskLabels(labels); // before anything is done
    const taken = await this.#options.owner.takeIn(path);
    if ("code" in taken) return refusePage("invalid", taken.message);
    const { mount } = taken;
    const plan = addDisk(mount, given, this.#options.platform.clock.now());
    return this.#change(plan, mount.disk, ({ name }) => `${name} is a disk of the store now`);
  }

  async #remove(row: DiskRow, { force }: DiskFields): Promise<DiskDone | AdminRefusal> {
    const { disk, name } = row;
    const isForced = force !== undefined;
    // holds: C1 disk-of-the-index-is-not-removed
    if (this.#holdsIndex(disk)) return refusePage("conflict", indexIsHere(row));
    if (row.state === "active" && !isForced) {
      const fix = `empty it first: holdfast disk drain ${name}`;
      return refusePage("conflict", `${name} is in use: ${fix}`);
    }
    // It is not active, so nothing comes to it any more: what is counted is all there is.
    const holding = await this.#holding(disk);
    // holds: C5 nothing-on-a-removed-disk
    if (holding.extents > 0 && !isForced) {
      const fix = `wait until it is empty (holdfast disk list), or give it up with --force`;
      return refusePage("conflict", `${name} has ${holdingText(holding)}: ${fix}`);
    }
    const plan = removeDisk(disk, "asked for", this.#options.platform.clock.now());
    return this.#change(plan, disk, () => {
      const what = holding.extents === 0 ? "nothing was on it" : `it had ${holdingText(holding)}`;
      return `${name} is removed; ${what}. Its files are left as they are`;
    });
  }

  async #replace(row: DiskRow, fields: DiskFields): Promise<DiskDone | AdminRefusal> {
    const { disk, name } = row;
    const { path = "", labels, force } = fields;
    const { clock } = this.#options.platform;
    const holdsIndex = this.#holdsIndex(disk);
    const given = labels === undefined ? noLabels : parseDiskLabels(labels);
    const holding = await this.#holding(disk);
    const place = this.#options.disks.disks.find(({ id }) => id === disk);
    const isThere = place !== undefined && (await isDiskPresent(clock, place));
    // What can be read from a disk is moved away first, or it would have no redundancy for a while.
    const isInUse = isThere && row.state !== "out" && holding.extents > 0;
    // holds: C5 nothing-lost-by-a-replacement
    if ((holding.onlyExtents > 0 || isInUse) && force === undefined) {
      const steps = `holdfast disk add ${path}, then holdfast disk drain ${name}`;
      const fix = isThere
        ? `it is still there, so empty it instead: ${steps} (--force: give it up at once)`
        : "mount it if it can be; if it is gone for good, give them up with --force";
      return refusePage("conflict", `${name} has ${holdingText(holding)}: ${fix}`);
    }
    const taken = await this.#options.owner.takeIn(path);
    if ("code" in taken) return refusePage("invalid", taken.message);
    const { mount } = taken;
    const plan = replaceDisk(disk, { mount, labels: given, nowMs: clock.now(), holdsIndex });
    const then = `; the index moves to another disk, and ${name} is removed then: holdfast disk list shows how far it is`;
    const message = (): string =>
      `${mount.name} takes the place of ${name}, which had ${holdingText(holding)}${holdsIndex ? then : ""}`;
    return await this.#change(plan, mount.disk, message, holdsIndex ? [] : [disk]);
  }

  /** Changes the registry, and has all processes look at it. */
  async #change(
    plan: DiskPlan,
    disk: DiskId,
    message: (after: DiskRow) => string,
    removed: readonly DiskId[] = [],
  ): Promise<DiskDone | AdminRefusal> {
    const { keymap, owner, platform } = this.#options;
    const rows = await changeDisks(registryOf(keymap), plan);
    if (isRefusal(rows)) return refusalOf(rows);
    const row = must(
      rows.find((one) => one.disk === disk),
      "a disk that was changed is in the registry",
    );
    const gone = row.state === "removed" ? [disk, ...removed] : removed;
    owner.disksChanged(gone);
    const { name, state, reason } = row;
    platform.log("info", "disk_changed", { disk: name, id: idText(disk), state, reason });
    return { disk: this.#show(row, this.#options.own()), message: message(row) };
  }

  #show(row: DiskRow, figures: readonly DiskFigures[]): ShownDisk {
    const { disk, name, state } = row;
    const own = figures.filter((one) => one.disk === disk);
    const counted = own.find(({ holding }) => holding !== undefined);
    const place = this.#options.disks.disks.find(({ id }) => id === disk);
    const { disks } = this.#options.writer.statistics();
    const writing = disks.find((one) => one.name === place?.disk.name);
    return {
      directory: name,
      id: idText(disk),
      labels: formatDiskLabels(row.labels),
      state,
      since: new Date(row.stateMs).toISOString(),
      reason: row.reason,
      isPaused: row.isPaused,
      isReplaced: row.isReplaced,
      holdsIndex: this.#holdsIndex(disk),
      indexMove: undefined,
      condition: writing === undefined ? "not mounted" : writing.condition,
      capacityBytes: row.capacityBytes,
      freeBytes: writing?.bytesFree,
      extents: counted?.holding?.extents,
      extentBytes: counted?.holding?.bytes,
      heldExtents: counted?.holding?.heldExtents,
      onlyExtents: counted?.holding?.onlyExtents,
      emptyInSeconds: counted?.emptyInSeconds,
      faults: { ...sumOfFaults(own), "damaged extents": counted?.holding?.damaged ?? 0 },
    };
  }

  #holding(disk: DiskId): Promise<DiskHolding> {
    const { platform, keymap, table, disks } = this.#options;
    return holdingNow({ clock: platform.clock, system: keymap.system, table, disks }, disk);
  }

  #holdsIndex(disk: DiskId): boolean {
    return this.#options.disks.disks[0]?.id === disk;
  }
}

function sumOfFaults(figures: readonly DiskFigures[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { faults = {} } of figures) {
    for (const [kind, count] of Object.entries(faults)) sums[kind] = (sums[kind] ?? 0) + count;
  }
  return sums;
}

function indexIsHere(row: DiskRow): string {
  const { name } = row;
  if (isLeftByIndex(row)) {
    const fix = "wait until it has (holdfast disk list)";
    return `${name} holds the index, which moves to another disk: ${fix}`;
  }
  return `${name} holds the index: empty it first, so that the index moves: holdfast disk drain ${name}`;
}

function refusalOf({ refusal, message = refusal }: RefusalOf<DiskRefusal>): AdminRefusal {
  const kinds = {
    noSuchDisk: "notFound",
    wrongState: "conflict",
    exists: "exists",
    lastDisk: "conflict",
  } as const;
  return refusePage(kinds[refusal], message);
}
