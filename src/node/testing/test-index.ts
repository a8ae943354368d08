import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { bytesOf, ChangeMaker } from "../../engine/suite/rows.suite.ts";
import { type DataPage, parseMeta, parsePage } from "../lmdb/data-page.ts";
import { dataFileOf } from "../lmdb/environment.ts";
import {
  hasEnvironment,
  type LmdbEngine,
  type LmdbOptions,
  makeEnvironment,
  openLmdbEngine,
} from "../lmdb/lmdb-engine.ts";
import { createHash } from "../platform/hash.ts";

/**
 * The index at a path, which is made where there is none; without a reserve, and silent, unless the
 * options say otherwise.
 */
export function openTestIndex(path: string, more: Partial<LmdbOptions> = {}): Promise<LmdbEngine> {
  if (!hasEnvironment(path)) makeEnvironment(path);
  return openLmdbEngine({
    path,
    hash: createHash(),
    log: () => undefined,
    reserveBytes: 0,
    ...more,
  });
}

const changes = new ChangeMaker();

export const keyOf = (i: number): string => `key/${String(i).padStart(5, "0")}`;

/**
 * An index with rows of many sizes, some on pages of their own; replaced and removed, so that pages
 * are free.
 */
export async function fillIndex(path: string, rows: number): Promise<void> {
  const engine = await openTestIndex(path);
  for (let round = 0; round < 3; round++) {
    const commits = Array.from({ length: rows }, (_, i) => {
      const key = bytesOf(keyOf(i));
      const value = new Uint8Array((i * 37 * (round + 1)) % (i % 50 === 0 ? 9000 : 400)).fill(i);
      const isRemoved = round === 1 && i % 3 === 0;
      return engine.commit(
        isRemoved ? changes.change({ deletes: [key] }) : changes.put({ key, value }),
      );
    });
    await Promise.all(commits);
  }
  await engine.close();
}

/*
 * Damages the data file of an environment that nobody has open, as a disk does that returns wrong
 * bytes. Pages are chosen among those in use, so that each flip hits something.
 */

export interface UsedPage {
  readonly page: number;
  readonly kind: DataPage["kind"];
  /** Where it stands in the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly parsed: DataPage;
}

/** The pages of the rows, as the newest meta page has them. */
export function usedPages(path: string): UsedPage[] {
  const file = readFileSync(dataFileOf(path));
  const first = parseMeta(file);
  const second = parseMeta(file.subarray(first.pageBytes));
  const { rows, pageBytes } = first.transaction > second.transaction ? first : second;
  const found: UsedPage[] = [];
  const visit = (page: number): void => {
    const offset = page * pageBytes;
    const bytes = Uint8Array.prototype.slice.call(file, offset, offset + pageBytes);
    const parsed = parsePage(bytes, page);
    found.push({ page, kind: parsed.kind, offset, bytes, parsed });
    if (parsed.kind === "branch") for (const { child } of parsed.nodes) visit(child);
  };
  if (rows.depth > 0) visit(rows.page);
  return found;
}

/** Flips a bit, or takes the flip back. */
export function flipBit(path: string, offset: number, bit: number): void {
  const byte = readFileSync(dataFileOf(path))[offset] ?? 0;
  const file = openSync(dataFileOf(path), "r+");
  writeSync(file, Uint8Array.of(byte ^ (1 << bit)), 0, 1, offset);
  closeSync(file);
}

/** Where a text stands in a page for the first time; below 0 where it does not. */
export function offsetOf({ bytes, offset }: UsedPage, text: string): number {
  const at = Buffer.from(bytes).indexOf(text, 0, "latin1");
  return at < 0 ? -1 : offset + at;
}
