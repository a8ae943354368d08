import { decodeUtf8 } from "../../base/bytes.ts";
import { isStoreError } from "../../base/errors.ts";
import type { DataLocation } from "../../format/chunk-ref.ts";
import { decodeObjectRow } from "../../format/object-row.ts";
import { parseHeadKey, parseRoutedKey } from "../../format/row-keys.ts";
import { versionIdOf } from "../../format/version-id.ts";
import { readBucketNames } from "../../keymap/bucket-names.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { Clock } from "../../platform/platform.ts";
import { allVersions, type ScannedVersion, scanVersionPages } from "../../rows/version-scan.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import type { RedundancyLevel } from "./extent-health.ts";
import type { Manifests } from "./manifests.ts";
import type { LevelCount, LevelsOfExtents } from "./redundancy-tally.ts";

/*
 * How many objects are at which level of redundancy, and which cannot be read, by name: a walk
 * through all versions of all keys, with the levels that the census of extents found. An object is
 * as well off as the worst extent that has a piece of it. While all extents are at one level, no
 * manifest is read.
 *
 * A walk takes as long as there are objects, so what is shown says when it was counted. The next
 * one begins at once when other extents cannot be read than before, and soon when there is much
 * more or less than before.
 */

/** @limit Versions in one step: a millisecond or so. */
const rowsPerStep = 500;
/** @limit Names that are kept, 1 KiB each at the most; `holdfast check` names all. */
const unreadableNamesMax = 1000;
/** @limit Time from one walk to the next, where nothing has changed … */
const walkEveryMs = 10 * 60_000;
/** @limit … and where extents are at other levels than before, or there is more or less of them. */
const changedWalkMs = 10_000;
/** @limit Part of the extents, or of their bytes, by which there is more or less to be counted. */
const changedShare = 1 / 10;
/** @limit Rest after a walk, in parts of the time it took: a tenth of the time at the most. */
const restShare = 9;

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
}

export interface ObjectCount {
  /** Versions of keys at each level, older ones among them, without delete markers. */
  readonly levels: Readonly<Record<RedundancyLevel, number>>;
  /** The first of those that cannot be read, in the order of their names. */
  readonly unreadable: readonly ObjectName[];
  /** When the walk began: what was written since is not counted. */
  readonly countedMs: number;
}

export interface ObjectCensusOptions {
  readonly clock: Clock;
  readonly keymap: Keymap;
  readonly manifests: Pick<Manifests, "chunksOf">;
  /** The levels of extents as last counted; undefined: not known. */
  readonly levelOf: () => LevelsOfExtents | undefined;
}

/** All levels, the best first. */
const order: readonly RedundancyLevel[] = ["full", "reduced", "none", "unreadable"];

export class ObjectCensus implements Task {
  readonly name = "object census";
  readonly #options: ObjectCensusOptions;
  #walk:
    | { readonly levels: LevelsOfExtents; readonly pages: AsyncGenerator<void, ObjectCount> }
    | undefined;
  #counted: LevelsOfExtents | undefined;
  #begunMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;
  #tookMs = 0;
  #last: ObjectCount | undefined;

  constructor(options: ObjectCensusOptions) {
    this.#options = options;
  }

  /** The result of the last complete walk. */
  get last(): ObjectCount | undefined {
    return this.#last;
  }

  async step(): Promise<StepOutcome> {
    const { clock, levelOf } = this.#options;
    const levels = levelOf();
    if (levels === undefined) {
      // What was counted would be shown as if it were known still.
      this.#last = undefined;
      return "idle";
    }
    if (this.#walk === undefined && this.#isDue(levels)) this.#begin(levels);
    const walk = this.#walk;
    if (walk === undefined) return "idle";
    this.#walk = undefined; // one that throws is not gone on with
    const { done, value } = await walk.pages.next();
    if (done !== true) {
      this.#walk = walk;
      return "busy";
    }
    this.#last = value;
    this.#counted = walk.levels;
    this.#endedMs = clock.monotonicMs();
    this.#tookMs = this.#endedMs - this.#begunMs;
    return "idle";
  }

  #isDue(levels: LevelsOfExtents): boolean {
    const counted = this.#counted;
    // holds: C8 unreadable-objects-are-named-at-once
    if (counted === undefined || !haveSameUnreadable(counted, levels)) return true;
    const isSame = haveSameLevels(counted, levels) && isAsMuch(counted.all, levels.all);
    const restMs = Math.max(isSame ? walkEveryMs : changedWalkMs, restShare * this.#tookMs);
    return this.#options.clock.monotonicMs() - this.#endedMs >= restMs;
  }

  #begin(levels: LevelsOfExtents): void {
    this.#begunMs = this.#options.clock.monotonicMs();
    this.#walk = { levels, pages: this.#count(levels) };
  }

  async *#count(levels: LevelsOfExtents): AsyncGenerator<void, ObjectCount, undefined> {
    const { keymap, clock } = this.#options;
    const countedMs = clock.now();
    const counts = { full: 0, reduced: 0, none: 0, unreadable: 0 };
    const unreadable: ObjectName[] = [];
    const names = await readBucketNames(keymap);
    for (const partition of keymap.partitions) {
      for await (const page of scanVersionPages(partition, allVersions(), rowsPerStep)) {
        for (const version of page) {
          const row = decodeObjectRow(version.row.value);
          if (row.kind !== "object") continue;
          const level = await this.#levelOf(row.data, levels);
          counts[level]++;
          if (level !== "unreadable" || unreadable.length >= unreadableNamesMax) continue;
          const { bucket, key } = placeOf(version);
          unreadable.push({
            bucket: names.get(bucket) ?? `bucket ${bucket}`,
            key: decodeUtf8(key),
            versionId: versionIdOf(row),
            bytes: row.size,
          });
        }
        yield;
      }
    }
    return { levels: counts, unreadable, countedMs };
  }

  async #levelOf(data: DataLocation, { most, others }: LevelsOfExtents): Promise<RedundancyLevel> {
    if (data.kind === "empty" || data.kind === "inline") return "full";
    if (others.size === 0) return most;
    let worst = 0;
    try {
      for await (const { extent } of this.#options.manifests.chunksOf(data)) {
        worst = Math.max(worst, order.indexOf(others.get(extent) ?? most));
      }
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      return "unreadable";
    }
    return order[worst] ?? "unreadable";
  }
}

function haveSameUnreadable(one: LevelsOfExtents, other: LevelsOfExtents): boolean {
  if ((one.most === "unreadable") !== (other.most === "unreadable")) return false;
  const of = ({ others }: LevelsOfExtents) =>
    new Set([...others].filter(([, level]) => level === "unreadable").map(([extent]) => extent));
  return of(one).symmetricDifference(of(other)).size === 0;
}

function haveSameLevels(one: LevelsOfExtents, other: LevelsOfExtents): boolean {
  if (one.most !== other.most || one.others.size !== other.others.size) return false;
  return [...one.others].every(([extent, level]) => other.others.get(extent) === level);
}

function isAsMuch(one: LevelCount, other: LevelCount): boolean {
  return (["extents", "bytes"] as const).every((of) => {
    return Math.abs(other[of] - one[of]) <= one[of] * changedShare;
  });
}

function placeOf({ row, isHead }: ScannedVersion): ReturnType<typeof parseHeadKey> {
  return isHead ? parseHeadKey(row.key) : parseRoutedKey(row.key);
}
