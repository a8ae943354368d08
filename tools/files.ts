import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Files below a folder whose name passes, sorted, so that runs are alike. */
export function findFiles(folder: string, accept: (name: string) => boolean): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : findFiles(path, accept);
      return accept(entry.name) ? [path] : [];
    })
    .sort();
}
