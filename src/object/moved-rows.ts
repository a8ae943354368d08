import { isStoreError } from "../base/errors.ts";
import type { Head } from "./commit-head.ts";
import { objectOf, readHead } from "./commit-head.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Target } from "./target.ts";

/*
 * Compaction copies live chunks, flips the rows that refer to them, and drops the old extent once
 * every read that began before has ended. A reader may hold a row from before its read was
 * announced to the tracker, so it can find an extent gone; then it reads the row again, and from
 * then on the tracker keeps what that row refers to. It goes on if the row still stands for the
 * same bytes: the blob id says so. Each further try needs another such move of the same row, so
 * there are few.
 */

/**
 * The row as it is now, if a read failed because its data has moved; else throws what the read
 * failed with.
 */
export async function rowAfterMove(target: Target, before: Head, error: unknown): Promise<Head> {
  if (!isStoreError(error, "missing")) throw error;
  const now = await readHead(target);
  // An unchanged row means that its data is really missing.
  if (now === undefined || now.stamp === before.stamp) throw error;
  if (objectOf(now)?.blob !== before.row.blob) throw error;
  return now;
}

/** Does something short with the data of a row, again where it has moved. */
export async function followingMoves<T>(
  store: ObjectStore,
  target: Target,
  head: Head,
  use: (head: Head) => Promise<T>,
): Promise<T> {
  const ended = store.reads.begin();
  try {
    for (let current = head; ;) {
      try {
        return await use(current);
      } catch (error) {
        current = await rowAfterMove(target, current, error);
      }
    }
  } finally {
    ended();
  }
}
