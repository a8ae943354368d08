import type { DiskLabels } from "../format/disk-labels.ts";
import type { Scheme, ShardScheme } from "../format/extent-row.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { countOf, type DomainLevel, domainLevels, domainName } from "./failure-domain.ts";
import { memberCount, neededMembers } from "./scheme-table.ts";

/** A member of an extent, by its place; undefined for one that is lost. */
export type MemberPlace = { readonly disk: DiskId; readonly labels: DiskLabels } | undefined;

/** Says of a code that is not Reed–Solomon whether all data follows from what is left. */
export type CanLose = (scheme: ShardScheme, lost: readonly number[]) => boolean;

/** What an extent survives at one level of failure domains. */
export interface LevelSurvival {
  readonly level: DomainLevel;
  /** How many domains have members that are not lost. */
  readonly domains: number;
  /** Any so many of them may be lost, and all data is still there. */
  readonly losses: number;
}

export interface Survival {
  /** False where data is lost already. */
  readonly isWhole: boolean;
  /** One for each level, the widest first. */
  readonly levels: readonly LevelSurvival[];
}

/**
 * What an extent survives whose members stand like this, some of them lost already: at each level
 * the highest number of domains any of which may be lost, together, without losing data. It is
 * exact: the worst case over all choices of domains.
 *
 * With copies and with Reed–Solomon only the number of members lost matters, so the worst case is
 * the domains with the most members. (So of z zones with k+m shards spread evenly one may be lost
 * if m ≥ ⌈(k+m)/z⌉.) For other codes each choice of domains is tried; `canLose` judges it.
 */
export function whatItSurvives(
  scheme: Scheme,
  members: readonly MemberPlace[],
  canLose: CanLose,
): Survival {
  return new SurvivalCheck(scheme, canLose).of(members);
}

/** `whatItSurvives` of several extents of one scheme: what is the same in them is found out once. */
export class SurvivalCheck {
  readonly #scheme: Scheme;
  readonly #canLose: CanLose;
  /** Losses by the members of each domain, which also say what is lost already. */
  readonly #losses = new Map<string, number>();

  constructor(scheme: Scheme, canLose: CanLose) {
    this.#scheme = scheme;
    this.#canLose = canLose;
  }

  of(members: readonly MemberPlace[]): Survival {
    const isLeft = (lost: readonly number[]): boolean =>
      isReadable(this.#scheme, members, lost, this.#canLose);
    const isWhole = isLeft([]);
    const levels = domainLevels.map((level) => {
      const domains = domainsOf(members, level);
      return {
        level,
        domains: domains.length,
        losses: isWhole ? this.#lossesOf(domains, isLeft) : 0,
      };
    });
    return { isWhole, levels };
  }

  #lossesOf(domains: readonly number[][], isLeft: (lost: readonly number[]) => boolean): number {
    const key = domains.map((domain) => domain.join()).join(";");
    const known = this.#losses.get(key);
    if (known !== undefined) return known;
    const losses = lossesOf(domains, isCounted(this.#scheme), isLeft);
    this.#losses.set(key, losses);
    return losses;
  }
}

/** How many domains of a level may be lost; undefined for a survival of other levels. */
export function lossesAt({ levels }: Survival, level: DomainLevel): number {
  return levels.find((each) => each.level === level)?.losses ?? 0;
}

/** The worse of two at each level. */
export function worseOf(one: Survival, other: Survival): Survival {
  const levels = one.levels.map((each, i) => {
    const { losses, domains } = other.levels[i]!;
    return {
      ...each,
      domains: Math.min(each.domains, domains),
      losses: Math.min(each.losses, losses),
    };
  });
  return { isWhole: one.isWhole && other.isWhole, levels };
}

/**
 * The levels that divide the members, the widest first: one domain says nothing, nor do the same
 * domains as at the level above, where no label divides them further.
 */
export function dividedLevels({ levels }: Survival): readonly LevelSurvival[] {
  return levels.filter(({ level, domains }, i) => {
    return level === "disk" || (domains > 1 && domains !== levels[i - 1]?.domains);
  });
}

/** `any 1 of 3 zones, any 4 of 12 disks; no rack`. */
export function survivalText(survival: Survival): string {
  if (!survival.isWhole) return "nothing: data is lost already";
  const divided = dividedLevels(survival).filter(({ domains }) => domains > 1);
  const survived = divided.filter(({ losses }) => losses > 0);
  const fatal = divided.filter(({ losses }) => losses === 0).map(({ level }) => `no ${level}`);
  if (survived.length === 0) return "nothing";
  const any = survived.map(({ level, domains, losses }) => {
    return `any ${losses} of ${countOf(domains, level)}`;
  });
  return [any.join(", "), ...(fatal.length > 0 ? [fatal.join(", ")] : [])].join("; ");
}

/** True if the members lost are all that matters, not which. */
function isCounted(scheme: Scheme): boolean {
  return scheme.kind === "replicated" || scheme.code === "rs";
}

function isReadable(
  scheme: Scheme,
  members: readonly MemberPlace[],
  lost: readonly number[],
  canLose: CanLose,
): boolean {
  const all = [...members.keys()].filter((i) => members[i] === undefined || lost.includes(i));
  for (let i = members.length; i < memberCount(scheme); i++) all.push(i);
  if (scheme.kind === "coded" && !isCounted(scheme)) return canLose(scheme, all);
  return memberCount(scheme) - all.length >= neededMembers(scheme);
}

/** The members of each domain that has some, those with the most first. */
function domainsOf(members: readonly MemberPlace[], level: DomainLevel): readonly number[][] {
  const domains = new Map<string, number[]>();
  for (const [index, member] of members.entries()) {
    if (member === undefined) continue;
    const name = domainName(member.labels, level, idText(member.disk));
    domains.set(name, [...(domains.get(name) ?? []), index]);
  }
  return [...domains.values()].toSorted((a, b) => b.length - a.length);
}

function lossesOf(
  domains: readonly (readonly number[])[],
  isByCount: boolean,
  isLeft: (lost: readonly number[]) => boolean,
): number {
  for (let losses = 1; losses < domains.length; losses++) {
    const worst = domains.slice(0, losses).flat();
    // The domains with the most members are one of the choices: often the one that shows it.
    if (!isLeft(worst) || (!isByCount && !surviveAll(domains, losses, isLeft))) return losses - 1;
  }
  return Math.max(0, domains.length - 1);
}

/** True if any so many of the domains may be lost, with those in `lost`. */
function surviveAll(
  domains: readonly (readonly number[])[],
  losses: number,
  isLeft: (lost: readonly number[]) => boolean,
  lost: readonly number[] = [],
): boolean {
  if (losses === 0) return isLeft(lost);
  return domains.every((domain, i) => {
    if (domains.length - i < losses) return true;
    return surviveAll(domains.slice(i + 1), losses - 1, isLeft, [...lost, ...domain]);
  });
}
