import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../platform/platform.ts";
import { runServices } from "./run-services.ts";

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

test("services: one that ends although not asked to is a failure", async () => {
  const quitter: Service = { name: "quitter", run: () => Promise.resolve() };
  const running = runServices([quitter], new AbortController().signal);
  await assert.rejects(running, /quitter ended although not asked to/);
});
