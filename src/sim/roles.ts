import type { Platform } from "../platform/platform.ts";
import { runServices } from "../server/run-services.ts";
import { openStoreParts } from "../server/store-parts.ts";
import type { Machine, RunningProcess } from "./machine.ts";
import { numberOf } from "./machine.ts";

// What the processes of a machine run: the composition of server/, without HTTP.

const engineName = "index";

export async function runFrontEnd(
  machine: Machine,
  running: RunningProcess,
  platform: Platform,
): Promise<void> {
  const { process, stop } = running;
  const engine = machine.engine.open(process);
  const disks = await machine.disksFor(process);
  const engines = new Map([[engineName, engine]]);
  const { extentBytes } = machine.options;
  const limits = { extentBytes, reserveBytes: 0, sealAfterMs: 60_000 };
  const parts = await openStoreParts({ platform, engines, disks }, "front-end", limits);
  const { keymap, writer, reader, reads, services } = parts;
  machine.register.opened(numberOf(process), keymap.session.id);
  running.store = { platform, keymap, writer, reader, reads, region: "us-east-1" };
  await runServices(services, stop.signal);
  await reader.close();
  await engine.close();
}

export async function runBackground(
  _machine: Machine,
  running: RunningProcess,
  platform: Platform,
): Promise<void> {
  while (!running.stop.signal.aborted) await platform.clock.sleep(1000, running.stop.signal);
}
