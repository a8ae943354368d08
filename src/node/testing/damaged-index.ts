import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { parseMeta, parsePage } from "../lmdb/data-page.ts";
import type { DataPage } from "../lmdb/data-page.ts";
import { dataFileOf } from "../lmdb/environment.ts";

/*
 * Damages the data file of an environment that nobody has open, as a disk does that returns wrong bytes. Pages are chosen
 * among those in use, so that each flip hits something.
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
