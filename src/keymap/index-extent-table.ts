import { assert } from "../base/assert.ts";
import type { Row } from "../engine/engine.ts";
import type { ExtentEntry, ExtentTable } from "../extent/extent-table.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import {
  decodeExtentRow,
  decodeLostExtentRow,
  encodeExtentRow,
  encodeLostExtentRow,
  lostExtentOf,
} from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { extentKey, idOfKey, lostExtentKey, space, spaceRange } from "../format/row-keys.ts";
import { nextId } from "./counters.ts";
import type { Keymap } from "./keymap.ts";
import { readRow } from "../engine/engine.ts";

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
      const row = await readRow(system, extentKey(id));
      return row && entryOf(row);
    },
    async replace(entry, row) {
      const key = extentKey(entry.id);
      const change = session.nextChangeId();
      const { outcome } = await system.commit({
        id: change,
        checks: [{ key, expect: entry.stamp }],
        puts: [{ key, value: encodeExtentRow(row) }, ...lostRowOf(entry.id, row)],
        deletes: noLongerLost(entry, row),
      });
      return outcome === "ok" ? { id: entry.id, row, stamp: change } : "conflict";
    },
    async remove(entry) {
      const key = extentKey(entry.id);
      const { outcome } = await system.commit({
        id: session.nextChangeId(),
        checks: [{ key, expect: entry.stamp }],
        puts: [],
        deletes: [key, ...noLongerLost(entry, undefined)],
      });
      return outcome;
    },
    async listLost(limit) {
      const rows = await system.scan(spaceRange(space.lostExtents), { limit });
      return rows.map(({ value }) => decodeLostExtentRow(value));
    },
    async list(after, limit) {
      const all = spaceRange(space.extents);
      // The next id.
      const start = after === undefined ? all.start : extentKey((after + 1) as ExtentId);
      return (await system.scan({ start, end: all.end }, { limit })).map(entryOf);
    },
  };
  return table;
}

function entryOf(row: Row): ExtentEntry {
  return { id: idOfKey<ExtentId>(row.key), row: decodeExtentRow(row.value), stamp: row.stamp };
}

function lostRowOf(id: ExtentId, row: ExtentRow): { key: Uint8Array; value: Uint8Array }[] {
  const lost = lostExtentOf(row);
  return lost === undefined ? [] : [{ key: lostExtentKey(id), value: encodeLostExtentRow(lost) }];
}

/** The key of the second row of the extent, if that has to go. */
function noLongerLost({ id, row }: ExtentEntry, next: ExtentRow | undefined): Uint8Array[] {
  const isLost = next !== undefined && lostExtentOf(next) !== undefined;
  return lostExtentOf(row) === undefined || isLost ? [] : [lostExtentKey(id)];
}
