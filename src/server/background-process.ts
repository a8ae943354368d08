import { Metrics } from "../admin/metrics.ts";
import { type BackgroundStatistics, createBackground } from "../control/background.ts";
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
import { openStoreParts, type StoreMachine } from "./store-parts.ts";
import type { TreeAnswer, TreeQuestion } from "./tree-questions.ts";

export interface BackgroundProcessOptions {
  readonly machine: StoreMachine;
  readonly sealAfterMs?: number | undefined;
  /** Share of an extent that is dead when it is compacted. */
  readonly compactAt?: number | undefined;
  /** Unfinished uploads that are idle for as many days are ended; 0: none is. */
  readonly uploadIdleDays?: number | undefined;
  /** Time from one verification of the index to the next. */
  readonly verifyIndexMs: number;
  /** True if the session's process still runs; other sessions are fenced. */
  readonly isAlive: (session: SessionId) => boolean;
}

/** The process that seals, drains, compacts and drops, one per store. */
export interface BackgroundProcess {
  readonly session: SessionId;
  /** Services for runServices, each after those it needs. */
  readonly services: readonly Service[];
  readonly metrics: Metrics;
  /** Answers a question of another process of the tree. */
  answer(question: TreeQuestion): TreeAnswer;
  statistics(): BackgroundStatistics;
  /** Called after the services have ended. Engines and disks are the caller's. */
  close(): Promise<void>;
}

export async function openBackground(
  options: BackgroundProcessOptions,
): Promise<BackgroundProcess> {
  const { machine, sealAfterMs, compactAt, uploadIdleDays = 0, verifyIndexMs, isAlive } = options;
  // Compaction frees space, so it may use the reserve.
  const limits = { sealAfterMs, reserveBytes: 0 };
  const parts = await openStoreParts(machine, "background", limits);
  const { engines, damage, keymap, table, writer, reader, reads, services } = parts;
  const { platform, disks } = machine;
  const census = new ExtentCensus({ clock: platform.clock, disks, keymap, table });
  const everyMs = verifyIndexMs;
  const verification = new IndexVerification({ platform, engines, damage, everyMs });
  const metrics = new Metrics();
  const restarting = new RestartingServices(platform, metrics);
  const background = createBackground({
    platform,
    keep: (loop) => restarting.wrap(loop),
    disks: machine.disks,
    damage,
    keymap,
    table,
    writer,
    reader,
    reads,
    isAlive,
    limits: {
      ...(compactAt === undefined ? {} : { deadShare: compactAt }),
      uploadIdleMs: uploadIdleDays === 0 ? undefined : uploadIdleDays * 24 * 3_600_000,
    },
    observers: [census, verification],
  });
  sampleStore(metrics, machine.engines, writer);
  sampleBackground(metrics, background);
  sampleCensus(metrics, () => census.last);
  sampleIndexDamage(metrics, damage);
  sampleVerification(metrics, verification);
  return {
    session: keymap.session.id,
    services: [...services.map((service) => restarting.wrap(service)), background],
    metrics,
    answer: ({ kind }) => (kind === "metrics" ? { families: metrics.read() } : {}),
    statistics: () => background.statistics(),
    close: () => reader.close(),
  };
}
