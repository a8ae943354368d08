import { assert } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Check, EngineReader, Row } from "../engine/engine.ts";
import type { ExtentEntry, ExtentTable } from "../extent/extent-table.ts";
import { decodeDiskRow } from "../format/disk-row.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import {
  decodeExtentRow,
  decodeShortExtentRow,
  encodeExtentRow,
  encodeShortExtentRow,
  filesOf,
  shortExtentOf,
} from "../format/extent-row.ts";
import { type DiskId, type ExtentId, idText } from "../format/ids.ts";
import {
  diskKey,
  extentKey,
  idOfKey,
  shortExtentKey,
  space,
  spaceRange,
} from "../format/row-keys.ts";
import { nextId } from "./counters.ts";
import type { Keymap } from "./keymap.ts";
import { readRow } from "../engine/engine.ts";

export function createExtentTable(keymap: Keymap): ExtentTable {
  const { system, session } = keymap;
  const table: ExtentTable = {
    async create(row) {
      const onDisks = await membersTaken(system, disksOf(row));
      if ("refusedBy" in onDisks) return onDisks;
      const id = (await nextId(keymap, "extents")) as ExtentId; // what that counter counts
      const key = extentKey(id);
      const change = session.nextChangeId();
      // holds: C5 no-member-on-a-disk-that-goes
      const checks: Check[] = [{ key, expect: "absent" }, ...onDisks.checks];
      const puts = [{ key, value: encodeExtentRow(row) }];
      const result = await system.commit({ id: change, checks, puts, deletes: [] });
      if (result.outcome === "ok") return { id, row, stamp: change };
      assert(!equalBytes(result.key, key), `extent ${id} exists although its id is new`);
      return table.create(row); // a disk changed meanwhile, which is rare
    },
    async get(id) {
      const row = await readRow(system, extentKey(id));
      return row && entryOf(row);
    },
    async replace(entry, row) {
      const key = extentKey(entry.id);
      const change = session.nextChangeId();
      const before = disksOf(entry.row);
      const added = [...disksOf(row)].filter((disk) => !before.has(disk));
      const onDisks = added.length === 0 ? { checks: [] } : await membersTaken(system, added);
      if ("refusedBy" in onDisks) throw takesNone(onDisks.refusedBy);
      // holds: C5 no-file-on-a-disk-that-goes
      const checks: Check[] = [{ key, expect: entry.stamp }, ...onDisks.checks];
      const { outcome } = await system.commit({
        id: change,
        checks,
        puts: [{ key, value: encodeExtentRow(row) }, ...shortRowOf(entry.id, row)],
        deletes: noLongerShort(entry, row),
      });
      return outcome === "ok" ? { id: entry.id, row, stamp: change } : "conflict";
    },
    async remove(entry) {
      const key = extentKey(entry.id);
      const { outcome } = await system.commit({
        id: session.nextChangeId(),
        checks: [{ key, expect: entry.stamp }],
        puts: [],
        deletes: [key, ...noLongerShort(entry, undefined)],
      });
      return outcome;
    },
    async listShort(after, limit) {
      const all = spaceRange(space.shortExtents);
      const start = after === undefined ? all.start : shortExtentKey((after + 1) as ExtentId);
      const rows = await system.scan({ start, end: all.end }, { limit });
      return rows.map(({ key, value }) => {
        return { id: idOfKey<ExtentId>(key), short: decodeShortExtentRow(value) };
      });
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

/**
 * Checks that hold while the disks of all members take new ones; or the disk that does not. So
 * once the registry says that a disk takes none, no extent comes to it any more. A disk that the
 * registry does not know takes them.
 */
async function membersTaken(
  system: EngineReader,
  disks: Iterable<DiskId>,
): Promise<{ readonly checks: readonly Check[] } | { readonly refusedBy: DiskId }> {
  const keys = Array.from(disks, diskKey);
  const rows = await system.read(keys);
  for (const found of rows) {
    if (found === undefined) continue;
    const { disk, state } = decodeDiskRow(found.value);
    if (state !== "active") return { refusedBy: disk };
  }
  return { checks: keys.map((key, i) => ({ key, expect: rows[i]?.stamp ?? "absent" })) };
}

function disksOf(row: ExtentRow): ReadonlySet<DiskId> {
  return new Set(filesOf(row).map(({ disk }) => disk));
}

function takesNone(disk: DiskId): StoreError {
  return new StoreError("unavailable", `disk ${idText(disk)} takes no new data any more`);
}

function entryOf(row: Row): ExtentEntry {
  return { id: idOfKey<ExtentId>(row.key), row: decodeExtentRow(row.value), stamp: row.stamp };
}

function shortRowOf(id: ExtentId, row: ExtentRow): { key: Uint8Array; value: Uint8Array }[] {
  const short = shortExtentOf(row);
  return short === undefined
    ? []
    : [{ key: shortExtentKey(id), value: encodeShortExtentRow(short) }];
}

/** The key of the second row of the extent, if that has to go. */
function noLongerShort({ id, row }: ExtentEntry, next: ExtentRow | undefined): Uint8Array[] {
  const isShort = next !== undefined && shortExtentOf(next) !== undefined;
  return shortExtentOf(row) === undefined || isShort ? [] : [shortExtentKey(id)];
}
