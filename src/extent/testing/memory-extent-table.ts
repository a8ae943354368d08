import type { ChangeId, DiskId, ExtentId, SessionId } from "../../format/ids.ts";
import { composeId } from "../../format/ids.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import { shortExtentOf } from "../../format/extent-row.ts";
import type { ExtentEntry, ExtentTable, ShortExtent } from "../extent-table.ts";

/** The extent table as a Map, for tests of the storage plane alone. `before` may throw. */
export class MemoryExtentTable implements ExtentTable {
  readonly entries = new Map<ExtentId, ExtentEntry>();
  before: (method: "create" | "get" | "replace" | "remove" | "list") => void = () => {};
  /** A disk that takes no new members. */
  refuses: DiskId | undefined;
  #changes = 0;

  async create(row: ExtentRow): Promise<ExtentEntry | { readonly refusedBy: DiskId }> {
    this.before("create");
    const refused = row.members.find(({ disk }) => disk === this.refuses);
    if (refused !== undefined) return { refusedBy: refused.disk };
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

  async listShort(after: ExtentId | undefined, limit: number): Promise<ShortExtent[]> {
    const found = [...this.entries.values()].flatMap(({ id, row }) => {
      const short = shortExtentOf(row);
      return short === undefined || id <= (after ?? -1) ? [] : [{ id, short }];
    });
    return found.sort((a, b) => a.id - b.id).slice(0, limit);
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
