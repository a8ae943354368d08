import { isStoreError, messageOf } from "../../base/errors.ts";
import { openRow } from "../../format/row-envelope.ts";
import type { Hash } from "../../platform/hash.ts";
import type { DataPage, PageNode } from "./data-page.ts";
import { pagesOf, parsePage, salvageNodes } from "./data-page.ts";
import type { DataSnapshot } from "./data-snapshot.ts";
import type { PageSet, TreeFault, TreeRow } from "./tree-walk.ts";
import { TreeWalk, readFreePages, readOverflow } from "./tree-walk.ts";

/*
 * The rows of a damaged data file, each proved by its own checksum, which covers the key.
 *
 * Where only rows are damaged, or the list of free pages, the tree leads to all of them. Where a
 * branch is damaged it does not; but every page of the file is either free, or part of the list of
 * free pages, or of the tree of rows. So the leaves are all pages that are not among the first two
 * and are leaves, wherever the branches point. With both damaged, what is alive cannot be
 * distinguished from what was deleted, and nothing is made of it.
 */

export interface SalvagedPage {
  readonly rows: readonly TreeRow[];
  /** Rows that are not as they were written. */
  readonly damaged: readonly { readonly key: Uint8Array; readonly message: string }[];
}

export interface Salvage {
  readonly from: "tree" | "leaves";
  pages(): AsyncGenerator<SalvagedPage, void, undefined>;
}

/** Plans how to get at the rows; undefined where nothing proves that they are alive. */
export async function planSalvage(
  snapshot: DataSnapshot,
  hash: Hash,
): Promise<Salvage | undefined> {
  let freeFaults = 0;
  let treeFaults = 0;
  const free = await readFreePages(snapshot, () => void freeFaults++);
  const { rows: root } = snapshot.meta;
  const known = freeFaults === 0 ? free : undefined;
  const fault = ({ key }: TreeFault): void => {
    if (key === undefined) treeFaults++;
  };
  const walk = new TreeWalk({ snapshot, root, free: known, fault });
  for await (const leaf of walk.leaves()) void leaf;
  if (treeFaults === 0) return { from: "tree", pages: () => treePages(snapshot, hash) };
  if (known === undefined) return undefined;
  return { from: "leaves", pages: () => leafPages(snapshot, hash, known) };
}

async function* treePages(snapshot: DataSnapshot, hash: Hash): AsyncGenerator<SalvagedPage> {
  const damaged: { key: Uint8Array; message: string }[] = [];
  const fault = ({ message, key }: TreeFault): void => {
    if (key !== undefined) damaged.push({ key, message });
  };
  const walk = new TreeWalk({ snapshot, root: snapshot.meta.rows, fault });
  for await (const rows of walk.leaves()) {
    const proved = provedRows(hash, rows);
    yield { rows: proved.rows, damaged: [...proved.damaged, ...damaged.splice(0)] };
  }
}

async function* leafPages(
  snapshot: DataSnapshot,
  hash: Hash,
  free: PageSet,
): AsyncGenerator<SalvagedPage> {
  for (let page = 2, count = 1; page <= snapshot.meta.lastPage; page += count) {
    count = 1;
    if (free.has(page)) continue;
    const bytes = await snapshot.read(page, 1);
    try {
      // The pages behind the first of some data have no headers: they are passed over with it.
      count = Math.max(1, pagesOf(bytes, page));
      if (count > 1) continue;
    } catch {
      // Its header is damaged; it may have been a leaf.
    }
    const nodes = leafNodes(bytes, page);
    if (nodes === undefined) continue;
    const rows: TreeRow[] = [];
    const unread: { key: Uint8Array; message: string }[] = [];
    for (const node of nodes) {
      try {
        rows.push({ key: node.key, data: node.data ?? (await readOverflow(snapshot, node)) });
      } catch (thrown) {
        if (!isStoreError(thrown, "corrupt")) throw thrown;
        unread.push({ key: node.key, message: thrown.message });
      }
    }
    const proved = provedRows(hash, rows);
    yield { rows: proved.rows, damaged: [...proved.damaged, ...unread] };
  }
}

/** Undefined for a branch. */
function leafNodes(bytes: Uint8Array, page: number): readonly PageNode[] | undefined {
  let parsed: DataPage;
  try {
    parsed = parsePage(bytes, page);
  } catch {
    return salvageNodes(bytes);
  }
  return parsed.kind === "leaf" ? parsed.nodes : undefined;
}

function provedRows(hash: Hash, rows: readonly TreeRow[]): SalvagedPage {
  const proved: TreeRow[] = [];
  const damaged: { key: Uint8Array; message: string }[] = [];
  for (const row of rows) {
    try {
      openRow(hash, row.key, row.data);
      proved.push(row);
    } catch (thrown) {
      damaged.push({ key: row.key, message: messageOf(thrown) });
    }
  }
  return { rows: proved, damaged };
}
