import type { Scheme } from "../format/extent-row.ts";
import { temperatureOf } from "../format/storage-class.ts";
import { countOf } from "./failure-domain.ts";
import { planMembers } from "./plan-members.ts";
import {
  asAcknowledged,
  memberCount,
  type NamedScheme,
  overheadOf,
  schemeNamed,
  wishes,
} from "./scheme-table.ts";
import {
  type CanLose,
  lossesAt,
  type Survival,
  survivalText,
  SurvivalCheck,
  worseOf,
} from "./survival.ts";
import { takesMembers, type Topology } from "./topology.ts";

/*
 * Extents are written as copies, and kept, once they are sealed, in the scheme of their storage
 * class. Which scheme that is follows from the disks: the first one wished for that has enough of
 * them, and survives what the copies it replaces do. That means: any one zone where the copies
 * survive one, the same for regions, rows, racks and hosts, and at least as many disks.
 *
 * So RS(10,4) is kept in four zones, or without zones, and RS(8,4) in three, since one of three
 * zones has five of 14 shards, and RS(10,4) may lose four. Six disks on three hosts have RS(4,2),
 * on two hosts three copies: one of those is on another host than the two others.
 */

export interface SchemeWish {
  readonly storageClass: string;
  /** The scheme that an operator chose, for the class or for one bucket. */
  readonly chosen?: string | undefined;
  /** The space that a disk must have free to count. */
  readonly freeBytesMin?: number | undefined;
  readonly canLose: CanLose;
}

export interface SchemeChoice {
  /** How extents are written. */
  readonly write: Extract<Scheme, { kind: "replicated" }>;
  /** How they are kept once they are sealed. */
  readonly atRest: NamedScheme;
  /** The scheme that would be kept if the disks allowed it. */
  readonly wished: NamedScheme;
  /** What an extent at rest survives. */
  readonly survival: Survival;
  /** What an extent survives that was just acknowledged. */
  readonly writeSurvival: Survival;
  /** False where the loss of one disk may lose data. */
  readonly isRedundant: boolean;
  /** Why it is not what was wished for, a sentence each. */
  readonly reasons: readonly string[];
  /** All that a person should know, a sentence each; the reasons are among them. */
  readonly said: readonly string[];
}

/**
 * Chooses the schemes for a storage class on the disks that take new members. It takes some
 * milliseconds, so it is for changes of the disks and of what operators chose, not for each extent.
 */
export function chooseScheme(all: Topology, wish: SchemeWish): SchemeChoice {
  const { storageClass, chosen, canLose, freeBytesMin = 0 } = wish;
  const topology = withoutFullDisks(all, freeBytesMin);
  const operators = chosen === undefined ? undefined : schemeNamed(chosen);
  const replicas = replicasOn(topology, operators);
  const { scheme: write } = replicas;
  const asCopies = survivalOn(topology, write, canLose);
  const usual = wishes[temperatureOf(storageClass)].flatMap((name) => schemeNamed(name) ?? []);
  const candidates = operators === undefined ? usual : [operators, ...narrower(operators, usual)];
  const refused: string[] = [];
  const atRest =
    candidates.find((candidate) => {
      // What an operator chose is kept even if it survives less.
      const least = candidate === operators ? undefined : asCopies;
      const why = refusalOf(topology, candidate, least, canLose);
      if (why !== undefined) refused.push(why);
      return why === undefined;
    }) ?? replicas;
  const survival = survivalOn(topology, atRest.scheme, canLose);
  const writeSurvival = survivalOn(topology, asAcknowledged(write), canLose);
  const isRedundant = lossesAt(survival, "disk") > 0 && lossesAt(writeSurvival, "disk") > 0;
  const unknown = `There is no scheme ${chosen} in this version; that of the class is kept.`;
  const isUnknown = chosen !== undefined && operators === undefined;
  const reasons = [...(isUnknown ? [unknown] : []), ...refused.slice(0, 1)];
  const said = [
    `Written as ${copiesText(write)}; kept as ${atRest.name}, ${overheadText(atRest)}.`,
    ...(topology.disks.some(takesMembers) ? [] : ["No disk takes new members now."]),
    isRedundant
      ? `At rest it survives the loss of ${survivalText(survival)}.`
      : "There is no redundancy: the loss of one disk may lose data.",
    ...reasons,
  ];
  const wished = candidates[0] ?? replicas;
  return { write, atRest, wished, survival, writeSurvival, isRedundant, reasons, said };
}

/** The same disks, of which those with less free take no members. */
function withoutFullDisks(topology: Topology, freeBytesMin: number): Topology {
  const disks = topology.disks.map((disk) => {
    const isFull = disk.health === "writable" && disk.freeBytes < freeBytesMin;
    return isFull ? { ...disk, health: "readable" as const } : disk;
  });
  return { ...topology, disks };
}

/** What a new extent of this scheme would survive: the worst of some that the disks would have. */
export function survivalOn(topology: Topology, scheme: Scheme, canLose: CanLose): Survival {
  const check = new SurvivalCheck(scheme, canLose);
  const survivals = Array.from({ length: drawsMax }, (_, draw) => {
    const random = (): number => (draw + 0.5) / drawsMax;
    const { members } = planMembers(topology, { count: memberCount(scheme), random });
    const places = members.map((disk) => topology.disks[topology.tree.placeOf(disk)!]!);
    return check.of(places);
  });
  return survivals.reduce(worseOf);
}

/**
 * @limit Sets of disks that are looked at to say what a scheme survives. They differ only below the
 * level that is spread evenly, where domains are of different sizes.
 */
const drawsMax = 8;

/** Three copies, two of them synced; fewer on fewer disks, or where fewer are kept. */
function replicasOn(topology: Topology, operators: NamedScheme | undefined): Replicas {
  const disks = topology.disks.filter(takesMembers).length;
  const wished = operators?.scheme.kind === "replicated" ? operators.scheme.copies : 3;
  return schemeNamed(`copies-${Math.max(1, Math.min(wished, disks))}`) as Replicas; // of 1 to 3
}

type Replicas = NamedScheme & { readonly scheme: SchemeChoice["write"] };

/** Those with fewer members, where an operator chose a code. */
function narrower(operators: NamedScheme, usual: readonly NamedScheme[]): readonly NamedScheme[] {
  if (operators.scheme.kind === "replicated") return [];
  return usual.filter(({ scheme }) => memberCount(scheme) < memberCount(operators.scheme));
}

/** Why this scheme is not kept here; undefined where it is. */
function refusalOf(
  topology: Topology,
  { name, scheme }: NamedScheme,
  least: Survival | undefined,
  canLose: CanLose,
): string | undefined {
  const members = memberCount(scheme);
  const disks = topology.disks.filter(takesMembers).length;
  if (members > disks) return `${name} takes ${members} disks; ${disks} can be used.`;
  if (least === undefined) return undefined;
  const survival = survivalOn(topology, scheme, canLose);
  for (const { level, losses } of least.levels) {
    const needed = level === "disk" ? losses : Math.min(1, losses);
    if (lossesAt(survival, level) < needed) {
      return `${name} would not survive the loss of any ${countOf(needed, level)}; copies do.`;
    }
  }
  return undefined;
}

function copiesText({ copies, quorum }: SchemeChoice["write"]): string {
  if (copies === 1) return "1 copy";
  return `${copies} copies, acknowledged when ${quorum} are synced`;
}

function overheadText({ scheme }: NamedScheme): string {
  return `${overheadOf(scheme).toFixed(2)} bytes on disk for each stored`;
}
