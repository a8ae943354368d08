import { toHex } from "../../base/bytes.ts";
import type { Change, Row } from "../../engine/engine.ts";
import type { ExtentRow, ExtentState } from "../../format/extent-row.ts";
import { decodeExtentRow, filesOf } from "../../format/extent-row.ts";
import type { BlobId, ChangeId, SessionId } from "../../format/ids.ts";
import { idText, sessionOfId } from "../../format/ids.ts";
import { decodeObjectRow } from "../../format/object-row.ts";
import type { MemberName } from "../../extent/extent-member.ts";
import {
  extentKey,
  headKey,
  idOfKey,
  parseHeadKey,
  parseRoutedKey,
  rowKeyOf,
  space,
  versionKey,
} from "../../format/row-keys.ts";
import { decodeCounterRow } from "../../format/system-rows.ts";

/*
 * Checks with each commit that the index never does what it must not, for some wrongs heal before
 * anybody could see what came of them: a batch of garbage added up twice only has an extent
 * compacted too early, and then the sum is gone.
 */

const stateOrder: readonly ExtentState[] = ["open", "sealed", "settled", "reconciled", "dropping"];

interface VersionSeen {
  readonly order: number;
  readonly blob: BlobId;
}

function partitionOf(storedKey: Uint8Array): string {
  const prefixBytes = storedKey.length - rowKeyOf(storedKey).length;
  return prefixBytes === 0
    ? "the system partition"
    : `partition ${toHex(storedKey.subarray(1, prefixBytes))}`;
}

export class IndexWatch {
  readonly #counters = new Map<string, number>();
  /** Undefined: it was removed, and its id is never used again. */
  readonly #extents = new Map<string, ExtentRow | undefined>();
  /** Layouts of extents that rows ever stated files of. */
  readonly #stated = new Set<string>();
  /** Sessions fenced, by partition. */
  readonly #fenced = new Set<string>();
  /** The change that began the epoch of each partition. */
  readonly #epochs = new Map<string, ChangeId>();
  /** The version that each head is. */
  readonly #heads = new Map<string, VersionSeen>();
  /** The older versions, by their keys. */
  readonly #older = new Map<string, VersionSeen>();
  readonly #partsPerCommit: number;

  /** @param partsPerCommit rows of parts that one commit may take away */
  constructor(partsPerCommit: number) {
    this.#partsPerCommit = partsPerCommit;
  }

  /** Forgets what it saw, and goes on from these rows, of an index that was put back. */
  begin(rows: readonly Row[]): void {
    const seen = [this.#counters, this.#extents, this.#fenced, this.#epochs];
    for (const each of [...seen, this.#heads, this.#older]) each.clear();
    for (const { key, value, stamp } of rows) {
      const rowKey = rowKeyOf(key);
      const id = toHex(rowKey);
      switch (rowKey[0]) {
        case space.partitionSelf:
          this.#epochs.set(partitionOf(key), stamp);
          break;
        case space.counters:
        case space.drains:
          this.#counters.set(id, decodeCounterRow(value).value);
          break;
        case space.extents:
          this.#know(id, decodeExtentRow(value));
          break;
        case space.heads:
        case space.versions: {
          const { order, blob } = decodeObjectRow(value);
          (rowKey[0] === space.heads ? this.#heads : this.#older).set(id, { order, blob });
          break;
        }
        case undefined:
        default:
      }
    }
  }

  #know(id: string, row: ExtentRow): void {
    this.#extents.set(id, row);
    for (const { layout } of filesOf(row)) this.#stated.add(`${id} ${layout}`);
  }

  /** True if some row stated a file of this layout of the extent, now or before. */
  wasStated({ extent, layout }: MemberName): boolean {
    return this.#stated.has(`${toHex(extentKey(extent))} ${layout}`);
  }

  /** Called with every change that happened, in their order; returns what is wrong with it. */
  observe(change: Change): string | undefined {
    const wrong = this.#observeFences(change) ?? this.#observeSize(change);
    if (wrong !== undefined) return wrong;
    const wrongRows = this.#observeRows({
      puts: change.puts.map(({ key, value }) => ({ key: rowKeyOf(key), value })),
      deletes: change.deletes.map(rowKeyOf),
    });
    return wrongRows === undefined ? undefined : `C5: ${wrongRows}`;
  }

  /**
   * A row of a partition is written by a session that lives there, in the partition's current
   * epoch.
   */
  #observeFences({ id, checks, puts, deletes }: Change): string | undefined {
    const session = sessionOfId(id);
    const keys = [...puts.map(({ key }) => key), ...deletes];
    for (const partition of new Set(keys.map(partitionOf))) {
      if (this.#fenced.has(`${session} in ${partition}`)) {
        return `C1: session ${session} commits after it was fenced in ${partition}`;
      }
    }
    for (const key of keys) {
      const rowKey = rowKeyOf(key);
      const partition = partitionOf(key);
      if (rowKey[0] === space.partitionSelf) this.#epochs.set(partition, id);
      const epoch = this.#epochs.get(partition);
      const isOfEpoch = epoch === id || checks.some(({ expect }) => expect === epoch);
      // A session is registered before it has read anything that an epoch could make wrong.
      if (epoch === undefined || isOfEpoch || rowKey[0] === space.sessions) continue;
      return `C7: row ${toHex(rowKey)} is written in ${partition} without a look at its epoch`;
    }
    for (const key of deletes) {
      const rowKey = rowKeyOf(key);
      if (rowKey[0] !== space.sessions) continue;
      this.#fenced.add(`${idOfKey<SessionId>(rowKey)} in ${partitionOf(key)}`);
    }
    return undefined;
  }

