import { must } from "../../base/assert.ts";
import { compareBytes } from "../../base/bytes.ts";
import { StoreError, isStoreError } from "../../base/errors.ts";
import { freePages, pageHeaderBytes, parseOverflow, parsePage } from "./data-page.ts";
import type { DataPage, PageNode, TreeRoot } from "./data-page.ts";
import type { DataSnapshot } from "./data-snapshot.ts";

/*
 * The pages of one tree, from its root down, each compared with what the pages above say of it: its
 * keys ascend and lie between those next to it in the branch above, it was written no later than
 * that branch (a page is never written without the ones above), it stands at the depth of the
 * tree's leaves, and it is not among the free pages. The last is what shows a pointer to an old
 * copy of a page, which is right in itself.
 */

/** @limit No commit takes a larger one (see group-commit.ts), so none is read. */
const rowBytesMax = 64 * 1024 * 1024;

export interface TreeFault {
  readonly message: string;
  /** Rows with start <= key < end may be missing; undefined: from the first, to the last. */
  readonly start: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
  /** Where it is only the data of one row that cannot be read. */
  readonly key?: Uint8Array | undefined;
}

export interface TreeRow {
  readonly key: Uint8Array;
  readonly data: Uint8Array;
}

export interface WalkedCounts {
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
}

interface Place {
  readonly page: number;
  /** The page's level; leaves have 1. */
  readonly level: number;
  readonly writtenBy: number;
  readonly start: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
}

export interface TreeWalkOptions {
  readonly snapshot: DataSnapshot;
  readonly root: TreeRoot;
  /** Leaves that end before it are passed over. */
  readonly from?: Uint8Array | undefined;
  /** No key's order is looked at: LMDB sorts the tree of free pages by number. */
  readonly isUnordered?: boolean | undefined;
  /** Pages that may not be in the tree. */
  readonly free?: PageSet | undefined;
  /** Called for every page of the tree. */
  onPages?: ((first: number, count: number) => void) | undefined;
  fault(fault: TreeFault): void;
}

export class TreeWalk {
  readonly counts: WalkedCounts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
  readonly #options: TreeWalkOptions;

  constructor(options: TreeWalkOptions) {
    this.#options = options;
  }

  /** The rows of one leaf after the other, as far as they can be reached. */
  async *leaves(): AsyncGenerator<TreeRow[], void, undefined> {
    const { root, snapshot } = this.#options;
    if (root.depth === 0) return;
    const writtenBy = snapshot.meta.transaction;
    const place = { page: root.page, level: root.depth, writtenBy };
    yield* this.#visit({ ...place, start: undefined, end: undefined });
  }

  async *#visit(place: Place): AsyncGenerator<TreeRow[], void, undefined> {
    const { from } = this.#options;
    if (from !== undefined && place.end !== undefined && compareBytes(place.end, from) <= 0) return;
    let page: DataPage;
    try {
      page = await this.#read(place);
    } catch (thrown) {
      this.#fault(place, thrown);
      return;
    }
    if (page.kind === "leaf") {
      this.counts.leafPages++;
      yield await this.#rows(place, page.nodes);
      return;
    }
    this.counts.branchPages++;
    for (const [i, { child, key }] of page.nodes.entries()) {
      const start = i === 0 ? place.start : key;
      const end = page.nodes[i + 1]?.key ?? place.end;
      const below = { page: child, level: place.level - 1, writtenBy: page.transaction };
      yield* this.#visit({ ...below, start, end });
    }
  }

  async #read(place: Place): Promise<DataPage> {
    const { snapshot, isUnordered = false } = this.#options;
    this.#assertUsed(place.page, 1);
    const page = parsePage(await snapshot.read(place.page, 1), place.page);
    const wrong = (why: string): StoreError =>
      new StoreError("corrupt", `page ${place.page}: ${why}`);
    if (page.transaction > place.writtenBy) {
      throw wrong(`written by transaction ${page.transaction}, after ${place.writtenBy}`);
    }
    if ((page.kind === "leaf") !== (place.level === 1)) throw wrong(`a ${page.kind} in its place`);
    if (page.nodes.length === 0) throw wrong("is empty");
    if (!isUnordered && !isOrdered(page, place)) throw wrong("keys are out of order");
    return page;
  }

  async #rows(place: Place, nodes: readonly PageNode[]): Promise<TreeRow[]> {
    const rows: TreeRow[] = [];
    for (const node of nodes) {
      this.counts.entries++;
      try {
        rows.push({ key: node.key, data: node.data ?? (await this.#overflow(node)) });
      } catch (thrown) {
        this.#fault({ ...place, key: node.key }, thrown);
      }
    }
    return rows;
  }

  async #overflow(node: PageNode): Promise<Uint8Array> {
    const { first, count } = must(node.overflow, "data stands in the node or elsewhere");
    this.#assertUsed(first, count);
    this.counts.overflowPages += count;
    return readOverflow(this.#options.snapshot, node);
  }

  #assertUsed(first: number, count: number): void {
    const { snapshot, free, onPages } = this.#options;
    if (!(first >= 2 && count >= 1) || first + count - 1 > snapshot.meta.lastPage) {
      throw new StoreError("corrupt", `page ${first}: there is no such page`);
    }
    for (let page = first; page < first + count; page++) {
      if (free?.has(page) === true) {
        throw new StoreError("corrupt", `page ${page}: in use, though the index lists it as free`);
      }
    }
    onPages?.(first, count);
  }

  #fault({ start, end, key }: Omit<TreeFault, "message">, thrown: unknown): void {
    if (!isStoreError(thrown, "corrupt")) throw thrown;
    this.#options.fault({ message: thrown.message, start, end, key });
  }
}

