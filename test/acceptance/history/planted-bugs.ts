import type { PlantedBug } from "../../simulation/planted-bugs.ts";

/** Bugs of a real server that the judgement of histories must find; it counts only if it does. */
export const plantedBugs: readonly Omit<PlantedBug, "seed">[] = [
  {
    name: "reads take the head from a cache of their process for 50 ms",
    promise: "C2",
    file: "src/object/version/open-version.ts",
    find: "  if (ref === undefined) return whenReady(readHead(target), currentObject);",
    replace: `  if (ref === undefined) {
    const cache = (globalThis.plantedHeads ??= new Map());
    const name = target.bucket.id + String(target.key);
    const cached = cache.get(name);
    if (cached !== undefined && Date.now() - cached.at < 50) return currentObject(cached.head);
    return whenReady(readHead(target), (head) => {
      cache.set(name, { head, at: Date.now() });
      return currentObject(head);
    });
  }`,
  },
  {
    name: "commits do not check what they have read",
    promise: "C2",
    file: "src/rows/commit.ts",
    find: "checks: [fence, ...plan.checks],",
    replace: "checks: [fence],",
  },
  {
    name: "a null version stays when a suspended bucket gets another",
    promise: "C2",
    file: "src/rows/version-changes.ts",
    find: "...(replaced && planRowRemoval(replaced)),",
    replace: "...(replaced && noRows),",
  },
];