  #observeSize({ deletes }: Change): string | undefined {
    const parts = deletes.filter((key) => rowKeyOf(key)[0] === space.parts).length;
    if (parts <= this.#partsPerCommit) return undefined;
    return `C6: ${parts} parts go in one commit, where ${this.#partsPerCommit} may`;
  }

  #observeRows({ puts, deletes }: Pick<Change, "puts" | "deletes">): string | undefined {
    const wrongVersion = this.#moveVersions({ puts, deletes });
    if (wrongVersion !== undefined) return wrongVersion;
    for (const key of deletes) {
      if (key[0] === space.extents) this.#extents.set(toHex(key), undefined);
    }
    for (const { key, value } of puts) {
      const id = toHex(key);
      const wrong = this.#put(key[0]!, id, value);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #put(spaceByte: number, id: string, value: Uint8Array): string | undefined {
    switch (spaceByte) {
      case space.counters:
      case space.drains:
        return this.#count(id, value);
      case space.extents:
        return this.#changeExtent(id, value);
      default:
        return undefined;
    }
  }

  /**
   * A head makes way for a newer one, or stays the version it is, or goes and the newest of the
   * older ones takes its place. Older versions are heads that made way, and nothing else becomes
   * one.
   */
  #moveVersions({ puts, deletes }: Pick<Change, "puts" | "deletes">): string | undefined {
    /** The heads that this change removed or put, as they were before. */
    const before = new Map<string, VersionSeen | undefined>();
    const gone = new Map<string, VersionSeen | undefined>();
    for (const key of deletes) {
      if (key[0] !== space.heads && key[0] !== space.versions) continue;
      const id = toHex(key);
      if (key[0] === space.heads) {
        before.set(id, this.#heads.get(id));
        this.#heads.delete(id);
        continue;
      }
      gone.set(id, this.#older.get(id));
      this.#older.delete(id);
    }
    for (const { key, value } of puts) {
      if (key[0] !== space.heads && key[0] !== space.versions) continue;
      const id = toHex(key);
      const { order, blob } = decodeObjectRow(value);
      const { bucket, key: name } =
        key[0] === space.heads ? parseHeadKey(key) : parseRoutedKey(key);
      const headId = toHex(headKey(bucket, name));
      const olderId = toHex(versionKey(bucket, name, order));
      if (!before.has(headId)) before.set(headId, this.#heads.get(headId));
      const head = before.get(headId);
      const isHead = id === headId;
      const known = isHead ? (gone.get(olderId) ?? head) : (this.#older.get(id) ?? head);
      (isHead ? this.#heads : this.#older).set(id, { order, blob });
      const isSame = known?.order === order && known.blob === blob;
      if (isHead ? isSame || order > (known?.order ?? 0) : isSame && id === olderId) continue;
      return `version ${order} of blob ${idText(blob)} comes from nowhere as row ${id}`;
    }
    return undefined;
  }

  #count(id: string, bytes: Uint8Array): string | undefined {
    const { value } = decodeCounterRow(bytes);
    const before = this.#counters.get(id) ?? 0;
    this.#counters.set(id, value);
    return value > before ? undefined : `counter ${id} goes from ${before} to ${value}`;
  }

  #changeExtent(id: string, bytes: Uint8Array): string | undefined {
    const row = decodeExtentRow(bytes);
    const before = this.#extents.get(id);
    const isNew = !this.#extents.has(id);
    this.#know(id, row);
    if (isNew) return row.state === "open" ? undefined : `extent ${id} begins ${row.state}`;
    if (before === undefined) return `extent ${id} comes back`;
    if (stateOrder.indexOf(row.state) < stateOrder.indexOf(before.state)) {
      return `extent ${id} goes back from ${before.state} to ${row.state}`;
    }
    if (row.epoch < before.epoch) return `the epoch of extent ${id} goes back`;
    const isLonger = before.state !== "open" && row.length !== before.length;
    return isLonger ? `the final length of extent ${id} changes` : undefined;
  }
}
