import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/*
 * What the disks of a running server are to do, as files in a folder that ./faulty-disks.ts looks
 * at before each operation: a FIFO for a stall, a file for one sync that fails.
 */

/** A path on a disk; the disk's name is its first group. */
const onDisk = /\/(disk\d+(?:-new)*)(?:\/|$)/;
/** The same for the file of an extent. */
const extentFile = /\/(disk\d+(?:-new)*)\/extents\//;

export function stallOrder(orders: string, path: string): string | undefined {
  const disk = onDisk.exec(path)?.[1];
  return disk === undefined ? undefined : join(orders, `stall-${disk}`);
}

export function failSyncOrder(orders: string, path: string): string | undefined {
  const disk = extentFile.exec(path)?.[1];
  return disk === undefined ? undefined : join(orders, `fail-sync-${disk}`);
}

/** NODE_OPTIONS for a server whose disks take orders. */
export function takingOrders(orders: string): string {
  const url = pathToFileURL(resolve(import.meta.dirname, "faulty-disks.ts"));
  url.searchParams.set("orders", orders);
  return `--import=${url.href}`;
}

/** All operations on a disk wait from now on, each in a thread of its own; returns what ends it. */
export function beginStall(orders: string, directory: string): () => void {
  const fifo = stallOrder(orders, directory) ?? "";
  execFileSync("mkfifo", [fifo]);
  return () => {
    // Nobody comes to wait any more, and those who wait find the other end open.
    renameSync(fifo, `${fifo}-over`);
    const end = openSync(`${fifo}-over`, "r+");
    setTimeout(() => {
      closeSync(end);
      rmSync(`${fifo}-over`);
    }, 1000);
  };
}

/** The next sync on the disk fails; returns whether it has. */
export function failOneSync(orders: string, directory: string): () => boolean {
  const order = failSyncOrder(orders, join(directory, "extents/x")) ?? "";
  writeFileSync(order, "");
  return () => !existsSync(order);
}
