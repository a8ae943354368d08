import { type LabelName, labelNames } from "../format/disk-labels.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { type DiskId, idText } from "../format/ids.ts";
import type { LogQuorumRow } from "../format/log-quorum-row.ts";
import { domainName } from "../placement/failure-domain.ts";

/*
 * On which disks a record of the commit log must be synced before it is answered for, and so what
 * may be missing where it must be shown that the log is whole.
 *
 * Somebody has read the log up to some record, but for some disks. A later record that was answered
 * for can only be unseen if all disks that synced it are among those. So nothing is missing if they
 * hold no quorum: `!isMet(unread)`. That needs no other proof, since the index says which quorum
 * the next record needs, the record that changes it is in the log as all others are, and each
 * process looks inside the transaction that orders the commits.
 *
 * Where the disks are in three failure domains or more, a quorum is two disks in different ones: a
 * whole domain may be missing then. The disk of the index is left out where its domain has others,
 * so that it may be missing besides.
 */
export interface LogQuorum {
  /** True if a record that so many of these disks have is answered for; never undone by more. */
  isMet(disks: Iterable<DiskId>): boolean;
  /** True if copies on this disk count. */
  counts(disk: DiskId): boolean;
}

/** @limit A record is answered for once it is on two disks, wherever there are two. */
export const logAcknowledgedMax = 2;

/** @limit The loss of one of fewer would leave no two to go on with. */
const domainsMin = 3;

/**
 * @param row undefined of an index that does not say: then any two disks are a quorum, and of a
 *   store of two disks each of them is.
 * @param known the disks that the store has, also those that are not there.
 */
export function logQuorumOf(row: LogQuorumRow | undefined, known: number): LogQuorum {
  if (row === undefined) {
    const enough = known > logAcknowledgedMax ? logAcknowledgedMax : 1;
    return { counts: () => true, isMet: (disks) => new Set(disks).size >= enough };
  }
  const { sole } = row;
  const domainOf = new Map(row.domains.flatMap((disks, i) => disks.map((disk) => [disk, i])));
  return {
    counts: (disk) => domainOf.has(disk),
    isMet: (disks) => {
      const domains = new Set<number>();
      for (const disk of disks) {
        if (disk === sole) return true;
        const domain = domainOf.get(disk);
        if (domain !== undefined) domains.add(domain);
      }
      // holds: C1 log-record-in-two-domains
      return domains.size >= logAcknowledgedMax;
    },
  };
}

/**
 * The quorum that suits the disks of a store. `home` is the disk that holds the index. Undefined
 * for a store of one disk.
 */
export function planLogQuorum(rows: readonly DiskRow[], home: DiskId): LogQuorumRow | undefined {
  const known = rows.filter(({ state }) => state !== "removed");
  if (known.length < logAcknowledgedMax) return undefined;
  // Of two disks the one with the index goes on alone while the other fails. It has all then.
  if (known.length === logAcknowledgedMax) return { domains: oneByOne(known), sole: home };
  const active = known.filter(({ state }) => state === "active");
  const disks = active.length < domainsMin ? known : active;
  const withoutHome = disks.filter(({ disk }) => disk !== home);
  for (const level of labelNames) {
    for (const some of [withoutHome, disks]) {
      const domains = domainsAt(level, some);
      if (domains.length >= domainsMin) return { domains, sole: undefined };
    }
  }
  return { domains: oneByOne(disks), sole: undefined };
}

function domainsAt(level: LabelName, rows: readonly DiskRow[]): DiskId[][] {
  const domains = Map.groupBy(rows, ({ disk, labels }) => domainName(labels, level, idText(disk)));
  return [...domains.values()].map((some) => some.map(({ disk }) => disk));
}

/** Each disk is a domain of its own. */
function oneByOne(rows: readonly DiskRow[]): DiskId[][] {
  return rows.map(({ disk }) => [disk]);
}
