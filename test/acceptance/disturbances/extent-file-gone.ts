import { statSync } from "node:fs";
import { join } from "node:path";
import type { Disturbance } from "./disturbance.ts";
import { extentPaths } from "./removed-files.ts";

/** The newest, mostly: it is being written to. */
function pickFile(directory: string): string | undefined {
  const byAge = extentPaths(directory)
    .map((path) => ({ path, changedMs: statSync(join(directory, path)).mtimeMs }))
    .toSorted((a, b) => b.changedMs - a.changedMs);
  const at = Math.random() < 0.6 ? 0 : Math.floor(Math.random() * byAge.length);
  return byAge[at]?.path;
}

function removal(name: string, how: "removed" | "emptied"): Disturbance {
  return {
    name,
    weight: 1,
    strike: async ({ directories, removed }) => {
      const directory = directories[Math.floor(Math.random() * directories.length)] ?? "";
      const path = pickFile(directory);
      if (path !== undefined) removed.take(directory, path, how);
      return "goes on";
    },
  };
}

export const fileRemoved = removal("extent file removed", "removed");
export const fileEmptied = removal("extent file replaced by an empty one", "emptied");
