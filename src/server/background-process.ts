import { Metrics } from "../admin/metrics.ts";
import { type Background, type BackgroundLimits, createBackground } from "../control/background.ts";
import { ExtentCensus } from "../control/extents/extent-census.ts";
import { IndexVerification } from "../control/index-verification.ts";
import type { SessionId } from "../format/ids.ts";
import { RestartingServices } from "./services.ts";
import type { Service } from "../platform/platform.ts";
import {
  sampleBackground,
  sampleCensus,
  sampleIndexDamage,
  sampleStore,
  sampleVerification,
} from "./store-metrics.ts";
import {
  openStoreCore,
  type StoreMachine,
  type StoreCore,
  type WriterLimits,
} from "./store-core.ts";
import type { TreeAnswer, TreeQuestion } from "./tree-questions.ts";

export interface BackgroundProcessOptions {
  readonly machine: StoreMachine;
  /** They have no reserve: compaction frees space, so it may use the last of it. */
  readonly writerLimits: Omit<WriterLimits, "reserveBytes">;
  readonly limits: Partial<BackgroundLimits>;
  /** Time from one verification of the index to the next. */
  readonly verifyIndexMs: number;
  /** True if the session's process still runs; other sessions are fenced. */
  readonly isAlive: (session: SessionId) => boolean;
}

/** The process that seals, drains, compacts and drops, one per store. */
export interface BackgroundProcess {
  readonly core: StoreCore;
  readonly background: Background;
  /** Services for runServices, each after those it needs. */
  readonly services: readonly Service[];
  readonly metrics: Metrics;
  /** Answers a question of another process of the tree. */
  answer(question: TreeQuestion): TreeAnswer;
  /** Called after the services have ended. Engines and disks are the caller's. */
  close(): Promise<void>;
}

export async function openBackground(
  options: BackgroundProcessOptions,
): Promise<BackgroundProcess> {
  const { machine, writerLimits, limits, verifyIndexMs, isAlive } = options;
  const core = await openStoreCore(machine, "background", { ...writerLimits, reserveBytes: 0 });
  const { engines, damage, keymap, table, writer, reader, services } = core;
  const { platform, disks } = machine;
  const census = new ExtentCensus({ clock: platform.clock, disks, keymap, table });
  const everyMs = verifyIndexMs;
  const verification = new IndexVerification({ platform, engines, damage, everyMs });
  const metrics = new Metrics();
  const restarting = new RestartingServices(platform, metrics);
  const background = createBackground({
    platform,
    disks,
    ...core,
    isAlive,
    limits,
    keep: (loop) => restarting.wrap(loop),
    observers: [census, verification],
  });
  sampleStore(metrics, machine.engines, writer);
  sampleBackground(metrics, background);
  sampleCensus(metrics, () => census.last);
  sampleIndexDamage(metrics, damage);
  sampleVerification(metrics, verification);
  return {
    core,
    background,
    services: [...services.map((service) => restarting.wrap(service)), background],
    metrics,
    answer: ({ kind }) => (kind === "metrics" ? { families: metrics.read() } : {}),
    close: () => reader.close(),
  };
}
