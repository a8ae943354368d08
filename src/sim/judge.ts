import { extentOfPath, extentPath, extentsDirectory } from "../extent/extent-files.ts";
import { must } from "../base/assert.ts";
import { noBytes, toHex } from "../base/bytes.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { space } from "../format/row-keys.ts";
import { deleteBucket } from "../object/bucket/buckets.ts";
import { deleteObject } from "../object/write/delete.ts";
import { listVersions } from "../object/list/list-versions.ts";
import { parseVersionId, versionIdOf } from "../format/version-id.ts";
import { inNamedBucket } from "../object/bucket/in-named-bucket.ts";
import { Violation } from "./history.ts";
import type { Machine } from "./machine.ts";
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

export async function judge(session: ClientSession): Promise<void> {
  const { context } = session;
  const { machine } = context;
  await readEverything(session, context);
  checkHistory(session);
  for (const bucket of context.buckets) {
    for (const key of context.keys) await checkServed(session, bucket, key);
  }
  await session.sleep(agingMs);
  await untilWell(session, () => findUnfinished(machine));
  await checkClean(session.context);
  await readEverything(session, context);
  checkHistory(session);
  await deleteEverything(session);
  await session.sleep(agingMs);
  await untilWell(session, () => findLeftover(session.context));
  await checkClean(session.context);
  const removed = machine.findForeignRemoved();
  if (removed !== undefined) throw new Violation(`C9: ${removed} of another store was removed`);
}

/** `holdfast check` finds nothing wrong, and no more is kept than compaction allows. */
async function checkClean({ machine, excused }: WorkloadContext): Promise<void> {
  const report = await must(
    machine.background?.access.check,
    "no background worker to check with",
  )();
  const isDamaged = excused.has("corrupt") || machine.taken.size > 0;
  await checkCounted(machine, report.counts.unreferencedBytes, isDamaged);
  // A record that was damaged while its extent was sealed, as its last, lies behind it once healed.
  const isExcused = excused.has("corrupt");
  const found = report.problems.filter(({ kind, where, message }) => {
    if (machine.isOfTakenFile(message) || machine.isOfTakenFile(where)) return false;
    const taken = extentOfPath(where.slice(where.indexOf(extentsDirectory)));
    if (kind === "stray" && taken !== undefined && machine.taken.has(taken)) return false;
    return !(isExcused && kind === "inconsistent");
  });
  if (found.length === 0) return;
  const problems = found.map(({ kind, where, message }) => `${kind} ${where}: ${message}`);
  throw new Violation(`C5: the store is not clean:\n${problems.join("\n")}`);
}

function checkHistory({ context: { history, values } }: ClientSession): void {
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
    counted += row.deadBytes;
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
      tasks.length > 0 && tasks.every(({ state }) => state === "idle") && uploads.length === 0;
    idle = isIdle ? idle + 1 : 0;
    const found = idle < idleLooks ? "the background never comes to an end" : await find();
    if (found === undefined) return;
    if (looks === looksMax) throw new Violation(`C5: ${found}`);
  }
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
        row.members.some(({ state }) => state !== "whole");
      if (!isReported) return `extent ${id} was taken away, and nobody says so`;
      continue;
    }
    if (row.state !== "open" && row.state !== "reconciled")
      return `extent ${id} stays ${row.state}`;
    // Data listed by a manifest that was taken away cannot be moved.
    const isWasteful =
      machine.taken.size === 0 && row.deadBytes > deadShare * (row.length - extentHeaderBytes);
    if (isWasteful) return `extent ${id} keeps ${row.deadBytes} dead bytes`;
    // It never had a file, and a manifest that was taken away may have referred to it: so its row
    // is kept.
    if (machine.taken.size > 0 && row.length === 0) continue;
    for (const { disk } of row.members) {
      const path = `${names.get(disk)}/${extentPath(id)}`;
      expected.add(path);
      // Its writer failed to make the file, and what was taken away might list it: then the row
      // stays.
      if (row.length === 0 && machine.taken.size > 0) needless.add(path);
    }
  }
  for (const disk of machine.disks) {
    for (const path of disk.files().keys()) {
      if (!path.startsWith(extentsDirectory) || expected.delete(`${disk.name}/${path}`)) continue;
      const extent = extentOfPath(path);
      // The file in its place is not ours.
      if (extent !== undefined && machine.taken.has(extent)) continue;
      return `${disk.name}/${path} is a stray: no extent has it`;
    }
  }
  const [lost] = [...expected].filter((path) => !needless.has(path));
  return lost === undefined ? undefined : `${lost} is not there`;
}

/**
 * All objects and uploads are gone: so must be all that was kept for them. Only what is open, and
 * empty, may stay.
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
