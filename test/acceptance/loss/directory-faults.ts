import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/*
 * What befalls the directory of a disk, while it is served or while it is not. Nothing is deleted:
 * what was there stands beside it, under another name.
 */

const away = (directory: string): string => `${directory}-away`;
const copy = (directory: string): string => `${directory}-copy`;

/** The disk dies, or is pulled out: its directory is gone. */
export function takeAway(directory: string): void {
  renameSync(directory, away(directory));
}

export function putBack(directory: string): void {
  renameSync(away(directory), directory);
}

/** Its file system is unmounted: the directory that it was mounted on is there, and empty. */
export function unmount(directory: string): void {
  takeAway(directory);
  mkdirSync(directory);
}

/** Mounts it again; nothing must have been written to where it was not mounted. */
export function mountAgain(directory: string): void {
  assert.deepEqual(readdirSync(directory), [], `C9: ${directory} was not mounted`);
  rmdirSync(directory);
  putBack(directory);
}

/** Somebody deletes everything in it. */
export function empty(directory: string): void {
  mkdirSync(away(directory));
  for (const name of readdirSync(directory)) {
    renameSync(join(directory, name), join(away(directory), name));
  }
}

/** Puts back what was deleted; what was made meanwhile goes. */
export function fillAgain(directory: string): void {
  rmSync(directory, { recursive: true });
  putBack(directory);
}

/** Each disk stands where the other one was. */
export function swap(one: string, other: string): void {
  renameSync(one, away(one));
  renameSync(other, one);
  renameSync(away(one), other);
}

/** Copies the files of a disk as they are, for `putCopyBack`. */
export function takeCopy(directory: string): void {
  cpSync(directory, copy(directory), { recursive: true });
}

/** The disk has the files that it had when they were copied. */
export function putCopyBack(directory: string): void {
  takeAway(directory);
  renameSync(copy(directory), directory);
}

/** Forgets the files that it had before its copy was put back. */
export function endCopy(directory: string): void {
  rmSync(away(directory), { recursive: true });
}

/** Another directory stands where the disk's was. */
export function replaceBy(directory: string, other: string): void {
  takeAway(directory);
  renameSync(other, directory);
}

/** Takes what stands there instead away, and puts the disk back. */
export function endReplacing(directory: string, other: string): void {
  renameSync(directory, other);
  putBack(directory);
}

/** The files of a directory with their sizes. */
export function filesIn(directory: string): readonly (readonly [string, number])[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => [name, statSync(join(directory, name)).size] as const);
}
