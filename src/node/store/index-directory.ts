import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeStoreIdentity,
  type StoreIdentity,
  storeIdentityFile,
} from "../../format/data-directory.ts";

/**
 * The data directory that holds the index, for commands that are given some of a store: one of
 * them, or one that they know of. The first of them where none is known to hold it.
 */
export function indexDirectoryOf(paths: readonly string[]): string {
  const others = paths.flatMap((path) => identityAt(path)?.otherDirectories ?? []);
  const home = [...paths, ...others].find((path) => identityAt(path)?.holdsIndex === true);
  return home ?? paths[0] ?? "";
}

/** Undefined where there is none that can be read: who opens the directory says what is wrong. */
function identityAt(path: string): StoreIdentity | undefined {
  try {
    return decodeStoreIdentity(readFileSync(join(path, storeIdentityFile), "utf8"), path);
  } catch {
    return undefined;
  }
}
