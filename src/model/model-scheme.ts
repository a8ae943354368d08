import { AssertionError } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";

/** A scheme as the durability model sees it: members, and which of them may be missing at once. */
export interface ModelScheme {
  /** The name that flags have for it: `copies-3`, `rs-10-4`, `lrc-12-2-2`. */
  readonly name: string;
  readonly label: string;
  /** Shards that hold the data itself; 1 for copies. */
  readonly data: number;
  /**
   * Members by class. Members of one class are alike: what can be decoded depends only on how many
   * of each class are missing. Copies and Reed–Solomon have one class. A locally repairable code
   * has one for each local group, and one for the global parities.
   */
  readonly classes: readonly number[];
  /** Members that are read to make a lost one again, averaged over the members. */
  readonly repairReads: number;
  isDecodable(missing: readonly number[]): boolean;
}

/** @limit Members of one extent; far above every scheme in use, and the model stays quick. */
const modelMembersMax = 64;

export function copiesScheme(count: number): ModelScheme {
  return {
    name: `copies-${count}`,
    label: count === 1 ? "1 copy" : `${count} copies`,
    data: 1,
    classes: [count],
    repairReads: 1,
    isDecodable: ([missing = 0]) => missing < count,
  };
}

export function reedSolomonScheme(data: number, parity: number): ModelScheme {
  return {
    name: `rs-${data}-${parity}`,
    label: `RS(${data},${parity})`,
    data,
    classes: [data + parity],
    repairReads: data,
    isDecodable: ([missing = 0]) => missing <= parity,
  };
}

/**
 * A code that is maximally recoverable, as Azure's is (Huang et al., "Erasure Coding in Windows
 * Azure Storage", USENIX ATC 2012): the local parity of each group makes up for one member of the
 * group, and each global parity that is there for one more member, wherever it is.
 */
export function locallyRepairableScheme(
  data: number,
  groups: number,
  globals: number,
): ModelScheme {
  const inGroup = data / groups;
  const members = data + groups + globals;
  return {
    name: `lrc-${data}-${groups}-${globals}`,
    label: `LRC(${data},${groups},${globals})`,
    data,
    classes: [...Array.from({ length: groups }, () => inGroup + 1), globals],
    repairReads: ((data + groups) * inGroup + globals * data) / members,
    isDecodable: (missing) => {
      const local = missing.slice(0, groups);
      const beyondLocal = local.reduce((sum, count) => sum + Math.max(0, count - 1), 0);
      return beyondLocal + (missing[groups] ?? 0) <= globals;
    },
  };
}

/** The schemes that Holdfast ships, narrow ones first. */
export const shippedSchemes: readonly ModelScheme[] = [
  copiesScheme(2),
  copiesScheme(3),
  reedSolomonScheme(4, 2),
  reedSolomonScheme(8, 4),
  reedSolomonScheme(10, 4),
  locallyRepairableScheme(12, 2, 2),
  reedSolomonScheme(20, 4),
];

export function membersOf({ classes }: ModelScheme): number {
  return classes.reduce((sum, count) => sum + count, 0);
}

/** Bytes on disks for each byte stored. */
export function spaceFactorOf(scheme: ModelScheme): number {
  return membersOf(scheme) / scheme.data;
}

/** StoreError `invalid` for a name that is none. */
export function modelSchemeNamed(name: string): ModelScheme {
  const shipped = shippedSchemes.find((scheme) => scheme.name === name);
  if (shipped !== undefined) return shipped;
  const [, kind = "", ...numbers] = /^(copies|rs)-(\d{1,2})(?:-(\d{1,2}))?$/.exec(name) ?? [];
  const [first = 0, second] = numbers.filter((text) => text !== undefined).map(Number);
  if (kind === "copies" && first >= 1 && second === undefined) return copiesScheme(first);
  const isCode = kind === "rs" && first >= 1 && second !== undefined && second >= 1;
  if (isCode && first + second <= modelMembersMax) return reedSolomonScheme(first, second);
  const hint = suggestion(
    name,
    shippedSchemes.map((scheme) => scheme.name),
  );
  throw new StoreError(
    "invalid",
    `"${name}" is not a scheme${hint}: write copies-N, rs-DATA-PARITY ` +
      `(up to ${modelMembersMax} members) or lrc-12-2-2`,
  );
}

/**
 * The smallest number of members whose loss, added to those that are gone, loses data, and in how
 * many ways so many members can be missing that it does.
 */
export function smallestLoss(scheme: ModelScheme, gone?: readonly number[]): SmallestLoss {
  for (let missing = 0; missing <= membersOf(scheme); missing++) {
    const { all, decodable } = patternsOf(scheme, missing, gone);
    if (decodable < all) return { missing, patterns: all - decodable };
  }
  throw new AssertionError(`${scheme.label} can be decoded from nothing`);
}

export interface SmallestLoss {
  readonly missing: number;
  readonly patterns: number;
}

/**
 * How many patterns of so many missing members there are, and how many can be decoded; added to
 * those of each class that are gone.
 */
export function patternsOf(
  scheme: ModelScheme,
  missing: number,
  gone: readonly number[] = scheme.classes.map(() => 0),
): { readonly all: number; readonly decodable: number } {
  let [all, decodable] = [0, 0];
  const choose = (index: number, left: number, ways: number, counts: readonly number[]): void => {
    const size = scheme.classes[index];
    if (size === undefined) {
      if (left > 0) return;
      all += ways;
      if (scheme.isDecodable(counts)) decodable += ways;
      return;
    }
    const there = size - gone[index]!;
    for (let count = 0; count <= Math.min(there, left); count++) {
      const both = [...counts, gone[index]! + count];
      choose(index + 1, left - count, ways * combinations(there, count), both);
    }
  };
  choose(0, missing, 1, []);
  return { all, decodable };
}

/** Ways to choose `count` of `size`. */
export function combinations(size: number, count: number): number {
  let ways = 1;
  for (let i = 0; i < count; i++) ways *= (size - i) / (i + 1);
  return Math.round(ways);
}
