import { afterKey } from "../../base/bytes.ts";
import type { StoreError } from "../../base/errors.ts";
import type { Row } from "../../engine/engine.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import type { CheckNotes } from "./report.ts";

/** @limit Rows read at once: 1 MiB where each is large (2 KiB of metadata). */
const rowsAtOnce = 500;

/** The rows of a range, a page at a time. A row that cannot be read is a problem, and left out. */
export async function* scanRows(
  partition: Partition,
  range: KeyRange,
  notes: CheckNotes,
): AsyncGenerator<Row, void, undefined> {
  const onDamaged = (thrown: StoreError): void =>
    notes.problem("corrupt", `a row of partition ${partition.id}`, thrown.message);
  let { start } = range;
  for (;;) {
    const rows = await partition.scan({ start, end: range.end }, { limit: rowsAtOnce, onDamaged });
    for (const row of rows) yield row;
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsAtOnce) return;
    start = afterKey(last.key);
  }
}
