import { memberFileBytes } from "../control/extents/extent-health.ts";
import type { CheckReport } from "../control/check.ts";
import type { ExtentEntry } from "../extent/extent-table.ts";
import { memberOfPath, extentPath, extentsDirectory } from "../extent/extent-files.ts";
import { copiesDefault } from "../extent/write-choices.ts";
import type { DiskId } from "../format/ids.ts";
import { must } from "../base/assert.ts";
import { noBytes, toHex } from "../base/bytes.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { space } from "../format/row-keys.ts";
import { deleteBucket } from "../object/bucket/buckets.ts";
import { deleteObject } from "../object/write/delete.ts";
import { listVersions } from "../object/list/list-versions.ts";
import { parseVersionId, versionIdOf } from "../format/version-id.ts";
import { inNamedBucket } from "../object/bucket/in-named-bucket.ts";
import { checkRebuilt } from "./judge-rebuilt.ts";
import { Violation } from "./history.ts";
import type { Machine } from "./machine.ts";
import { resumeDisks } from "./operator.ts";
import { deadShare } from "./roles.ts";
import { readEverything } from "./workload.ts";
import { checkServed } from "./workload/served.ts";
import type { ClientSession, WorkloadContext } from "./workload/context.ts";

/*
 * Judges what must hold when nothing goes wrong any more. Everything acknowledged can be read (C1
 * to C4). Once the background worker has nothing left to do, files and extent table agree; and when
 * all is deleted, nothing is left of it (C5).
 */

/** Time for extents to age and be sealed, so that the background sees all there is. */
const agingMs = 10_000;
/** Looks at what is left, this far apart. */
const lookMs = 1000;
/** Work that is not done after an hour never will be. */
const looksMax = 3600;
/** A minute: a disk may be slow or stand still for a while. */
const givenBackLooksMax = 60;
/** Idle at so many looks in a row: each worker has looked for work since. */
const idleLooks = 5;

/** Spaces that have no rows where there is no bucket. */
const emptySpaces = [
  "buckets",
  "bucketFences",
  "heads",
  "versions",
  "uploads",
  "parts",
  "garbage",
  "garbageBatches",
] as const;

const everything = { prefix: noBytes, delimiter: undefined, after: undefined, limit: 1000 };

/**
 * Memory that requests had a share of is given back once nothing is under way any more (C6): what
 * is not would be missing for ever. A worker may still be waiting for a disk on behalf of a client
 * that has gone.
 */
export async function checkGivenBack(machine: Machine): Promise<void> {
  const { scheduler } = machine.options;
  for (const { process, access } of machine.running) {
    const { store } = access;
    if (store === undefined) continue;
    const taken = (): number => store.bodies.used + store.answers.used;
    for (let looks = 0; taken() > 0 && process.alive && !process.paused; looks++) {
      if (looks === givenBackLooksMax) {
        throw new Violation(`C6: ${process.name} keeps ${taken()} bytes of memory for nobody`);
      }
      await new Promise<void>((resolve) => void scheduler.after(lookMs, resolve));
    }
  }
}

/** @param beforeDeletion is called once all is well, and all that was stored is there. */
export async function judge(
  session: ClientSession,
  beforeDeletion: () => Promise<void>,
): Promise<void> {
  const { context } = session;
  const { machine } = context;
  await readEverything(session, context);
  checkHistory(context);
  for (const bucket of context.buckets) {
    for (const key of context.keys) await checkServed(session, bucket, key);
  }
  await session.sleep(agingMs);
  await untilRemoved(session);
  const disks = await machine.engine.disks();
  machine.directories.forgetRemoved(disks);
  await resumeDisks(machine, disks);
  await untilWell(session, () => findUnfinished(machine));
  await checkClean(session.context);
  await readEverything(session, context);
  checkHistory(context);
  await beforeDeletion();
  await deleteEverything(session);
  await session.sleep(agingMs);
  await untilWell(session, () => findLeftover(session.context));
  await checkClean(session.context);
  await checkRebuilt(machine);
  const removed = machine.findForeignRemoved();
  if (removed !== undefined) throw new Violation(`C9: ${removed} of another store was removed`);
}

/** A disk that is emptied to be removed is empty some time, whatever was on it (C8). */
async function untilRemoved(session: ClientSession): Promise<void> {
  const { machine } = session.context;
  for (let looks = 0; machine.busyDisk !== undefined; looks++) {
    machine.waitsFor = `${machine.busyDisk.name} is not emptied`;
    if (looks === looksMax) throw new Violation(`C8: ${machine.waitsFor}`);
    await session.sleep(lookMs);
  }
}

/** `holdfast check` finds nothing wrong, and no more is kept than compaction allows. */
async function checkClean(context: WorkloadContext): Promise<void> {
  const { machine, excused } = context;
  const { counts } = await checkReport(context, { mayHaveStrays: false });
  const isDamaged = excused.has("corrupt") || machine.taken.size > 0;
  await checkCounted(machine, counts.unreferencedBytes, isDamaged);
}

