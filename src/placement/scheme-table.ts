import type { Scheme, ShardScheme } from "../format/extent-row.ts";
import type { Temperature } from "../format/storage-class.ts";

/** A storage scheme that an operator can choose: how sealed extents are kept. */
export interface NamedScheme {
  readonly name: string;
  readonly scheme: Scheme;
  /** What it is for. */
  readonly purpose: string;
  /** Shards that are read to rebuild a lost one: of most, and of the one that takes the most. */
  readonly repairReads: { readonly usual: number; readonly most: number };
}

/** All schemes, in the order in which they are listed. */
export const schemeTable: readonly NamedScheme[] = [
  copies(1, "no redundancy: a store with one disk, or data that can be made again"),
  copies(2, "two disks, or few more"),
  copies(3, "stores with fewer disks than a code takes, and extents that are being written"),
  reedSolomon(4, 2, "from six disks, three hosts or zones"),
  reedSolomon(4, 4, "two zones, either of which may be lost"),
  reedSolomon(6, 3, "from nine disks, three hosts or zones"),
  reedSolomon(8, 4, "three zones, one of which may be lost"),
  reedSolomon(10, 4, "warm data, from four zones or without zones"),
  {
    name: "lrc-12-2-2",
    scheme: { kind: "coded", code: "lrc", data: 12, parity: 4 },
    purpose: "hot data: a lost shard is rebuilt from few others",
    // Those of the two local groups from six others, the two global parities from all data.
    repairReads: { usual: 6, most: 12 },
  },
  reedSolomon(20, 4, "cold data: the least space, the most to read for a repair"),
];

function copies(count: number, purpose: string): NamedScheme {
  // Two of three are enough to answer; of two, both.
  const scheme = { kind: "replicated", copies: count, quorum: Math.min(2, count) } as const;
  return { name: `copies-${count}`, scheme, purpose, repairReads: { usual: 1, most: 1 } };
}

function reedSolomon(data: number, parity: number, purpose: string): NamedScheme {
  const scheme = { kind: "coded", code: "rs", data, parity } as const;
  return {
    name: `rs-${data}-${parity}`,
    scheme,
    purpose,
    repairReads: { usual: data, most: data },
  };
}

/**
 * What is wished for, by how often data is read, the best first. The first one is taken that the
 * disks allow (choose-scheme.ts).
 */
export const wishes: Readonly<Record<Temperature, readonly string[]>> = {
  hot: ["lrc-12-2-2", "rs-8-4", "rs-6-3", "rs-4-2", "rs-4-4"],
  warm: ["rs-10-4", "rs-8-4", "rs-6-3", "rs-4-2", "rs-4-4"],
  cold: ["rs-20-4", "rs-10-4", "rs-8-4", "rs-6-3", "rs-4-2", "rs-4-4"],
};

export const schemeNames: readonly string[] = schemeTable.map(({ name }) => name);

/** Undefined where there is none of this name. */
export function schemeNamed(name: string): NamedScheme | undefined {
  return schemeTable.find((one) => one.name === name);
}

/** Its name in the table; of one that is not there a name of the same form. */
export function nameOfScheme(scheme: Scheme): string {
  if (scheme.kind === "replicated") return `copies-${scheme.copies}`;
  const { code, data, parity } = scheme;
  const known = schemeTable.find(({ scheme: one }) => {
    return one.kind === "coded" && one.code === code && one.data === data && one.parity === parity;
  });
  return known?.name ?? `${code}-${data}-${parity}`;
}

/** The members of an extent of this scheme. */
export function memberCount(scheme: Scheme): number {
  return scheme.kind === "replicated" ? scheme.copies : scheme.data + scheme.parity;
}

/** How many of its members are needed to read it. */
export function neededMembers(scheme: Scheme): number {
  return scheme.kind === "replicated" ? 1 : scheme.data;
}

/**
 * What is sure of an extent while it is written: of what was answered, each member may lack some,
 * and only a quorum together has all. It is as if so many more members were needed to read it.
 */
export function asAcknowledged(scheme: Scheme): ShardScheme {
  if (scheme.kind === "coded") {
    const spare = Math.ceil(scheme.parity / 2); // it is answered once so many parities are synced
    return { kind: "coded", code: "rs", data: memberCount(scheme) - spare, parity: spare };
  }
  const { copies, quorum } = scheme;
  return { kind: "coded", code: "rs", data: copies - quorum + 1, parity: quorum - 1 };
}

/** Bytes on disk for one byte stored. */
export function overheadOf(scheme: Scheme): number {
  return memberCount(scheme) / neededMembers(scheme);
}
