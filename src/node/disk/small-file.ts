import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf, StoreError } from "../../base/errors.ts";
import type { Log } from "../../platform/platform.ts";

// Small files written durably. Those that hold secrets, and directories that hold what is stored,
// only their owner may read.

const othersRights = 0o077;

/** Takes others' rights to a directory away, and with them all rights to what is in it. */
export function makePrivate(directory: string, log: Log): void {
  if (process.platform === "win32") return;
  const { mode } = statSync(directory);
  if ((mode & othersRights) === 0) return;
  try {
    chmodSync(directory, mode & 0o700);
  } catch (cause) {
    const fix = `chmod 700 ${directory}`;
    log("warn", "data_directory_readable_by_others", { directory, why: messageOf(cause), fix });
  }
}

/** Undefined where there is none. Refuses a file that others can read. */
export function readPrivateFile(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  if (process.platform !== "win32" && (statSync(path).mode & othersRights) !== 0) {
    throw new StoreError("invalid", `${path} can be read by others: chmod 600 ${path}`);
  }
  return readFileSync(path, "utf8");
}

/** Writes a file, whole or not at all, durable before anything depends on it. */
export function writePrivateFile(path: string, text: string): void {
  const unfinished = `${path}.new`;
  const file = openSync(unfinished, "w", 0o600);
  try {
    chmodSync(unfinished, 0o600); // one left by a crash keeps its mode otherwise
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncPath(dirname(path));
}

/**
 * Makes a file's bytes, or the names in a directory, durable. For starts and other rare moments: it
 * blocks.
 */
export function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
