import type { ChangeId, ExtentId, SessionId } from "../../format/ids.ts";
import { composeId } from "../../format/ids.ts";
import type { ExtentRow, LostExtentRow } from "../../format/extent-row.ts";
import { lostExtentOf } from "../../format/extent-row.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";

/** The extent table as a Map, for tests of the storage plane alone. `before` may throw. */
export class MemoryExtentTable implements ExtentTable {
  readonly entries = new Map<ExtentId, ExtentEntry>();
  before: (method: "create" | "get" | "replace" | "remove" | "list") => void = () => {};
  #changes = 0;

  async create(row: ExtentRow): Promise<ExtentEntry> {
    this.before("create");
    return this.#put((this.#changes + 1) as ExtentId, row); // a number not used before
  }

  async get(id: ExtentId): Promise<ExtentEntry | undefined> {
    this.before("get");
    return this.entries.get(id);
  }

  async replace(entry: ExtentEntry, row: ExtentRow): Promise<ExtentEntry | "conflict"> {
    this.before("replace");
    if (this.entries.get(entry.id)?.stamp !== entry.stamp) return "conflict";
    return this.#put(entry.id, row);
  }

  async remove(entry: ExtentEntry): Promise<"ok" | "conflict"> {
    this.before("remove");
    if (this.entries.get(entry.id)?.stamp !== entry.stamp) return "conflict";
    this.entries.delete(entry.id);
    return "ok";
  }

  async listLost(limit: number): Promise<LostExtentRow[]> {
    const lost = [...this.entries.values()].flatMap(({ row }) => lostExtentOf(row) ?? []);
    return lost.slice(0, limit);
  }

  async list(after: ExtentId | undefined, limit: number): Promise<ExtentEntry[]> {
    this.before("list");
    const inOrder = [...this.entries.values()].sort((a, b) => a.id - b.id);
    return inOrder.filter(({ id }) => after === undefined || id > after).slice(0, limit);
  }

  #put(id: ExtentId, row: ExtentRow): ExtentEntry {
    const stamp = composeId<ChangeId>(0 as SessionId, ++this.#changes); // both only made up here
    const entry = { id, row, stamp };
    this.entries.set(id, entry);
    return entry;
  }
}
