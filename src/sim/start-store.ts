import type { Engine } from "../engine/engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { Platform } from "../platform/platform.ts";
import { beginGeneration, claimIndex, requireOwnIndex } from "../server/index-ownership.ts";
import { engineName } from "./roles.ts";

/**
 * Does the supervisor's part of a start, before any other process opens the index; returns the
 * generation that begins.
 */
export async function startStore(
  platform: Platform,
  index: Engine,
  disks: ExtentDisks,
): Promise<number> {
  await claimIndex({ platform, index, engineName, disks }, "the simulated machine");
  const { generation } = await requireOwnIndex({ platform, index, disks });
  return beginGeneration({ platform, index, disks }, generation);
}
