import type { Verified } from "../auth/claim.ts";
import { isRefusal } from "../base/refusal.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import {
  type AdminRefusal,
  answerRoot,
  jsonAnswer,
  refusePage,
  type RootOnlyOptions,
} from "./root-only.ts";
import { readSignedFields } from "./signed-json.ts";

/*
 * Repair and scrub, as JSON; signed by the root's key.
 *
 *   GET  /-/repair, /-/scrub             how far it is: RepairReport, ScrubReport
 *   GET  /-/repair/unreadable            objects that cannot be read: UnreadableReport
 *   POST /-/repair/ACTION                start, pause or resume: {"message"}
 *   POST /-/scrub/ACTION  {"disk"}       the same; start takes one disk, or all without it
 *
 * What is refused says why: {"error": "…"}.
 */

const repairPath = "/-/repair";
const scrubPath = "/-/scrub";
const unreadablePath = "/-/repair/unreadable";

const tasks = { [repairPath]: "repair", [scrubPath]: "scrub" } as const;
const actions = ["start", "pause", "resume"] as const;

export type WorkTask = (typeof tasks)[keyof typeof tasks];
export type WorkAction = (typeof actions)[number];

export interface RepairReport {
  readonly isPaused: boolean;
  /** True until all extents were looked through since something changed. */
  readonly isLooking: boolean;
  /** True only if every member of every extent is whole and where it should be. */
  readonly isWhole: boolean;
  /** Extents with members that are not whole, or whose disk is not there; null: not counted yet. */
  readonly shortExtents: number | null;
  /** Those of them that lack only what is on disks that are away, and may come back. */
  readonly waitingExtents: number | null;
  /** Extents that have fewer copies than new ones, and are written anew. */
  readonly narrowExtents: number | null;
  /** Extents with members to be made, and bytes of these members. */
  readonly extents: number;
  readonly bytesLeft: number;
  /** Members that no disk takes. */
  readonly stuck: number;
  /** Time until it is done; null where that is not known. */
  readonly secondsLeft: number | null;
  /** Members made since the background worker began, and their bytes. */
  readonly membersMade: number;
  readonly bytesMade: number;
  /** The members that are being made now. */
  readonly now: readonly MemberReport[];
}

export interface MemberReport {
  readonly extent: number;
  /** Its place in the extent's scheme, and the directory where it is made. */
  readonly member: number;
  readonly directory: string;
  readonly bytes: number;
  readonly bytesDone: number;
}

export interface ScrubReport {
  readonly isPaused: boolean;
  /** Everything is to be read within this time. */
  readonly everySeconds: number;
  readonly disks: readonly ScrubbedDisk[];
  /** The copies of the commit log and of the index's snapshots; null: there are none. */
  readonly index: ScrubbedIndex | null;
}

export interface ScrubbedIndex {
  /** All copies were read and verified since then; null: not all were yet. */
  readonly readSince: string | null;
  readonly ageSeconds: number | null;
  /** True while a round is under way, and if an operator asked for it. */
  readonly isReading: boolean;
  readonly isAsked: boolean;
  readonly roundBegan: string;
  readonly bytesRead: number;
  /** Copies that were not whole in this round, or the last one, and those made anew. */
  readonly bad: number;
  readonly mended: number;
  /** What no copy had any more: another snapshot stands in for it. */
  readonly lost: number;
}

export interface ScrubbedDisk {
  readonly directory: string;
  /** All members were read and verified since then; null: not all were yet. */
  readonly readSince: string | null;
  readonly ageSeconds: number | null;
  /** True while a round is under way, and if an operator asked for it. */
  readonly isReading: boolean;
  readonly isAsked: boolean;
  /** When this round, or the last one, began; what it has read, and how much of that was bad. */
  readonly roundBegan: string;
  readonly members: number;
  readonly bad: number;
  /** Members of this round that could not be read: while there are any, `readSince` stays. */
  readonly passedOver: number;
  readonly bytesRead: number;
  /** What is on the disk, as last counted; null: not counted yet. */
  readonly bytesOnDisk: number | null;
  readonly secondsLeft: number | null;
}

/** Versions of keys of which some piece cannot be read now. */
export interface UnreadableReport {
  /** When they were counted; null: not yet. */
  readonly counted: string | null;
  readonly total: number;
  /** The first of them. */
  readonly objects: readonly UnreadableObject[];
}

export interface UnreadableObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
}

export interface WorkDone {
  /** What happens now. */
  readonly message: string;
}

/** What the pages do, carried out by the composition of a process. */
export interface WorkAdministration {
  repair(): Promise<RepairReport | AdminRefusal>;
  unreadable(): Promise<UnreadableReport | AdminRefusal>;
  scrub(): Promise<ScrubReport | AdminRefusal>;
  order(
    task: WorkTask,
    action: WorkAction,
    disk: string | undefined,
  ): Promise<WorkDone | AdminRefusal>;
}

export interface WorkPagesOptions extends RootOnlyOptions {
  readonly work: WorkAdministration;
}

/** True of the paths that these pages answer. */
export function isWorkPath(path: string): boolean {
  return taskOf(path) !== undefined;
}

export function answerWork(options: WorkPagesOptions, request: HttpRequest): Promise<HttpResponse> {
  return answerRoot(options, request, (verified) => answer(options, request, verified));
}

async function answer(
  { work, platform }: WorkPagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse | AdminRefusal> {
  const { method, path } = request.head;
  const task = taskOf(path);
  if (task === undefined) return refusePage("notFound", `nothing at ${path}`);
  const shown = shownAt(path);
  if (shown !== undefined) {
    if (method !== "GET") return refusePage("methodNotAllowed", `${path} does not take ${method}`);
    const report = await work[shown]();
    return isRefusal(report) ? report : jsonAnswer(200, report);
  }
  const action = path.split("/")[3] ?? "";
  if (!isAction(action)) return refusePage("notFound", `nothing at ${path}`);
  if (method !== "POST") return refusePage("methodNotAllowed", `${path} does not take ${method}`);
  const fields = await readSignedFields(platform, request, verified, ["disk"]);
  if (isRefusal(fields)) return fields;
  if (fields.disk !== undefined && !(task === "scrub" && action === "start")) {
    return refusePage("invalid", `${task} ${action} concerns all disks: leave disk out`);
  }
  const done = await work.order(task, action, fields.disk);
  return isRefusal(done) ? done : jsonAnswer(200, done);
}

function shownAt(path: string): "repair" | "scrub" | "unreadable" | undefined {
  if (path === repairPath) return "repair";
  if (path === scrubPath) return "scrub";
  return path === unreadablePath ? "unreadable" : undefined;
}

function taskOf(path: string): WorkTask | undefined {
  const found = Object.entries(tasks).find(([own]) => path === own || path.startsWith(`${own}/`));
  return found?.[1];
}

function isAction(text: string): text is WorkAction {
  return actions.some((one) => one === text);
}
