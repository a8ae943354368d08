import { afterKey, toHex } from "../../base/bytes.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import type { Row } from "../../engine/engine.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import type { CheckNotes } from "./report.ts";

/** Rows read at once: 1 MiB where each is large (2 KiB of metadata). */
const rowsAtOnce = 500;

/**
 * The rows of a range, a page at a time. A row that cannot be read is a problem; what comes behind it in the range is not
 * reached then, which the problem says.
 */
export async function* scanRows(
  partition: Partition,
  range: KeyRange,
  notes: CheckNotes,
): AsyncGenerator<Row, void, undefined> {
  let { start } = range;
  let limit = rowsAtOnce;
  for (;;) {
    let rows: Row[];
    try {
      rows = await partition.scan({ start, end: range.end }, { limit });
    } catch (thrown) {
      if (!isStoreError(thrown, "corrupt")) throw thrown;
      if (limit > 1) {
        // Up to the bad row, one by one.
        limit = 1;
        continue;
      }
      const where = `rows of partition ${partition.id} from ${toHex(start)}`;
      notes.problem("corrupt", where, `${messageOf(thrown)}; not checked from here on`);
      return;
    }
    for (const row of rows) yield row;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    start = afterKey(last.key);
  }
}
