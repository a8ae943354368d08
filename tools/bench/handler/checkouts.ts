import { existsSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

/** A checkout whose code is measured: this one, or another one to compare it with. */
export interface Checkout {
  readonly name: string;
  readonly root: string;
}

const root = resolve(import.meta.dirname, "../../..");
/** The path of this folder in its checkout. */
const place = relative(root, import.meta.dirname);

/** This checkout and, where one is named, the one that it is compared with. */
export function checkoutsOf(against: string | undefined): readonly Checkout[] {
  const ours = { name: "this", root };
  return against === undefined ? [ours] : [ours, { name: "other", root: resolve(against) }];
}

/**
 * A script of this folder as that checkout has it: each knows how its own front end is composed.
 * Other versions may have the folder elsewhere.
 */
export function scriptOf(checkout: Checkout, name: string): string {
  const folder = place.split(sep).slice(1);
  for (const top of ["tools", "scripts"]) {
    const path = join(checkout.root, top, ...folder, name);
    if (existsSync(path)) return path;
  }
  throw new Error(`${checkout.root} has no ${join(...folder, name)}: it is older than the script`);
}

/** The environment of a worker in the process tree. */
export const workerEnvironment = { UV_THREADPOOL_SIZE: "16", MALLOC_ARENA_MAX: "2" } as const;
