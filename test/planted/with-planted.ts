import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMarkers, root, withBug } from "./markers.ts";
import type { PlantedBug } from "./planted-bug.ts";

/** Hands a copy of the program that has the bug to `use`, and removes it afterwards. */
export async function withPlanted<T>(
  bug: PlantedBug,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const marker = findMarkers().find(({ name }) => name === bug.marker);
  if (marker === undefined) throw new Error(`no marker ${bug.marker} for: ${bug.name}`);
  const copy = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  try {
    for (const part of ["src", "bin", "package.json"]) {
      await cp(join(root, part), join(copy, part), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    const file = join(copy, marker.path);
    await writeFile(file, withBug(await readFile(file, "utf8"), marker, bug));
    return await use(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
