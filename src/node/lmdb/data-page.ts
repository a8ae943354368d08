import { endianness } from "node:os";
import { StoreError } from "../../base/errors.ts";

/*
 * The pages of LMDB's data file, as the binding (3.5.6) writes them. Nothing in a page is believed
 * before it was compared with the rest of the page, so that reading a damaged one ends in an error
 * and never outside of it. (LMDB itself follows whatever a page says.)
 *
 *     page    number 8 | transaction 8 | 0 2 | flags 2 | lower 2 | upper 2
 *             | offsets of nodes 2 each | … | nodes
 *     node    data size or child 4 | flags 2 | key size 2 | key | data
 *
 * `lower` is where the offsets end and `upper` where the nodes begin, which lie without gaps up to
 * the page's end. Numbers are in the machine's byte order. The child of a branch has its upper 16
 * bits in the node's flags.
 */

export const pageHeaderBytes = 24;
const nodeHeaderBytes = 8;
const little = endianness() === "LE";

const branchFlag = 0x01;
const leafFlag = 0x02;
const overflowFlag = 0x04;
/** The data stands on pages of its own; the node says where. */
const bigDataFlag = 0x01;

export interface PageNode {
  readonly key: Uint8Array;
  /** The page below, if this node is in a branch. */
  readonly child: number;
  /** The node's data, if it is in a leaf; undefined where it stands on overflow pages. */
  readonly data: Uint8Array | undefined;
  readonly dataBytes: number;
  /**
   * Where it stands then. There may be more pages than it needs: a shorter value leaves them to the
   * row.
   */
  readonly overflow: OverflowPlace | undefined;
}

export interface OverflowPlace {
  readonly first: number;
  readonly count: number;
}

export interface DataPage {
  readonly kind: "branch" | "leaf";
  /** The transaction that wrote it. */
  readonly transaction: number;
  readonly nodes: readonly PageNode[];
}

function damaged(page: number, why: string): StoreError {
  return new StoreError("corrupt", `page ${page}: ${why}`);
}

/** Eight bytes as a number; values past 2^53 stay wrong, which every comparison shows. */
export function readNumber(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Number(view.getBigUint64(offset, little));
}

