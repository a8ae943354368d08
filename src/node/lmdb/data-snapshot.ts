import { readSync } from "node:fs";
import { open } from "node:fs/promises";
import { StoreError } from "../../base/errors.ts";
import type { Meta } from "./data-page.ts";
import { parseMeta } from "./data-page.ts";
import type { Database } from "./environment.ts";
import { dataFileOf } from "./environment.ts";

/** Pages of one moment, read from the data file itself. */
export interface DataSnapshot extends AsyncDisposable {
  readonly meta: Meta;
  /** Reads as many of the pages as there are. The bytes are the caller's. */
  read(page: number, count: number): Promise<Uint8Array>;
}

const metaBytes = 168;
/**
 * @limit A meta page that is being written is read again; a write of it takes some microseconds.
 */
const metaReadsMax = 100;

/**
 * The newest moment of an environment. A read transaction of the binding is open for as long: so no
 * writer of any process uses a page of this moment again. It begins before the meta page is read,
 * and what it protects is all of that moment and of every later one.
 */
export async function openDataSnapshot(database: Database, path: string): Promise<DataSnapshot> {
  database.resetReadTxn();
  const transaction = database.useReadTransaction();
  return openDataFile(path, () => transaction.done());
}

/**
 * The newest moment of a data file; `closed` is called in the end. Without a transaction: of one
 * that nobody has open.
 */
export async function openDataFile(path: string, closed: () => void): Promise<DataSnapshot> {
  try {
    const file = await open(dataFileOf(path), "r");
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    };
    try {
      const meta = readMeta(file.fd, path);
      return {
        meta,
        read: (page, count) => read(page * meta.pageBytes, count * meta.pageBytes),
        [Symbol.asyncDispose]: async () => {
          closed();
          await file.close();
        },
      };
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  } catch (thrown) {
    closed();
    throw thrown;
  }
}

/**
 * Reads without a turn of the event loop in between: under load the meta pages are written all the
 * time.
 */
function readMeta(file: number, path: string): Meta {
  const read = (offset: number): Meta => {
    const bytes = new Uint8Array(metaBytes);
    readSync(file, bytes, 0, metaBytes, offset);
    return parseMeta(bytes);
  };
  const { pageBytes } = read(0);
  let before = "";
  for (let i = 0; i < metaReadsMax; i++) {
    const first = read(0);
    const second = read(pageBytes);
    const newest = first.transaction > second.transaction ? first : second;
    const text = JSON.stringify(newest);
    if (text === before) return newest;
    before = text;
  }
  throw new StoreError(
    "unavailable",
    `index in ${path}: its meta pages kept changing while they were read`,
  );
}
