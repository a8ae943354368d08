import { presentDisks } from "../../extent/extent-examination.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { type DiskLabels, noLabels } from "../../format/disk-labels.ts";
import type { DiskRow, DiskRowState } from "../../format/disk-row.ts";
import type { DiskId } from "../../format/ids.ts";
import { readDisks } from "../../keymap/disk-registry.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { createTopology, type PlacementDisk, type Topology } from "../../placement/topology.ts";
import { type DiskSpace, isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import { randomFractions } from "../../platform/random-fraction.ts";

/*
 * The disks as they are now: what the registry says of them, whether they are there, and what is
 * free on them. Everything that plans where members go asks here.
 */

/** @limit What was seen is used for this long: a look costs a few reads of each disk. */
const surveyMs = 2000;

/**
 * @limit A disk that is not there is waited for this long: a restart of a machine, or a cable that
 * is put in again, takes less.
 */
export const diskGraceMsDefault = 10 * 60_000;

export interface SurveyedDisk {
  readonly id: DiskId;
  /** Its directory, for people. */
  readonly name: string;
  readonly labels: DiskLabels;
  readonly state: DiskRowState;
  readonly isPaused: boolean;
  /** The data directory; undefined where none was given for it, or it is not there now. */
  readonly place: DataDisk | undefined;
  /** Since when it is not there, by the monotonic clock; undefined while it is. */
  readonly absentSinceMs: number | undefined;
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

export interface DiskSurveyResult {
  readonly disks: ReadonlyMap<DiskId, SurveyedDisk>;
  /** Disks that are away for a short time take no members, but are not taken to be gone. */
  readonly topology: Topology;
  /** The same, as if those were there. */
  readonly usual: Topology;
}

export interface DiskSurveyOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly keymap: Pick<Keymap, "system">;
  /** A disk that is not there is waited for this long before its members are made on others. */
  readonly graceMs?: number | undefined;
}

export class DiskSurvey {
  /** Numbers from 0 to 1, for plans. */
  readonly random: () => number;
  readonly #options: DiskSurveyOptions;
  readonly #absentSinceMs = new Map<DiskId, number>();
  #last: { readonly result: DiskSurveyResult; readonly atMs: number } | undefined;
  #underWay: Promise<DiskSurveyResult> | undefined;

  constructor(options: DiskSurveyOptions) {
    this.#options = options;
    this.random = randomFractions(options.platform.random);
  }

  /** The disks as they were a moment ago, at the most. */
  async now(): Promise<DiskSurveyResult> {
    const nowMs = this.#options.platform.clock.monotonicMs();
    if (this.#last !== undefined && nowMs - this.#last.atMs < surveyMs) return this.#last.result;
    this.#underWay ??= this.#survey(nowMs).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #survey(nowMs: number): Promise<DiskSurveyResult> {
    const disks = await this.#look(nowMs);
    const before = this.#last?.result;
    const present = [...disks.values()]
      .filter(({ state }) => state !== "removed")
      .map((disk) => placementOf(disk, this.#hasGone(disk, nowMs)));
    const topology = createTopology(present, before?.topology);
    const usual = createTopology(
      present.map((disk) => {
        const isAway = disks.get(disk.disk)?.place === undefined && disk.health === "readable";
        const isUsual = isAway && disks.get(disk.disk)?.state === "active";
        return isUsual ? { ...disk, health: "writable", freeBytes: disk.capacityBytes } : disk;
      }),
      before?.usual,
    );
    const result = { disks, topology, usual };
    // A look takes as long as the slowest disk may.
    this.#last = { result, atMs: this.#options.platform.clock.monotonicMs() };
    return result;
  }

  /** A disk that is away for longer than the time of grace does not come back soon. */
  #hasGone({ absentSinceMs }: SurveyedDisk, nowMs: number): boolean {
    const { graceMs = diskGraceMsDefault } = this.#options;
    return absentSinceMs !== undefined && nowMs - absentSinceMs >= graceMs;
  }

  async #look(nowMs: number): Promise<Map<DiskId, SurveyedDisk>> {
    const { disks, keymap } = this.#options;
    const rows = new Map((await readDisks(keymap.system)).map((row) => [row.disk, row]));
    const ids = new Set([...rows.keys(), ...disks.disks.map(({ id }) => id)]);
    const present = await presentDisks(this.#options.platform.clock, disks);
    const looks = [...ids].map((id) => {
      const place = present.disks.find((one) => one.id === id);
      return this.#lookAt(id, rows.get(id), place, nowMs);
    });
    return new Map((await Promise.all(looks)).map((disk) => [disk.id, disk]));
  }

  async #lookAt(
    id: DiskId,
    row: DiskRow | undefined,
    place: DataDisk | undefined,
    nowMs: number,
  ): Promise<SurveyedDisk> {
    const space = place === undefined ? undefined : await spaceOf(place);
    if (place !== undefined) this.#absentSinceMs.delete(id);
    else if (!this.#absentSinceMs.has(id)) this.#absentSinceMs.set(id, nowMs);
    return {
      id,
      name: place?.members.name ?? row?.name ?? "",
      labels: row?.labels ?? noLabels,
      state: row?.state ?? "active",
      isPaused: row?.isPaused ?? false,
      place,
      absentSinceMs: this.#absentSinceMs.get(id),
      capacityBytes: space?.bytesTotal ?? row?.capacityBytes ?? 0,
      freeBytes: space?.bytesFree ?? 0,
    };
  }
}

/** Those of the disks that were there when they were looked at: work asks no other one. */
export function answeringDisks(
  survey: DiskSurveyResult,
  { store, rows, disks }: ExtentDisks,
): ExtentDisks {
  const isThere = (id: DiskId): boolean => survey.disks.get(id)?.place !== undefined;
  return { store, rows, disks: disks.filter(({ id }) => isThere(id)) };
}

async function spaceOf(place: DataDisk): Promise<DiskSpace | undefined> {
  try {
    return await place.disk.space();
  } catch (error) {
    if (isDiskError(error)) return undefined;
    throw error;
  }
}

/** A disk that is out is emptied as one of which a person asked it, unless that was paused. */
function placementOf(disk: SurveyedDisk, isGone: boolean): PlacementDisk {
  const { id, labels, capacityBytes, freeBytes, state, isPaused, place } = disk;
  const isWritable = place !== undefined && state === "active";
  const health = isGone ? "gone" : isWritable ? "writable" : "readable";
  const isDraining = state === "out" || (state === "emptying" && !isPaused);
  return { disk: id, labels, capacityBytes, freeBytes, load: 0, health, isDraining };
}
