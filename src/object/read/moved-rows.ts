import type { Ready } from "../../base/ready.ts";
import { isStoreError } from "../../base/errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Target } from "../target.ts";
import { readAgain, type Version } from "../../rows/versions.ts";

/*
 * Compaction copies live chunks, flips the rows that refer to them, and drops the old extent once
 * every read that began before has ended. A reader may hold a row from before its read was
 * announced to the tracker, so it can find an extent gone; then it reads the row again, and from
 * then on the tracker keeps what that row refers to. The version may have moved between head and
 * versions space meanwhile; the blob id says that it is the same. Each further try needs another
 * such move of the same row, so there are few.
 */

/**
 * The row as it is now, if a read failed because its data has moved; else throws what the read
 * failed with.
 */
export async function rowAfterMove(
  target: Target,
  before: Version,
  error: unknown,
): Promise<Version> {
  if (!isStoreError(error, "missing")) throw error;
  const now = await readAgain(target, before.row);
  // An unchanged row means that its data is really missing.
  if (now === undefined || now.stamp === before.stamp) throw error;
  return now;
}

/**
 * Does something short with the data of a row, again where it has moved; without a promise where
 * `use` needs none.
 */
export function followingMoves<T>(
  store: ObjectStore,
  target: Target,
  version: Version,
  use: (version: Version) => Ready<T>,
): Ready<T> {
  const answer = use(version);
  if (!(answer instanceof Promise)) return answer;
  return followed(store, target, version, { answer, use });
}

async function followed<T>(
  store: ObjectStore,
  target: Target,
  version: Version,
  { answer, use }: { answer: Promise<T>; use: (version: Version) => Ready<T> },
): Promise<T> {
  const ended = store.reads.begin();
  try {
    let current = version;
    for (let next: Ready<T> = answer; ; next = use(current)) {
      try {
        return await next;
      } catch (error) {
        current = await rowAfterMove(target, current, error);
      }
    }
  } finally {
    ended();
  }
}
