import { assert } from "../base/assert.ts";
import type { Row } from "../engine/engine.ts";
import type { ExtentEntry, ExtentTable } from "../extent/extent-table.ts";
import { decodeExtentRow, encodeExtentRow } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { extentKey, idOfKey, space, spaceRange } from "../format/row-keys.ts";
import { nextId } from "./counters.ts";
import type { Keymap } from "./keymap.ts";

export function createExtentTable(keymap: Keymap): ExtentTable {
  const { system, session } = keymap;
  const table: ExtentTable = {
    async create(row) {
      const id = (await nextId(keymap, "extents")) as ExtentId; // what that counter counts
      const key = extentKey(id);
      const change = session.nextChangeId();
      const { outcome } = await system.commit({
        id: change,
        checks: [{ key, expect: "absent" }],
        puts: [{ key, value: encodeExtentRow(row) }],
        deletes: [],
      });
      assert(outcome === "ok", `extent ${id} exists although its id is new`);
      return { id, row, stamp: change };
    },
    async get(id) {
      const row = await system.get(extentKey(id));
      return row && entryOf(row);
    },
    async replace(entry, row) {
      const key = extentKey(entry.id);
      const change = session.nextChangeId();
      const { outcome } = await system.commit({
        id: change,
        checks: [{ key, expect: entry.stamp }],
        puts: [{ key, value: encodeExtentRow(row) }],
        deletes: [],
      });
      return outcome === "ok" ? { id: entry.id, row, stamp: change } : "conflict";
    },
    async remove(entry) {
      const key = extentKey(entry.id);
      const { outcome } = await system.commit({
        id: session.nextChangeId(),
        checks: [{ key, expect: entry.stamp }],
        puts: [],
        deletes: [key],
      });
      return outcome;
    },
    async list(after, limit) {
      const all = spaceRange(space.extents);
      const start = after === undefined ? all.start : extentKey((after + 1) as ExtentId); // the next id
      return (await system.scan({ start, end: all.end }, { limit })).map(entryOf);
    },
  };
  return table;
}

function entryOf(row: Row): ExtentEntry {
  return { id: idOfKey<ExtentId>(row.key), row: decodeExtentRow(row.value), stamp: row.stamp };
}
