import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, prometheusText } from "../admin/metrics.ts";
import { StoreError } from "../base/errors.ts";
import type { Clock, Service } from "../platform/platform.ts";
import { RestartingServices, runServices } from "./services.ts";

function recorded(name: string, events: string[], fails?: Error): Service {
  return {
    name,
    async run(signal) {
      events.push(`start ${name}`);
      if (fails !== undefined) throw fails;
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      events.push(`end ${name}`);
    },
  };
}

test("services: start from the lowest, stop from the top, one after the other", async () => {
  const events: string[] = [];
  const stop = new AbortController();
  const running = runServices(
    ["a", "b"].map((name) => recorded(name, events)),
    stop.signal,
  );
  stop.abort();
  await running;
  assert.deepEqual(events, ["start a", "start b", "end b", "end a"]);
});

test("services: the failure of one stops the others and is thrown", async () => {
  const events: string[] = [];
  const services = [recorded("a", events), recorded("b", events, new Error("broken"))];
  await assert.rejects(runServices(services, new AbortController().signal), /broken/);
  assert.deepEqual(events, ["start a", "start b", "end a"]);
});

test("services: one that ends without a stop is a failure", async () => {
  const quitter: Service = { name: "quitter", run: () => Promise.resolve() };
  const running = runServices([quitter], new AbortController().signal);
  await assert.rejects(running, /quitter ended without a stop/);
});

function kept(run: Service["run"]) {
  const sleeps: number[] = [];
  const events: string[] = [];
  const clock: Pick<Clock, "monotonicMs" | "sleep"> = {
    monotonicMs: () => 0,
    sleep: (ms) => {
      sleeps.push(ms);
      return Promise.resolve();
    },
  };
  const log = (_level: string, event: string): void => void events.push(event);
  const metrics = new Metrics();
  // The cast holds, since no more of a clock is used.
  const services = new RestartingServices({ clock: clock as Clock, log }, metrics);
  const page = () => prometheusText([{ process: "p", families: metrics.read() }]);
  return { service: services.wrap({ name: "service", run }), sleeps, events, page };
}

test("C8: a service that throws is logged, counted and begun again, ever more slowly", async () => {
  const stop = new AbortController();
  let runs = 0;
  const { service, sleeps, events, page } = kept(() => {
    runs++;
    if (runs === 9) stop.abort();
    if (runs === 3) return Promise.resolve(); // it ends without a stop
    return runs < 9 ? Promise.reject(new TypeError("a bug")) : Promise.resolve();
  });
  await service.run(stop.signal);
  assert.equal(runs, 9);
  assert.deepEqual(sleeps, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(events, Array.from({ length: 8 }).fill("service_failed"));
  assert.match(page(), /holdfast_service_failures_total\{.*service="service"\} 8\n/);
});

test("the end of the session ends a service permanently", async () => {
  const fenced = new StoreError("fenced", "ended by another");
  const { service, events } = kept(() => Promise.reject(fenced));
  await assert.rejects(service.run(new AbortController().signal), fenced);
  assert.deepEqual(events, []);
});
