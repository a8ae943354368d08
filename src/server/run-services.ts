import { aborted } from "../base/aborted.ts";
import { StoreError } from "../base/errors.ts";
import type { Service } from "../platform/platform.ts";

/**
 * Runs services that stand on one another, lowest first, until the signal aborts or one of them ends by itself; then
 * stops them from the top, each once the one above it has ended. Throws the first failure, after all have ended.
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
  return { failure: new StoreError("unavailable", `${service.name} ended although not asked to`) };
}
