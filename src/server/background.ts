import { Metrics } from "../admin/metrics.ts";
import type { SessionId } from "../format/ids.ts";
import type { Service } from "../platform/service.ts";
import { sampleStore } from "./store-metrics.ts";
import { openStoreParts, type StoreMachine, type WriterLimits } from "./store-parts.ts";

export interface BackgroundOptions {
  readonly machine: StoreMachine;
  readonly limits: WriterLimits;
  /** Share of an extent that is dead when it is compacted. */
  readonly compactAt: number;
  /** Whether a session's process still runs; those of which it does not are fenced. */
  readonly isAlive: (session: SessionId) => boolean;
}

/** The process that seals, drains, compacts and drops, one per store. */
export interface BackgroundProcess {
  readonly session: SessionId;
  /** In the order they stand on one another, for runServices. */
  readonly services: readonly Service[];
  readonly metrics: Metrics;
  /** After the services have ended. Engines and disks are the caller's. */
  close(): Promise<void>;
}

export async function openBackground(options: BackgroundOptions): Promise<BackgroundProcess> {
  const { machine, limits } = options;
  const { keymap, writer, reader, services } = await openStoreParts(machine, "background", limits);
  const metrics = new Metrics();
  sampleStore(metrics, machine.engines, writer);
  return {
    session: keymap.session.id,
    services,
    metrics,
    close: () => reader.close(),
  };
}
