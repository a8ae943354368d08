import { afterKey } from "../base/bytes.ts";
import type { KeyRange } from "../format/row-keys.ts";
import type { EngineReader, Row, ScanOptions } from "./engine.ts";
import { scanRowsMax } from "./engine.ts";

/** Reads all rows of a range that is known to hold few. */
export async function scanAll(reader: EngineReader, range: KeyRange): Promise<Row[]> {
  const all: Row[] = [];
  for await (const rows of scanPages(reader, range, scanRowsMax)) all.push(...rows);
  return all;
}

/**
 * All rows of a range in key order, by pages of at most `limit`, each of its own moment. No page is
 * empty. A row that is not as it was written is left out where `onDamaged` is given.
 */
export async function* scanPages(
  reader: EngineReader,
  range: KeyRange,
  limit: number,
  onDamaged?: ScanOptions["onDamaged"],
): AsyncGenerator<Row[], void, undefined> {
  let { start } = range;
  for (;;) {
    const rows = await reader.scan({ start, end: range.end }, { limit, onDamaged });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < limit) return;
    start = afterKey(last.key);
  }
}
