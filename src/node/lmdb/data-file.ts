import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";
import { StoreError } from "../../base/errors.ts";

/*
 * A look at the data file before LMDB opens it: the binding (3.5.6) ends the process with a
 * segmentation fault when opening fails, so what would fail is found out here. The first two pages
 * are LMDB's meta pages; each begins
 *
 *     page number 8 | transaction 8 | 0 2 | flags 2 | 0 4
 *     magic 4 | version 4 | … 16 | page size 4
 */

const flagsAt = 18;
const metaPageFlag = 0x08;
const magicAt = 24;
const magic = 0xbeefc0de;
const versionAt = 28;
const versionKnown = 2;
const pageSizeAt = 48;
const headBytes = 64;
const little = endianness() === "LE";

/**
 * Throws what is wrong with the file: the system's error where it cannot be written, StoreError
 * otherwise.
 */
export function assertDataFile(path: string): void {
  accessSync(path, constants.R_OK | constants.W_OK);
  const file = openSync(path, "r");
  try {
    const pageSize = readMeta(file, 0, path);
    readMeta(file, pageSize, path);
  } finally {
    closeSync(file);
  }
}

function readMeta(file: number, offset: number, path: string): number {
  const head = new DataView(new ArrayBuffer(headBytes));
  const wrong = (why: string): StoreError =>
    new StoreError("corrupt", `${path}: ${why} at ${offset}`);
  if (readSync(file, head, 0, headBytes, offset) < headBytes) throw wrong("the file ends");
  const isMeta = (head.getUint16(flagsAt, little) & metaPageFlag) !== 0;
  if (!isMeta || head.getUint32(magicAt, little) !== magic) throw wrong("no LMDB meta page");
  const version = head.getUint32(versionAt, little) & 0xffff;
  if (version !== versionKnown) {
    const message = `${path}: LMDB format ${version}, this software knows ${versionKnown}`;
    throw new StoreError("unsupported_format", `${message}: start the version that wrote it`);
  }
  const pageSize = head.getUint32(pageSizeAt, little);
  if (pageSize < 256 || pageSize > 65536) throw wrong(`page size ${pageSize}`);
  return pageSize;
}

/**
 * Checks that the data file that was opened is still the one at its path. Where it was moved away,
 * removed or replaced while we run, every commit would go into a file that nobody opens again.
 */
export class DataFilePlace {
  readonly #path: string;
  /** Held open, so that no other file gets its number. */
  readonly #descriptor: number;
  readonly #device: number;
  readonly #inode: number;

  /** Made before the environment is opened. StoreError `missing` where there is no data file. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, "r");
    } catch (cause) {
      throw new StoreError("missing", `there is no index: ${path} does not exist`, { cause });
    }
    const { dev, ino } = fstatSync(this.#descriptor);
    this.#device = dev;
    this.#inode = ino;
  }

  /** One system call, about 2 µs. A file that cannot be looked at is not kept. */
  isKept(): boolean {
    try {
      const there = statSync(this.#path, { throwIfNoEntry: false });
      return there?.ino === this.#inode && there.dev === this.#device;
    } catch {
      return false;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
