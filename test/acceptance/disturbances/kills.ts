import assert from "node:assert/strict";
import { type ProcessInfo, processTree, untilGone } from "../processes.ts";
import { type Disturbance, pick } from "./disturbance.ts";
import type { HoldfastServer } from "../holdfast-server.ts";

/**
 * The processes that the supervisor has started: two workers and the background one, but for what
 * was killed lately.
 */
export function childrenOf({ pid }: HoldfastServer): readonly ProcessInfo[] {
  return processTree(pid).slice(1);
}

export const workerKilled: Disturbance = {
  name: "worker killed",
  weight: 6,
  strike: async ({ server }) => {
    const children = childrenOf(server);
    assert.ok(children.length > 0, "the server has processes");
    process.kill(pick(children).pid, "SIGKILL");
    return "goes on";
  },
};

/** The processes that it started end with it, by themselves. */
export const supervisorKilled: Disturbance = {
  name: "supervisor killed",
  weight: 2,
  strike: async ({ server }) => {
    const tree = processTree(server.pid);
    process.kill(server.pid, "SIGKILL");
    await server.ended();
    await untilGone(tree);
    return "ended";
  },
};

export const treeKilled: Disturbance = {
  name: "all killed",
  weight: 2,
  strike: async ({ server }) => {
    const tree = processTree(server.pid);
    for (const { pid } of tree) process.kill(pid, "SIGKILL");
    await server.ended();
    await untilGone(tree);
    return "ended";
  },
};
