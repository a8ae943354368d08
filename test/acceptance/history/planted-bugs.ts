import type { PlantedBug } from "../../simulation/planted-bugs.ts";

/** Bugs of a real server that the judgement of histories must find; it counts only if it does. */
export const plantedBugs: readonly Omit<PlantedBug, "seed">[] = [
  {
    name: "reads take the head from a cache of their process for 50 ms",
    promise: "C2",
    file: "src/object/version/version-rows.ts",
    find: `  if (ref === undefined) {
    const head = await readHead(target);`,
    replace: `  if (ref === undefined) {
    const cache = (globalThis.plantedHeads ??= new Map());
    const name = target.bucket.id + String(target.key);
    const cached = cache.get(name);
    const isFresh = cached !== undefined && Date.now() - cached.at < 50;
    const head = isFresh ? cached.head : await readHead(target);
    if (!isFresh) cache.set(name, { head, at: Date.now() });`,
  },
  {
    name: "commits do not check what they have read",
    promise: "C2",
    file: "src/object/write/commit.ts",
    find: "checks: [fence, ...plan.checks],",
    replace: "checks: [fence],",
  },
  {
    name: "a null version stays when a suspended bucket gets another",
    promise: "C2",
    file: "src/object/write/commit-head.ts",
    find: "return { ...nothing, ...(replaced && planRowRemoval(replaced)), puts };",
    replace: "return { ...nothing, puts };",
  },
];
