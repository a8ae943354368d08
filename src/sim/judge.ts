import { extentPath, extentsDirectory } from "../extent/extent-files.ts";
import { deleteBucket } from "../object/buckets.ts";
import { deleteObject } from "../object/delete.ts";
import { Violation } from "./history.ts";
import type { Machine } from "./machine.ts";
import { readEverything } from "./workload.ts";
import type { Session } from "./workload/context.ts";

/*
 * What must hold when nothing goes wrong any more. Everything acknowledged can be read (C1 to C4). Once the background
 * worker has nothing left to do, files and extent table agree; and when all is deleted, nothing is left of it (C5).
 */

/** Looks at the background worker, this far apart. */
const lookMs = 1000;
/** Idle at so many looks in a row: each of its workers has looked for work since. */
const idleLooks = 8;
/** It has nothing to do by then, or never will. */
const looksMax = 3600;
/** Time for extents to age and be sealed, so that the background sees all there is. */
const agingMs = 90_000;

export async function judge(session: Session): Promise<void> {
  const { context } = session;
  const { machine } = context;
  await readEverything(session, context);
  await untilIdle(session);
  await checkFiles(machine);
  await readEverything(session, context);
  await deleteEverything(session);
  await untilIdle(session);
  await checkFiles(machine);
  await checkNothingLeft(machine);
}

/** Until the background worker finds nothing to do, again and again. */
async function untilIdle(session: Session): Promise<void> {
  await session.sleep(agingMs);
  let idle = 0;
  for (let looks = 0; idle < idleLooks; looks++) {
    if (looks > looksMax) throw new Violation("C5: the background never comes to an end");
    await session.sleep(lookMs);
    const worker = session.context.machine.running.find(
      ({ background }) => background !== undefined,
    );
    const workers = worker?.background?.statistics().workers ?? [];
    const isIdle = workers.length > 0 && workers.every(({ state }) => state === "idle");
    idle = isIdle ? idle + 1 : 0;
  }
}

/** Each extent has its file on the disk the table says, and there is no other file. */
async function checkFiles(machine: Machine): Promise<void> {
  const ids = await machine.diskIds();
  const expected = new Set<string>();
  for (const { id, row } of await machine.engine.extents()) {
    for (const { disk } of row.members) {
      const path = `${ids.get(disk)}/${extentPath(id)}`;
      expected.add(path);
    }
  }
  for (const disk of machine.disks) {
    for (const path of disk.files().keys()) {
      if (!path.startsWith(extentsDirectory)) continue;
      if (expected.delete(`${disk.name}/${path}`)) continue;
      throw new Violation(`C5: ${disk.name}/${path} is a stray: no extent has it`);
    }
  }
  const [lost] = expected;
  if (lost !== undefined) throw new Violation(`C5: ${lost} is not there`);
}

async function deleteEverything(session: Session): Promise<void> {
  const { buckets, keys } = session.context;
  for (const bucket of buckets) {
    for (const key of keys) {
      await expectDone(session, `delete ${bucket}`, (store) =>
        deleteObject(store, { bucket, key, condition: { kind: "always" } }),
      );
    }
    await expectDone(session, `delete-bucket ${bucket}`, (store) => deleteBucket(store, bucket));
  }
}

async function expectDone(
  session: Session,
  what: string,
  operation: Parameters<typeof session.attempt<{ deleted: true }>>[1],
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

/** All objects and uploads are gone: so must be all extents but those that are open, and empty. */
async function checkNothingLeft(machine: Machine): Promise<void> {
  for (const { id, row } of await machine.engine.extents()) {
    if (row.state === "open") continue;
    const what = `${row.state}, ${row.deadBytes} of ${row.length} bytes known to be dead`;
    throw new Violation(`C5: everything was deleted, but extent ${id} is left: ${what}`);
  }
}
