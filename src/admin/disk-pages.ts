import type { Verified } from "../auth/claim.ts";
import { isRefusal } from "../base/refusal.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import { readSignedFields } from "./signed-json.ts";
import {
  type AdminRefusal,
  answerRoot,
  jsonAnswer,
  refusePage,
  type RootOnlyOptions,
} from "./root-only.ts";

/*
 * The disks of the store under /-/disks, as JSON; signed by the root's key.
 *
 *   GET  /-/disks           {"disks": […]}
 *   POST /-/disks/ACTION    {"disk", "path", "labels", "force"}, what the action needs of them
 *
 * A disk is named by its directory, or by its id or the beginning of that. What is refused says
 * why: {"error": "…"}.
 */

export const disksPath = "/-/disks";

const fieldNames = ["disk", "path", "labels", "force"] as const;
type FieldName = (typeof fieldNames)[number];

/** What can be done to a disk, and the fields that it needs. */
const actions = {
  add: ["path"],
  label: ["disk", "labels"],
  drain: ["disk"],
  pause: ["disk"],
  resume: ["disk"],
  remove: ["disk"],
  replace: ["disk", "path"],
} as const satisfies Readonly<Record<string, readonly FieldName[]>>;

export type DiskAction = keyof typeof actions;

export type DiskFields = Readonly<Partial<Record<FieldName, string>>>;

/** A disk as people and programs see it. */
export interface ShownDisk {
  readonly directory: string;
  readonly id: string;
  readonly labels: string;
  /** What it is to the store: active, emptying, out or removed; since when, and why. */
  readonly state: string;
  readonly since: string;
  readonly reason: string;
  readonly isPaused: boolean;
  /** Another took its place: it is removed once the index, and what is nowhere else, has left it. */
  readonly isReplaced: boolean;
  readonly holdsIndex: boolean;
  /** How the index moves away from it; undefined where it stays, or is on another disk. */
  readonly indexMove: ShownIndexMove | undefined;
  /** `ok`, the reason why it takes no writes, or `not mounted`. */
  readonly condition: string;
  readonly capacityBytes: number;
  readonly freeBytes: number | undefined;
  /** Extents with a file on it, and the bytes of these; undefined until they were counted. */
  readonly extents: number | undefined;
  readonly extentBytes: number | undefined;
  /** Extents among them that only the restore window keeps. */
  readonly heldExtents: number | undefined;
  /** Extents that could not be read without it. */
  readonly onlyExtents: number | undefined;
  /** How long it takes at the present rate until it is empty; undefined where that is not known. */
  readonly emptyInSeconds: number | undefined;
  /** Faults since the processes began, by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

export interface ShownIndexMove {
  /** The data directory that it goes to; undefined while it waits. */
  readonly to: string | undefined;
  /** What is being done, or why it waits. */
  readonly doing: string;
  /** Rows or commits that were copied. */
  readonly done: number;
}

export interface DiskDone {
  readonly disk: ShownDisk;
  /** What happened, and what comes next. */
  readonly message: string;
}

/** What the pages do, carried out by the composition of a process. */
export interface DiskAdministration {
  list(): Promise<readonly ShownDisk[]>;
  /** The fields that the action needs are there. */
  carryOut(action: DiskAction, fields: DiskFields): Promise<DiskDone | AdminRefusal>;
}

export interface DiskPagesOptions extends RootOnlyOptions {
  /** Undefined where the disks of this process are fixed. */
  readonly disks: DiskAdministration | undefined;
}

export function answerDisks(
  options: DiskPagesOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  return answerRoot(options, request, (verified) => answer(options, request, verified));
}

async function answer(
  { disks, platform }: DiskPagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse | AdminRefusal> {
  const { method, path } = request.head;
  const action = path.slice(disksPath.length + 1);
  if (disks === undefined) return refusePage("notFound", "the disks of this server are fixed");
  if (action === "" && method === "GET") return jsonAnswer(200, { disks: await disks.list() });
  if (!isAction(action)) return refusePage("notFound", `nothing at ${path}`);
  if (method !== "POST") return refusePage("methodNotAllowed", `${path} does not take ${method}`);
  const fields = await readSignedFields(platform, request, verified, fieldNames);
  if (isRefusal(fields)) return fields;
  const missing = actions[action].find((name) => fields[name] === undefined);
  if (missing !== undefined) return refusePage("invalid", `${missing} is missing`);
  const done = await disks.carryOut(action, fields);
  return isRefusal(done) ? done : jsonAnswer(200, done);
}

function isAction(text: string): text is DiskAction {
  return Object.hasOwn(actions, text);
}
