import type { Scene } from "../scene.ts";

// What can happen to the disks of a store: each family of scenarios has a file next to this one,
// and a line in test/loss.ts.

export interface Scenario {
  readonly name: string;
  /** True if it takes a store in three zones. */
  readonly needsZones?: boolean;
  /** True if it needs a store in which nothing else happens; otherwise the load runs meanwhile. */
  readonly isQuiet?: boolean;
  /** Why it cannot run on this machine; undefined if it can. */
  readonly cannotRun?: () => string | undefined;
  /** Returns a short note (figures). */
  readonly run: (scene: Scene) => Promise<string>;
}

/** All disks are there and take writes, and nothing is below its redundancy. */
export async function wholeAgain(scene: Scene): Promise<string> {
  const { load, store } = scene;
  await load.during(
    store.until("all disks are well", ({ disks }) =>
      disks.every(({ isMounted, state }) => isMounted && state === "ok"),
    ),
  );
  return scene.saysHealed("once all disks are well");
}

/** All extents are reconciled, and nothing is below its redundancy: comes where nobody writes. */
export async function nothingUnderWay({ store }: Scene): Promise<void> {
  await store.until("nothing is under way", ({ stored, redundancy }) => {
    const { open = 0, sealed = 0, settled = 0, dropping = 0 } = stored?.extents ?? { open: 1 };
    return open + sealed + settled + dropping === 0 && redundancy?.isWhole === true;
  });
}

/** So many of the list, in an order of chance. */
export function pickSome<T>(from: readonly T[], count: number): T[] {
  const left = [...from];
  return Array.from({ length: Math.min(count, left.length) }, () => {
    return left.splice(Math.floor(Math.random() * left.length), 1)[0]!; // not empty
  });
}

/** One of the list. */
export function pickOne<T>(from: readonly T[]): T {
  return pickSome(from, 1)[0]!; // not empty
}