/**
 * Data that does not stand in its node; StoreError `corrupt` where it cannot be that of the node.
 */
export async function readOverflow(snapshot: DataSnapshot, node: PageNode): Promise<Uint8Array> {
  const place = must(node.overflow, "data stands in the node or elsewhere");
  const { first, count } = place;
  const { pageBytes, lastPage } = snapshot.meta;
  const needed = Math.ceil((pageHeaderBytes + node.dataBytes) / pageBytes);
  const isThere = first >= 2 && first + count - 1 <= lastPage;
  if (!isThere || needed > count || node.dataBytes > rowBytesMax) {
    throw new StoreError("corrupt", `page ${first}: ${count} pages for ${node.dataBytes} bytes`);
  }
  return parseOverflow(await snapshot.read(first, needed), place, node.dataBytes);
}

/**
 * Ascending, and within what the branch above says. The first key of a branch stands for all that
 * is less.
 */
function isOrdered({ kind, nodes }: DataPage, { start, end }: Place): boolean {
  let before = start;
  for (const [i, { key }] of nodes.entries()) {
    if (kind === "branch" && i === 0) continue;
    const order = before === undefined ? 1 : compareBytes(key, before);
    // A leaf may begin with the very key of the branch above.
    if (order < 0 || (order === 0 && !(kind === "leaf" && i === 0))) return false;
    if (end !== undefined && compareBytes(key, end) >= 0) return false;
    before = key;
  }
  return true;
}

/** Numbers of pages: a bit for each, so 2 MiB for a file of 64 GiB. */
export class PageSet {
  readonly #bits: Uint8Array;

  constructor(lastPage: number) {
    this.#bits = new Uint8Array((lastPage >> 3) + 1);
  }

  /** False where there is no such page, or it is in already. */
  add(page: number): boolean {
    const bit = 1 << (page & 7);
    const bits = this.#bits[page >> 3];
    if (bits === undefined || (bits & bit) !== 0) return false;
    this.#bits[page >> 3] = bits | bit;
    return true;
  }

  has(page: number): boolean {
    return ((this.#bits[page >> 3] ?? 0) & (1 << (page & 7))) !== 0;
  }
}

/**
 * The pages of a snapshot that no row stands on: those that are free, and those on which the list
 * of them stands.
 */
export async function readFreePages(
  snapshot: DataSnapshot,
  fault: (fault: TreeFault) => void,
): Promise<PageSet> {
  const { meta } = snapshot;
  const pages = new PageSet(meta.lastPage);
  // One that is named twice could be given out twice.
  const add = (first: number, count: number): void => {
    for (let page = first; page < first + count; page++) {
      if (pages.add(page)) continue;
      const message = `page ${page}: free twice, or in use for the list of free pages`;
      fault({ message, start: undefined, end: undefined });
      return;
    }
  };
  const walk = new TreeWalk({ snapshot, root: meta.free, isUnordered: true, fault, onPages: add });
  for await (const rows of walk.leaves()) {
    for (const { data } of rows) {
      for (const { first, count } of freePages(data)) add(first, count);
    }
  }
  return pages;
}
