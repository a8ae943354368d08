import { createHash } from "../platform/hash.ts";
import type { LmdbEngine, LmdbOptions } from "../lmdb/lmdb-engine.ts";
import { hasEnvironment, makeEnvironment, openLmdbEngine } from "../lmdb/lmdb-engine.ts";

/** The index at a path, which is made where there is none; without a reserve, and silent, unless told otherwise. */
export function openTestIndex(path: string, more: Partial<LmdbOptions> = {}): Promise<LmdbEngine> {
  if (!hasEnvironment(path)) makeEnvironment(path);
  return openLmdbEngine({
    path,
    hash: createHash(),
    log: () => undefined,
    reserveBytes: 0,
    ...more,
  });
}
