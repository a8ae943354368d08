import type { RepairReport, UnreadableObject, UnreadableReport } from "../admin/work-pages.ts";
import { isAllWhole } from "../control/redundancy/wholeness.ts";
import { type Figure, sumOf, sumsBy } from "./figures.ts";
import { bytesText, durationText } from "./units.ts";

/** @limit Names of unreadable objects in `holdfast status`. */
const namesShown = 5;

/** How far the data is from its redundancy, and what is done about it. */
export interface RedundancyReport {
  /** Extents and their live bytes at each level: full, reduced, none, unreadable. */
  readonly levels: readonly LevelReport[];
  /** Extents with members that are not whole, or whose disk is not there. */
  readonly shortExtents: number;
  /** Those of them that lack only what is on disks that are away, and may come back. */
  readonly waitingExtents: number;
  /** Extents that have fewer copies than new ones, and are written anew. */
  readonly narrowExtents: number;
  /** When objects were counted; undefined: not yet. */
  readonly objectsCountedAt: string | undefined;
  /** How many domains may be lost now, whichever they are; the widest level first. */
  readonly survives: readonly { readonly level: string; readonly losses: number }[];
  readonly repair: RepairSummary;
  /** True only if every member of every extent is whole and where it should be. */
  readonly isWhole: boolean;
}

export interface LevelReport {
  readonly level: string;
  /** Objects, older versions among them; undefined until they were counted. */
  readonly objects: number | undefined;
  readonly extents: number;
  readonly bytes: number;
}

export interface RepairSummary {
  readonly extents: number;
  readonly bytesLeft: number;
  readonly secondsLeft: number | undefined;
  /** Members that no disk takes. */
  readonly stuck: number;
  readonly isLooking: boolean;
  readonly isPaused: boolean;
}

/** Undefined until the background worker has counted. */
export function redundancyIn(figures: readonly Figure[]): RedundancyReport | undefined {
  const extents = sumsBy(figures, "holdfast_redundancy_extents", "level");
  if (extents.size === 0) return undefined;
  const bytes = sumsBy(figures, "holdfast_redundancy_bytes", "level");
  const objects = sumsBy(figures, "holdfast_redundancy_objects", "level");
  const levels = [...extents].map(([level, count]) => {
    return { level, objects: objects.get(level), extents: count, bytes: bytes.get(level) ?? 0 };
  });
  const countedAt = sumOf(figures, "holdfast_redundancy_objects_timestamp_seconds");
  const repair = repairIn(figures);
  const shortExtents = sumOf(figures, "holdfast_short_extents") ?? 0;
  const narrowExtents = sumOf(figures, "holdfast_narrow_extents") ?? 0;
  const waitingExtents = sumOf(figures, "holdfast_waiting_extents") ?? 0;
  const isWhole = isAllWhole(repair, { shortExtents, narrowExtents });
  const survives = [...sumsBy(figures, "holdfast_survived_losses", "level")].map(
    ([level, losses]) => ({ level, losses }),
  );
  const objectsCountedAt =
    countedAt === undefined ? undefined : new Date(countedAt * 1000).toISOString();
  return {
    levels,
    shortExtents,
    waitingExtents,
    narrowExtents,
    objectsCountedAt,
    survives,
    repair,
    isWhole,
  };
}

function repairIn(figures: readonly Figure[]): RepairSummary {
  const value = (name: string): number => sumOf(figures, `holdfast_repair_${name}`) ?? 0;
  return {
    extents: value("extents"),
    bytesLeft: value("left_bytes"),
    secondsLeft: sumOf(figures, "holdfast_repair_left_seconds"),
    stuck: value("stuck"),
    isLooking: value("looking") > 0,
    isPaused: value("paused") > 0,
  };
}

const levelNames: Readonly<Record<string, string>> = {
  full: "at full redundancy",
  reduced: "at reduced redundancy",
  none: "with NO redundancy",
  unreadable: "UNREADABLE",
};

/** Rows for people. */
export function redundancyRows(report: RedundancyReport | undefined): string[][] {
  if (report === undefined) return [["redundancy", "not counted yet"]];
  const { levels, survives } = report;
  const counts = levels
    .filter(({ extents, objects = 0 }) => extents + objects > 0)
    .map(({ level, objects, extents, bytes }) => {
      const what = objects === undefined ? "" : `${objects} objects, `;
      return `${what}${bytesText(bytes)} in ${extents} extents ${levelNames[level] ?? level}`;
    });
  const counted = report.objectsCountedAt ?? "not counted yet";
  const lost = survives
    .filter(({ losses }) => losses > 0)
    .map(({ level, losses }) => `any ${losses} ${level}${losses === 1 ? "" : "s"}`);
  const isEmpty = counts.length === 0;
  const survived = `the loss of ${lost.length === 0 ? "no disk" : lost.join(", or ")}`;
  return [
    ["redundancy", isEmpty ? "nothing is stored" : counts.join("; ")],
    ["objects as of", counted],
    ...(isEmpty ? [] : [["survives", survived]]),
    ["repair", repairText(report)],
  ];
}

/** Why not all is whole, where no member is to be made now. */
export function shortageText({ shortExtents, waitingExtents, narrowExtents }: Shown): string {
  if (shortExtents === null) return "extents are not counted yet";
  const unplanned = shortExtents - (waitingExtents ?? 0);
  const why = [
    ...((waitingExtents ?? 0) > 0 ? ["members are short, and wait for their disks"] : []),
    ...(unplanned > 0 ? ["members were short as last counted, and are not planned yet"] : []),
    ...((narrowExtents ?? 0) > 0 ? ["extents with few copies are written anew"] : []),
  ];
  return why.length === 0 ? "no members to be made were found yet" : why.join("; ");
}

type Shown = Pick<RepairReport, "shortExtents" | "waitingExtents" | "narrowExtents">;

function repairText(report: RedundancyReport): string {
  const { repair, isWhole } = report;
  const { extents, bytesLeft, secondsLeft, stuck, isLooking, isPaused } = repair;
  const paused = isPaused ? ["PAUSED: holdfast repair resume goes on"] : [];
  if (isWhole) return ["nothing to repair", ...paused].join("; ");
  const left =
    secondsLeft === undefined ? "time left not known" : `${durationText(secondsLeft)} left`;
  const todo = `${extents} extents to repair, ${bytesText(bytesLeft)}, ${left}`;
  const what = extents > 0 ? todo : shortageText(report);
  const notes = [
    ...paused,
    ...(isLooking ? ["still looking"] : []),
    ...(stuck > 0 ? [`${stuck} members have no disk that takes them: add one`] : []),
  ];
  return [what, ...notes].join("; ");
}

/** Names of objects that cannot be read, the first few, and where the others are listed. */
export function unreadableRows(report: UnreadableReport | undefined): string[][] {
  if (report === undefined || report.total === 0) return [];
  const shown = report.objects.slice(0, namesShown);
  const more = report.total - shown.length;
  const rows = shown.map((one) => ["unreadable", unreadableText(one)]);
  const all = `${more} more: holdfast repair unreadable`;
  return more > 0 ? [...rows, ["unreadable", all]] : rows;
}

/** Names are data of clients: JSON keeps what they hold from the terminal. */
export function unreadableText({ bucket, key, versionId, bytes }: UnreadableObject): string {
  const version = versionId === "null" ? "" : ` version ${versionId}`;
  return `${JSON.stringify(`${bucket}/${key}`)}${version}, ${bytesText(bytes)}`;
}