/** The header of every page: its number, transaction and flags. */
export function readPageHeader(
  bytes: Uint8Array,
  page: number,
): { flags: number; transaction: number } {
  if (bytes.length < pageHeaderBytes) throw damaged(page, "lies behind the end of the file");
  const number = readNumber(bytes, 0);
  if (number !== page) throw damaged(page, `says that it is page ${number}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { flags: view.getUint16(18, little), transaction: readNumber(bytes, 8) };
}

/**
 * The pages that one of these takes whose header is whole: more than one only where it holds data.
 */
export function pagesOf(bytes: Uint8Array, page: number): number {
  const { flags } = readPageHeader(bytes, page);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return flags === overflowFlag ? view.getUint32(20, little) : 1;
}

/**
 * A branch or leaf page; StoreError `corrupt` where it cannot be one. The nodes are views of
 * `bytes`.
 */
export function parsePage(bytes: Uint8Array, page: number): DataPage {
  const { flags, transaction } = readPageHeader(bytes, page);
  if (flags !== branchFlag && flags !== leafFlag) throw damaged(page, `has flags ${flags}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // Both are counted from the end of the header.
  const lower = view.getUint16(20, little) + pageHeaderBytes;
  const upper = view.getUint16(22, little) + pageHeaderBytes;
  const isOrdered = lower <= upper && upper <= bytes.length;
  if (!isOrdered || lower % 2 !== 0) throw damaged(page, `bounds are ${lower} and ${upper}`);
  const kind = flags === branchFlag ? "branch" : "leaf";
  const nodes: PageNode[] = [];
  const ends = new Map<number, number>();
  for (let at = pageHeaderBytes; at < lower; at += 2) {
    const offset = view.getUint16(at, little) + pageHeaderBytes;
    if (offset < upper || offset + nodeHeaderBytes > bytes.length) {
      throw damaged(page, `a node at ${offset}`);
    }
    const { node, end } = parseNode(bytes, kind, offset);
    if (end > bytes.length || ends.has(offset)) throw damaged(page, `the node at ${offset}`);
    ends.set(offset, end);
    nodes.push(node);
  }
  // Every node begins where another ends, so each byte behind `upper` belongs to just one.
  let at = upper;
  for (let next = ends.get(at); next !== undefined; next = ends.get(at)) {
    ends.delete(at);
    at = next;
  }
  if (at !== bytes.length || ends.size > 0) throw damaged(page, `its nodes end at ${at}`);
  return { kind, transaction, nodes };
}

/**
 * The nodes that can be read from a damaged leaf; each may be nonsense, and only a checksum shows
 * it.
 */
export function salvageNodes(bytes: Uint8Array): PageNode[] {
  if (bytes.length < pageHeaderBytes) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const lower = Math.min(view.getUint16(20, little) + pageHeaderBytes, bytes.length - 1);
  const nodes: PageNode[] = [];
  for (let at = pageHeaderBytes; at + 2 <= lower; at += 2) {
    const offset = view.getUint16(at, little) + pageHeaderBytes;
    if (offset + nodeHeaderBytes > bytes.length) continue;
    const { node, end } = parseNode(bytes, "leaf", offset);
    if (end <= bytes.length) nodes.push(node);
  }
  return nodes;
}

function parseNode(
  bytes: Uint8Array,
  kind: DataPage["kind"],
  offset: number,
): { readonly node: PageNode; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const low = view.getUint32(0, little);
  const flags = view.getUint16(4, little);
  const keyEnd = offset + nodeHeaderBytes + view.getUint16(6, little);
  const key = bytes.subarray(offset + nodeHeaderBytes, keyEnd);
  if (kind === "branch") {
    const child = low + flags * 2 ** 32;
    const node = { key, child, data: undefined, dataBytes: 0, overflow: undefined };
    return { node, end: even(keyEnd) };
  }
  if (flags === bigDataFlag && keyEnd + 24 <= bytes.length) {
    const overflow = { first: readNumber(bytes, keyEnd), count: readNumber(bytes, keyEnd + 16) };
    const node = { key, child: 0, data: undefined, dataBytes: low, overflow };
    return { node, end: even(keyEnd + 24) };
  }
  const isPlain = flags === 0;
  const data = bytes.subarray(keyEnd, keyEnd + low);
  const node = { key, child: 0, data, dataBytes: low, overflow: undefined };
  // The node has flags that nobody sets, or data that does not end in the page.
  return { node, end: isPlain ? even(keyEnd + low) : Number.POSITIVE_INFINITY };
}

function even(offset: number): number {
  return offset + (offset % 2);
}

/** The data on overflow pages, which were read as a whole. */
export function parseOverflow(
  bytes: Uint8Array,
  { first, count }: OverflowPlace,
  dataBytes: number,
): Uint8Array {
  const { flags } = readPageHeader(bytes, first);
  if (flags !== overflowFlag) throw damaged(first, `has flags ${flags} and should hold data`);
  const own = new DataView(bytes.buffer, bytes.byteOffset).getUint32(20, little);
  if (own !== count) throw damaged(first, `${own} pages of data instead of ${count}`);
  if (bytes.length < pageHeaderBytes + dataBytes) throw damaged(first, "ends too early");
  return bytes.subarray(pageHeaderBytes, pageHeaderBytes + dataBytes);
}

/** A tree of the file: that of the rows, or that of the free pages. */
export interface TreeRoot {
  /** Levels of the tree; 0 where it is empty. */
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  readonly page: number;
}

/** The contents of one of the two meta pages. */
export interface Meta {
  readonly pageBytes: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: TreeRoot;
  readonly rows: TreeRoot;
}

/** Parses a page that is known to be a meta page (see data-file.ts). */
export function parseMeta(bytes: Uint8Array): Meta {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    pageBytes: view.getUint32(48, little),
    transaction: readNumber(bytes, 152),
    lastPage: readNumber(bytes, 144),
    free: parseRoot(bytes, 48),
    rows: parseRoot(bytes, 96),
  };
}

function parseRoot(bytes: Uint8Array, offset: number): TreeRoot {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  return {
    depth: view.getUint16(6, little),
    branchPages: readNumber(bytes, offset + 8),
    leafPages: readNumber(bytes, offset + 16),
    overflowPages: readNumber(bytes, offset + 24),
    entries: readNumber(bytes, offset + 32),
    page: readNumber(bytes, offset + 40),
  };
}

/**
 * The pages named by one record of the tree of free pages: its length, then page numbers; one below
 * 0 says how many pages follow the next number, 0 nothing.
 */
export function* freePages(data: Uint8Array): Generator<{ first: number; count: number }> {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const entry = (index: number): number => Number(view.getBigInt64(index * 8, little));
  const length = Math.min(entry(0), data.length / 8 - 1);
  for (let i = 1; i <= length; i++) {
    const first = entry(i);
    if (first > 0) yield { first, count: 1 };
    if (first < 0 && i < length) yield { first: entry(++i), count: -first };
  }
}
