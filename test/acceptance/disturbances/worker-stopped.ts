import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { isAlive, untilGone } from "../processes.ts";
import { type Disturbance, pick } from "./disturbance.ts";
import { childrenOf } from "./kills.ts";

/**
 * A process is stopped in the middle of anything, as with SIGSTOP by hand or by a debugger, and
 * goes on later as if nothing had happened, where it was not killed meanwhile: it must not be
 * silent for long.
 */
export const workerStopped: Disturbance = {
  name: "worker stopped",
  weight: 2,
  strike: async ({ server, stopMsMax, silenceMs }) => {
    const child = pick(childrenOf(server));
    const forMs = stopMsMax * Math.random();
    process.kill(child.pid, "SIGSTOP");
    const stop = performance.now();
    while (isAlive(child.pid) && performance.now() - stop < forMs) await sleep(20);
    // Twice: what watches is on a busy machine, too. Then it is awaited, as long as it takes.
    const mustBeGone = forMs > 2 * silenceMs;
    if (mustBeGone) await untilGone([child]);
    else if (isAlive(child.pid)) process.kill(child.pid, "SIGCONT");
    assert.ok(server.running, "the server has ended");
    return "goes on";
  },
};
