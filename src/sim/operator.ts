import type { DiskAction, DiskFields } from "../admin/disk-pages.ts";
import { isStoreError, messageOf } from "../base/errors.ts";
import { isRefusal } from "../base/refusal.ts";
import type { DiskRow } from "../format/disk-row.ts";
import type { Machine } from "./machine.ts";

/** One that was refused, or whose front end died, asks again after this long. */
const againMs = 5000;

/** Asks a front end for something to be done with disks, until it is done; true if it was. */
export async function askUntilDone(
  machine: Machine,
  action: DiskAction,
  fields: DiskFields,
  isWanted: () => boolean,
): Promise<boolean> {
  const { scheduler } = machine.options;
  while (isWanted()) {
    if (await ask(machine, action, fields)) return true;
    await new Promise<void>((resolve) => void scheduler.after(againMs, resolve));
  }
  return false;
}

/** Puts back to use whatever disk is out, or is being emptied. */
export async function resumeDisks(machine: Machine, rows: readonly DiskRow[]): Promise<void> {
  for (const { name, state } of rows) {
    if (state === "active" || state === "removed") continue;
    await askUntilDone(machine, "resume", { disk: name }, () => true);
  }
}

async function ask(machine: Machine, action: DiskAction, fields: DiskFields): Promise<boolean> {
  const running = machine.running.find(({ access }) => access.disks !== undefined);
  const { disks } = running?.access ?? {};
  if (running === undefined || disks === undefined) return false;
  const asked = disks.carryOut(action, fields).then(
    (answer) => (isRefusal(answer) ? (answer.message ?? answer.refusal) : undefined),
    (error: unknown) => {
      if (!isStoreError(error)) machine.fail(error);
      return messageOf(error);
    },
  );
  const refused = await Promise.race([asked, running.died.then(() => "its process died")]);
  machine.log("operator", `${action} ${fields.disk}: ${refused ?? "done"}`);
  return refused === undefined;
}
