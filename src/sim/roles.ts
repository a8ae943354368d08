import { createBackground } from "../control/background.ts";
import { checkStore } from "../control/check.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ObjectStore } from "../object/object-store.ts";
import type { Platform } from "../platform/platform.ts";
import { runServices } from "../server/run-services.ts";
import { isAlive } from "../server/session-roster.ts";
import type { StoreParts } from "../server/store-parts.ts";
import { openStoreParts } from "../server/store-parts.ts";
import type { Machine, RunningProcess } from "./machine.ts";
import { numberOf } from "./machine.ts";

// What the processes of a machine run: the composition of server/, without HTTP.

const engineName = "index";
/** Of an extent: more than that must not stay dead. */
export const deadShare = 0.3;
/** Short, so that little virtual time brings much to happen. */
const sealAfterMs = 5000;
const backgroundLimits = {
  deadShare,
  restShare: 1,
  idleMs: 1000,
  oldReadMs: 120_000,
  bucketSweepMs: 10_000,
};

export async function runFrontEnd(
  machine: Machine,
  running: RunningProcess,
  platform: Platform,
): Promise<void> {
  await withParts(machine, running, platform, async (parts) => {
    running.store = storeOf(platform, parts);
    await runServices(parts.services, running.stop.signal);
  });
}

export async function runBackground(
  machine: Machine,
  running: RunningProcess,
  platform: Platform,
): Promise<void> {
  await withParts(machine, running, platform, async (parts) => {
    const background = createBackground({
      platform,
      ...parts,
      isAlive: (session) => isAlive(machine.register.roster(), session),
      limits: backgroundLimits,
    });
    running.background = background;
    running.check = () => checkStore({ platform, ...parts, signal: new AbortController().signal });
    await runServices([...parts.services, background], running.stop.signal);
  });
}

export function storeOf(platform: Platform, parts: StoreParts): ObjectStore {
  const { keymap, writer, reader, reads } = parts;
  return { platform, keymap, writer, reader, reads, region: "us-east-1" };
}

async function withParts(
  machine: Machine,
  { process, role }: RunningProcess,
  platform: Platform,
  use: (parts: StoreParts & { readonly disks: ExtentDisks }) => Promise<void>,
): Promise<void> {
  const engine = machine.engine.open(process);
  const disks = await machine.disksFor(process);
  const engines = new Map([[engineName, engine]]);
  const limits = { extentBytes: machine.options.extentBytes, reserveBytes: 0, sealAfterMs };
  const kind = role === "front end" ? "front-end" : "background";
  const parts = await openStoreParts({ platform, engines, disks }, kind, limits);
  machine.register.opened(numberOf(process), parts.keymap.session.id);
  await use({ ...parts, disks });
  await parts.reader.close();
  await engine.close();
}
