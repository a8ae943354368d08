import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { plantedModule, root } from "./markers.ts";
import type { PlantedBug } from "./planted-bug.ts";

/** Hands a copy of the program that has the bug to `use`, and removes it afterwards. */
export async function withPlanted<T>(
  bug: PlantedBug,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const { url, text } = plantedModule(bug);
  const copy = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  try {
    for (const part of ["src", "bin", "package.json"]) {
      await cp(join(root, part), join(copy, part), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    await writeFile(join(copy, relative(root, fileURLToPath(url))), text);
    return await use(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
