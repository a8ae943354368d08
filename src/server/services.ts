import type { Metrics } from "../admin/metrics.ts";
import { aborted } from "../base/ready.ts";
import { isStoreError, messageOf, StoreError } from "../base/errors.ts";
import type { Platform, Service } from "../platform/platform.ts";

/**
 * Runs services that stand on one another, lowest first, until the signal aborts or one of them
 * ends by itself; then stops them from the top, each once the one above it has ended. Throws the
 * first failure, after all have ended.
 */
export async function runServices(
  services: readonly Service[],
  signal: AbortSignal,
): Promise<void> {
  const running = services.map((service) => {
    const stop = new AbortController();
    return { service, stop, ended: settled(service, stop.signal) };
  });
  const stopped = aborted(signal);
  const first = await Promise.race([
    stopped.then(() => "stop" as const),
    ...running.map(({ ended }) => ended),
  ]);
  const failures: unknown[] = first === "stop" ? [] : [first.failure];
  for (const { stop, ended } of running.toReversed()) {
    stop.abort();
    const { failure } = await ended;
    if (failure !== undefined && first === "stop") failures.push(failure);
  }
  if (failures.length > 0) throw failures[0];
}

interface Ended {
  readonly failure: unknown;
}

async function settled(service: Service, signal: AbortSignal): Promise<Ended> {
  try {
    await service.run(signal);
  } catch (failure) {
    return { failure };
  }
  if (signal.aborted) return { failure: undefined };
  return { failure: new StoreError("unavailable", `${service.name} ended without a stop`) };
}

/**
 * @limit Between the failure of a service and its next run; it doubles while the service keeps
 * failing.
 */
const rerunMinMs = 1_000;
/** @limit The longest time from a failure to the next run. */
const rerunMaxMs = 60_000;

/**
 * Keeps services running that others need, whatever they throw: a process that serves goes on
 * serving while one of its services fails, and the failure is logged, counted and tried again. Only
 * the end of this process's session is passed on, since nothing it does can succeed any more.
 * Services must be able to run again after they threw.
 */
export class RestartingServices {
  readonly #platform: Pick<Platform, "clock" | "log">;
  readonly #failures = new Map<string, number>();

  constructor(platform: Pick<Platform, "clock" | "log">, metrics: Metrics) {
    this.#platform = platform;
    metrics.sampled(
      "counter",
      "holdfast_service_failures_total",
      "Services of a process that failed and were restarted; the log has the reason.",
      () => [...this.#failures].map(([name, count]) => [[name], count]),
      ["service"],
    );
  }

  /** The same service, begun again whenever it throws. */
  wrap(service: Service): Service {
    this.#failures.set(service.name, 0);
    return { name: service.name, run: (signal) => this.#run(service, signal) };
  }

  async #run(service: Service, signal: AbortSignal): Promise<void> {
    const { clock } = this.#platform;
    let pauseMs = rerunMinMs;
    for (;;) {
      const beganMs = clock.monotonicMs();
      const failure = await failureOf(service, signal);
      if (failure === undefined) return;
      if (isStoreError(failure, "fenced")) throw failure;
      if (clock.monotonicMs() - beganMs > rerunMaxMs) pauseMs = rerunMinMs;
      this.#logFailure(service.name, failure, pauseMs);
      if (signal.aborted) return; // what it left open is closed like that of a dead process
      await clock.sleep(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, rerunMaxMs);
    }
  }

  #logFailure(service: string, failure: unknown, againInMs: number): void {
    this.#failures.set(service, (this.#failures.get(service) ?? 0) + 1);
    const stack = failure instanceof Error && !isStoreError(failure) ? failure.stack : undefined;
    const fields = { service, message: messageOf(failure), againInMs, stack };
    this.#platform.log("error", "service_failed", fields);
  }
}

/** Undefined where it ended as it was asked to. */
async function failureOf(service: Service, signal: AbortSignal): Promise<unknown> {
  try {
    await service.run(signal);
  } catch (failure) {
    return failure ?? new Error("threw nothing");
  }
  if (signal.aborted) return undefined;
  return new StoreError("unavailable", `${service.name} ended without a stop`);
}
