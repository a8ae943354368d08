import { instead, type PlantedBug, replaced, without } from "../../planted/planted-bug.ts";

/** Bugs of a real server that the judgement of histories must find; it counts only if it does. */
export const serverBugs: readonly PlantedBug[] = [
  {
    name: "reads take the head from a cache of their process for 50 ms",
    breaks: "C2",
    marker: "head-read-from-index",
    change: instead(`if (ref === undefined) {
    const cache = (globalThis.plantedHeads ??= new Map());
    const name = target.bucket.id + String(target.key);
    const cached = cache.get(name);
    if (cached !== undefined && Date.now() - cached.at < 50) return currentObject(cached.head);
    return whenReady(readHead(target), (head) => {
      cache.set(name, { head, at: Date.now() });
      return currentObject(head);
    });
  }`),
  },
  {
    name: "commits do not check what they have read",
    breaks: "C2",
    marker: "read-rows-unchanged",
    change: without(", ...plan.checks"),
  },
  {
    name: "a null version stays when a suspended bucket gets another",
    breaks: "C2",
    marker: "null-version-replaced",
    change: replaced("planRowRemoval(replaced)", "noRows"),
  },
];
