import type { Choice, KeySpace } from "./key-space.ts";
import type { Target } from "./s3-client.ts";
import type { Shares } from "./shares.ts";

export const operations = ["put", "get", "head", "delete", "list", "multipart", "ranged"] as const;
export type Operation = (typeof operations)[number];

/** Everything a process of the load needs to know. */
export interface Plan {
  readonly target: Target;
  readonly mix: Shares<Operation>;
  readonly space: KeySpace;
  readonly choice: Choice;
  /** Requests at a time, over all processes. */
  readonly concurrency: number;
  readonly processes: number;
  /** The first of these that comes ends the run. */
  readonly seconds: number;
  readonly countMax: number;
  /** True if requests under way after `seconds` are broken off, and not waited for. */
  readonly breaksOff?: boolean;
  /** Before anything is measured. */
  readonly warmupSeconds: number;
  /** The share of reads whose bytes are compared, from 0 to 1. */
  readonly verify: number;
  /** True if the digests of bodies are signed. */
  readonly signPayload: boolean;
  readonly pageKeys: number;
  readonly delimiter: string;
  readonly partBytes: number;
  readonly rangeBytes: number;
}

/** True if objects must be there before the load begins. */
export function needsObjects(plan: Pick<Plan, "mix">): boolean {
  return plan.mix.some(([operation]) => operation !== "put" && operation !== "multipart");
}

/** The plan that stores every object of another one, once. */
export function loadingPlan(plan: Plan): Plan {
  const once = { countMax: plan.space.count, seconds: Infinity, warmupSeconds: 0 };
  return { ...plan, ...once, mix: [["put", 1]] };
}

/** How many of `total` turns fall to one of the processes, which take them in turn. */
export function shareOf(total: number, processes: number, process: number): number {
  if (total === Infinity) return Infinity;
  return Math.floor(total / processes) + (process < total % processes ? 1 : 0);
}