/** What `holdfast check` says, if that is nothing wrong. */
export async function checkReport(
  { machine, excused }: WorkloadContext,
  { mayHaveStrays }: { readonly mayHaveStrays: boolean },
): Promise<CheckReport> {
  const report = await must(
    machine.background?.access.check,
    "no background worker to check with",
  )();
  // A record that was damaged while its extent was sealed, as its last, lies behind it once healed.
  const isExcused = excused.has("corrupt");
  const found = report.problems.filter(({ kind, where, message }) => {
    if (machine.isOfTakenFile(message) || machine.isOfTakenFile(where)) return false;
    if (kind === "stray" && mayHaveStrays) return false;
    const taken = memberOfPath(where.slice(where.indexOf(extentsDirectory)))?.extent;
    if (kind === "stray" && taken !== undefined && machine.taken.has(taken)) return false;
    return !(isExcused && kind === "inconsistent");
  });
  if (found.length === 0) return report;
  const problems = found.map(({ kind, where, message }) => `${kind} ${where}: ${message}`);
  throw new Violation(`C5: the store is not clean:\n${problems.join("\n")}`);
}

export function checkHistory({ history, values }: WorkloadContext): void {
  history.check((value) => values.etagOf(value));
}

/**
 * The bytes that the extent table has as dead are those that nothing refers to, exactly. With
 * damage it is a guess: what a manifest listed that could not be read stays counted as alive, what
 * could not be made out in an extent is counted as dead.
 */
async function checkCounted(
  machine: Machine,
  deadBytes: number,
  wasDamaged: boolean,
): Promise<void> {
  let counted = 0;
  for (const { row } of await machine.engine.extents()) {
    // In an open extent nothing is known to be dead.
    if (row.state === "open") return;
    if (row.state !== "dropping") counted += row.deadBytes;
  }
  if (counted === deadBytes || wasDamaged) return;
  throw new Violation(`C5: ${deadBytes} bytes are dead, but ${counted} are counted`);
}

/**
 * Until the background worker finds nothing to do, and nothing is wrong that it should have done.
 */
async function untilWell(
  session: ClientSession,
  find: () => Promise<string | undefined>,
): Promise<void> {
  const { machine } = session.context;
  let idle = 0;
  for (let looks = 0; ; looks++) {
    await session.sleep(lookMs);
    const tasks = machine.background?.access.background?.statistics().tasks ?? [];
    // Nobody is at them, so they are ended, and then there is more to do.
    const uploads = await machine.engine.rowsIn(space.uploads);
    const isIdle =
      tasks.length > 0 && tasks.every((task) => isAtRest(machine, task)) && uploads.length === 0;
    idle = isIdle ? idle + 1 : 0;
    const found = idle < idleLooks ? "the background never comes to an end" : await find();
    machine.waitsFor = found;
    if (found === undefined) return;
    if (looks === looksMax) throw new Violation(`C5: ${found}`);
  }
}

/**
 * Repair waits for good where another's file stands in the place of the only one it could make, and
 * scrub waits between members.
 */
function isAtRest(machine: Machine, { name, state }: { name: string; state: string }): boolean {
  const isScrub = name === "scrub" || name === "index scrub";
  const mayWait = isScrub || (name === "repair" && machine.foreign.size > 0);
  return state === "idle" || (mayWait && state === "throttled");
}

/**
 * Finds states that must not last while nothing happens: an extent on its way, a file without one,
 * or an extent without its file.
 */
async function findUnfinished(machine: Machine): Promise<string | undefined> {
  const names = await machine.diskNames();
  const expected = new Set<string>();
  const needless = new Set<string>();
  for (const { id, row } of await machine.engine.extents()) {
    if (machine.taken.has(id)) {
      // The process that sealed it found no file, as where none was ever made; what refers to it
      // marks it once it is read.
      const isReported =
        row.state === "open" ||
        row.length === 0 ||
        row.members.some(({ state }) => state !== "whole") ||
        row.members.every(({ disk }) => holdsFile(machine, names.get(disk), { id, row }));
      if (!isReported) return `extent ${id} was taken away, and nobody says so`;
      continue;
    }
    const isHeld = machine.holds(row);
    if (row.state !== "open" && row.state !== "reconciled" && !isHeld)
      return `extent ${id} stays ${row.state}`;
    // Data listed by a manifest that was taken away cannot be moved.
    const isWasteful =
      machine.taken.size === 0 &&
      !isHeld &&
      row.deadBytes > deadShare * (row.length - extentHeaderBytes);
    if (isWasteful) return `extent ${id} keeps ${row.deadBytes} dead bytes`;
    const lacks = lackOf(machine, names, { id, row });
    if (lacks !== undefined) return lacks;
    // It never had a file, and a manifest that was taken away may have referred to it: so its row
    // is kept.
    if (machine.taken.size > 0 && row.length === 0) continue;
    for (const { disk } of row.members) {
      const path = `${names.get(disk)}/${extentPath(id, row.layout)}`;
      expected.add(path);
      // Its writer failed to make the file, and what was taken away might list it: then the row
      // stays. So does that of a held one without records, whose file nobody looks for.
      const isEmpty = row.length <= extentHeaderBytes && isHeld;
      if (isEmpty || (row.length === 0 && machine.taken.size > 0)) needless.add(path);
    }
  }
  for (const disk of machine.disks) {
    for (const path of disk.files().keys()) {
      if (!path.startsWith(extentsDirectory) || expected.delete(`${disk.name}/${path}`)) continue;
      const extent = memberOfPath(path)?.extent;
      // The file in its place is not ours.
      if (extent !== undefined && machine.taken.has(extent)) continue;
      return `${disk.name}/${path} is a stray: no extent has it`;
    }
  }
  const [lost] = [...expected].filter((path) => !needless.has(path));
  return lost === undefined ? undefined : `${lost} is not there`;
}

