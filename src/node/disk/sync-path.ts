import { closeSync, fsyncSync, openSync } from "node:fs";

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
