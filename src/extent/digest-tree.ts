import { assert } from "../base/assert.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import type { Hash } from "../platform/hash.ts";

/*
 * A Merkle tree over the content of an extent, its bytes from the header to its length. So copies
 * are compared by their roots, of four bytes each, and where those differ by a few digests on the
 * way down to the blocks that differ: no data moves. Dynamo compares replicas so (DeCandia and
 * others 2007, section 4.7), and Cassandra's repair; Ceph's deep scrub compares one CRC-32C of each
 * object's copies.
 *
 * Its leaves are blocks of 64 KiB, digested as those of records and of shards are (record.ts). 16
 * neighbours have one parent, the digest of their digests; so an extent of 256 MB has 4,096 leaves
 * in 256 nodes, these in 16, and a root. A block that differs in no more than its digest is missed
 * once in 2^32: the records have checksums of their own besides.
 *
 * The shards of an extent differ by nature. Each has its block table, whose checksum is in the
 * extent's row since it was read back: that is the same with a tree of one level (shard.ts).
 */

/** Children of one node. */
const fanOut = 16;
/** @limit Nodes up to this level are asked for: a member reads 16 MiB for one of them. */
const askedLevelMax = 2;

/** Nodes of one level that follow each other. Those of level 0 are blocks. */
export interface DigestNodes {
  readonly level: number;
  readonly first: number;
  readonly count: number;
}

/** Nodes of the tree of an extent of this length. */
export interface DigestQuestion extends DigestNodes {
  readonly length: number;
}

/** Bytes of an extent, by its own offsets. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The bytes below these nodes. */
export function bytesBelow({ level, first, count, length }: DigestQuestion): ByteRange {
  const nodeBytes = blockBytes * fanOut ** level;
  assert(count > 0 && count * nodeBytes <= askedBytesMax, "digests of more than is read at once");
  const start = extentHeaderBytes + first * nodeBytes;
  return { start, end: Math.min(length, start + count * nodeBytes) };
}

/** @limit Bytes read for one question. */
const askedBytesMax = blockBytes * fanOut ** askedLevelMax;

/** Makes digests of bytes that come in their order. */
export class ContentDigester {
  readonly #hash: Hash;
  readonly #blocks: number[] = [];
  /** The beginning of the block under way. */
  readonly #rest = new Uint8Array(blockBytes);
  #restBytes = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Bytes taken so far. */
  get bytes(): number {
    return this.#blocks.length * blockBytes + this.#restBytes;
  }

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + blockBytes - this.#restBytes);
      at += part.length;
      if (part.length === blockBytes) this.#blocks.push(this.#hash.blockChecksum(part));
      else this.#addPart(part);
    }
  }

  /** The digests of the nodes of a level above all bytes; nothing more is to be added. */
  finish(level: number): number[] {
    this.#endBlock();
    let digests = this.#blocks;
    for (let up = 0; up < level; up++) digests = parentsOf(this.#hash, digests);
    return digests;
  }

  /** The digest of all bytes, never 0; nothing more is to be added. */
  root(): number {
    let digests = this.finish(0);
    while (digests.length > 1) digests = parentsOf(this.#hash, digests);
    return digests[0] || 1;
  }

  #addPart(part: Uint8Array): void {
    this.#rest.set(part, this.#restBytes);
    this.#restBytes += part.length;
    if (this.#restBytes === blockBytes) this.#endBlock();
  }

  #endBlock(): void {
    if (this.#restBytes === 0) return;
    this.#blocks.push(this.#hash.blockChecksum(this.#rest.subarray(0, this.#restBytes)));
    this.#restBytes = 0;
  }
}

function parentsOf(hash: Hash, digests: readonly number[]): number[] {
  const parents: number[] = [];
  for (let first = 0; first < digests.length; first += fanOut) {
    const children = digests.slice(first, first + fanOut);
    const bytes = new Uint8Array(4 * children.length);
    const view = new DataView(bytes.buffer);
    for (const [i, digest] of children.entries()) view.setUint32(4 * i, digest);
    parents.push(hash.blockChecksum(bytes));
  }
  return parents;
}

/** Asks a member for digests of its nodes: fewer than those asked for where it ends before them. */
export type AskDigests<Member> = (
  member: Member,
  question: DigestQuestion,
) => Promise<readonly number[]>;

/**
 * The ranges in which not all members are the same, in order, in whole blocks. Only below nodes
 * that differ are others asked for. Fails as the first question that does.
 */
export async function findDifferences<Member>(
  length: number,
  members: readonly Member[],
  ask: AskDigests<Member>,
): Promise<ByteRange[]> {
  const ranges: ByteRange[] = [];
  const descend = async (nodes: DigestNodes): Promise<void> => {
    const answers = await Promise.all(members.map((one) => ask(one, { ...nodes, length })));
    const { level, first, count } = nodes;
    for (let i = 0; i < count; i++) {
      if (answers.every((answer) => answer[i] === answers[0]?.[i])) continue;
      const node = first + i;
      if (level === 0) addRange(ranges, bytesBelow({ level, first: node, count: 1, length }));
      else {
        const child = node * fanOut;
        const children = Math.min(fanOut, nodesAt(level - 1, length) - child);
        await descend({ level: level - 1, first: child, count: children });
      }
    }
  };
  const level = topLevelOf(length);
  // One at a time: a member reads all that is below it.
  for (let first = 0; first < nodesAt(level, length); first++) {
    await descend({ level, first, count: 1 });
  }
  return ranges;
}

/** The nodes of the highest level that is asked for, one by one. */
function topLevelOf(length: number): number {
  let level = 0;
  while (level < askedLevelMax && nodesAt(level, length) > 1) level++;
  return level;
}

function nodesAt(level: number, length: number): number {
  return Math.ceil((length - extentHeaderBytes) / (blockBytes * fanOut ** level));
}

/** Adds one that stands behind those there. */
function addRange(ranges: ByteRange[], range: ByteRange): void {
  const last = ranges.at(-1);
  if (last?.end === range.start) ranges[ranges.length - 1] = { start: last.start, end: range.end };
  else ranges.push(range);
}