/**
 * What an extent of a fleet lacks that repair is to give it, once all disks are there: then each
 * member is whole, and there are as many copies as new ones would have (C8).
 */
function lackOf(
  { options: { fleet } }: Machine,
  names: ReadonlyMap<DiskId, string>,
  { id, row }: Pick<ExtentEntry, "id" | "row">,
): string | undefined {
  const { state, scheme, members, coming, leaving, length } = row;
  if (fleet === undefined || state === "open" || length <= extentHeaderBytes) return undefined;
  if (coming.length + leaving.length > 0) return `extent ${id} has files coming or leaving`;
  const short = members.findIndex((one) => one.state !== "whole" || !names.has(one.disk));
  if (short >= 0) return `member ${short} of extent ${id} is ${members[short]?.state}`;
  const isAsWanted = state === "dropping" || scheme.kind === "coded";
  if (isAsWanted || scheme.copies >= copiesDefault) return undefined;
  return `extent ${id} has ${scheme.copies} copies only`;
}

/** True if the disk has a file of ours for the extent, as long as it should be: it was made again. */
function holdsFile(
  machine: Machine,
  name: string | undefined,
  { id, row }: Pick<ExtentEntry, "id" | "row">,
): boolean {
  const path = extentPath(id, row.layout);
  const inode = machine.disks
    .find((disk) => disk.name === name)
    ?.files()
    .get(path);
  if (inode === undefined || machine.foreign.get(`${name}/${path}`) === inode) return false;
  return inode.length >= memberFileBytes(row);
}

/**
 * All objects and uploads are gone: so must be all that was kept for them. Only what is open, and
 * empty, may stay, and what the restore window keeps.
 */
async function findLeftover({ machine, excused }: WorkloadContext): Promise<string | undefined> {
  for (const name of emptySpaces) {
    // The contents of a manifest that was taken away are not known any more.
    if (name === "garbage" && machine.taken.size > 0) continue;
    const [row] = await machine.engine.rowsIn(space[name]);
    if (row !== undefined) return `all is deleted, but not row ${toHex(row.key)} of ${name}`;
  }
  for (const { id, row } of await machine.engine.extents()) {
    if (row.state === "open" || excused.has("corrupt") || machine.taken.size > 0) continue;
    if (machine.holds(row)) continue;
    const what = `${row.state}, ${row.deadBytes} of ${row.length} bytes known to be dead`;
    return `all is deleted, but not extent ${id}: ${what}`;
  }
  return findUnfinished(machine);
}

async function deleteEverything(session: ClientSession): Promise<void> {
  for (const bucket of session.context.buckets) {
    while (await deleteVersions(session, bucket));
    await untilDone(session, `delete-bucket ${bucket}`, (store) => deleteBucket(store, bucket));
  }
}

/** Every version and delete marker of a page; false where there was none. */
async function deleteVersions(session: ClientSession, bucket: string): Promise<boolean> {
  const attempt = await session.attempt(`list-versions ${bucket}`, (store) =>
    inNamedBucket(store, listVersions, { bucket, ...everything }),
  );
  if (attempt.kind !== "answer") return attempt.kind !== "refused";
  for (const item of attempt.answer.items) {
    if (item.kind === "prefix") continue;
    const version = parseVersionId(versionIdOf(item.row));
    await untilDone(session, `delete-version ${bucket}`, (store) =>
      inNamedBucket(store, deleteObject, {
        bucket,
        key: item.key,
        version,
        condition: { kind: "always" },
      }),
    );
  }
  return attempt.answer.items.length > 0;
}

async function untilDone(
  session: ClientSession,
  what: string,
  operation: Parameters<typeof session.attempt<object>>[1],
): Promise<void> {
  for (;;) {
    const attempt = await session.attempt(what, operation);
    if (attempt.kind === "answer") return;
    if (attempt.kind !== "refused") continue;
    if (attempt.refusal.refusal === "noSuchBucket") return;
    if (attempt.refusal.refusal === "operationAborted") await session.sleep(lookMs);
    else throw new Violation(`C2: ${attempt.label}: refused with ${attempt.refusal.refusal}`);
  }
}
