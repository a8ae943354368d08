// Loaded before the program into each process of a server under test (--import, with the folder of
// the orders in the query): operations on a disk stall, and syncs of it fail, as the test orders.
import fs, { existsSync, unlinkSync } from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { failSyncOrder, stallOrder } from "./fault-orders.ts";

/*
 * A stalled operation holds a thread of libuv's pool, as one on a real disk does: it opens a FIFO,
 * which waits in the kernel until the test opens the other end.
 */

const orders = new URL(import.meta.url).searchParams.get("orders") ?? "";
const paths = new Map<number, string>();
const { open: openFile, statfs, readdir, mkdir, rename, unlink } = promises;
const { writev } = fs;

async function stall(path: string): Promise<void> {
  const fifo = stallOrder(orders, path);
  if (fifo === undefined || !existsSync(fifo)) return;
  try {
    const held = await openFile(fifo, "r");
    await held.close();
  } catch {
    // The stall has ended meanwhile.
  }
}

/** True once for each order. */
function failsSync(path: string): boolean {
  const order = failSyncOrder(orders, path);
  if (order === undefined || !existsSync(order)) return false;
  try {
    unlinkSync(order);
    return true;
  } catch {
    return false; // another process was ordered so, too, and was first
  }
}

const syncFailure = (path: string): Error =>
  Object.assign(new Error(`EIO: i/o error, fdatasync '${path}' (ordered)`), { code: "EIO" });

function faulty(handle: FileHandle, path: string): FileHandle {
  const { fd } = handle;
  paths.set(fd, path);
  const own = {
    read: handle.read.bind(handle),
    datasync: handle.datasync.bind(handle),
    close: handle.close.bind(handle),
  };
  const read = async (...parameters: Parameters<typeof own.read>): Promise<unknown> => {
    await stall(path);
    return own.read(...parameters);
  };
  const datasync = async (): Promise<void> => {
    await stall(path);
    if (failsSync(path)) throw syncFailure(path);
    await own.datasync();
  };
  const close = (): Promise<void> => {
    paths.delete(fd);
    return own.close();
  };
  return Object.assign(handle, { read, datasync, close });
}

promises.open = async (path, flags, mode) => {
  const text = String(path);
  await stall(text);
  const handle = await openFile(path, flags, mode);
  return stallOrder(orders, text) === undefined ? handle : faulty(handle, text);
};

/** The same operation, which waits while the disk of its first parameter stalls. */
function stalling<P extends readonly [unknown, ...unknown[]], T>(
  operation: (...parameters: P) => Promise<T>,
): (...parameters: P) => Promise<T> {
  return async (...parameters) => {
    await stall(String(parameters[0]));
    return operation(...parameters);
  };
}
promises.statfs = stalling(statfs) as typeof statfs; // one of its forms stands for all
promises.readdir = stalling(readdir) as typeof readdir;
promises.mkdir = stalling(mkdir) as typeof mkdir;
promises.rename = stalling(rename);
promises.unlink = stalling(unlink);

function writevFaulty(...parameters: Parameters<typeof writev>): void {
  const [fd] = parameters;
  const path = paths.get(fd);
  if (path === undefined) {
    writev(...parameters);
    return;
  }
  const done = parameters.at(-1) as (error: Error) => void; // its last parameter
  void stall(path).then(() => {
    // A write may be one that syncs.
    if (failsSync(path)) done(syncFailure(path));
    else writev(...parameters);
  });
}
fs.writev = writevFaulty as typeof writev; // it is not called as a promise
syncBuiltinESMExports();
