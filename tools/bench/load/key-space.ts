import { hashOf } from "./content.ts";
import { choose, type Shares } from "./shares.ts";

export const keyPatterns = ["sequential", "random", "hashed", "date", "folders"] as const;
export type KeyPattern = (typeof keyPatterns)[number];

/**
 * The objects of a run: everything about number `i` follows from `i` and the seed, so nothing has
 * to be remembered.
 */
export interface KeySpace {
  readonly count: number;
  readonly pattern: KeyPattern;
  /** Before every key. */
  readonly prefix: string;
  readonly sizes: Shares<number>;
  readonly seed: number;
}

/** Keys in each folder, in order, for `folders`. */
const folderKeys = 4;
/** The days of `date` keys begin here; a key a minute. */
const firstMinuteMs = Date.UTC(2026, 0, 1);

export function keyOf(space: KeySpace, index: number): string {
  const number = String(index).padStart(10, "0");
  const hex = (salt: string): string =>
    hashOf(`${salt}${space.seed}-${index}`).toString(16).padStart(8, "0");
  switch (space.pattern) {
    case "sequential":
      return `${space.prefix}${number}`;
    case "random":
      // The last, so that no two are alike.
      return `${space.prefix}${hex("a")}${hex("b")}-${index.toString(36)}`;
    case "hashed":
      return `${space.prefix}${hex("a").slice(0, 4)}/${number}`;
    case "folders":
      return `${space.prefix}${String(Math.floor(index / folderKeys)).padStart(10, "0")}/${number}`;
    case "date": {
      const time = new Date(firstMinuteMs + index * 60_000).toISOString();
      return `${space.prefix}${time.slice(0, 13).replace(/[-T]/g, "/")}/${number}`;
    }
  }
}

export function sizeOf(space: KeySpace, index: number): number {
  if (space.sizes.length === 1) return space.sizes[0]![0];
  return choose(space.sizes, hashOf(`size ${space.seed}-${index}`) / 2 ** 32);
}

/**
 * How reads choose among the objects: all alike, or some far more often (1 is the classic skew).
 */
export type Choice =
  | { readonly kind: "uniform" }
  | { readonly kind: "zipf"; readonly skew: number };

/**
 * The object at `point` (from 0, below 1). The skewed choice follows the power law's continuous
 * form, which needs no table: the share of the few first ranks differs a little from Zipf's sum.
 */
export function chooseIndex(choice: Choice, count: number, point: number): number {
  if (choice.kind === "uniform") return Math.min(count - 1, Math.floor(point * count));
  const rest = 1 - choice.skew;
  const rank =
    Math.abs(rest) < 1e-9
      ? (count + 1) ** point
      : (((count + 1) ** rest - 1) * point + 1) ** (1 / rest);
  return scatter(Math.min(count, Math.floor(rank)) - 1, count);
}

/**
 * Popular objects shall not be neighbours in key order: a step that is coprime to the count visits
 * each number once.
 */
function scatter(rank: number, count: number): number {
  let step = Math.floor(count * 0.618) || 1;
  while (commonDivisor(step, count) > 1) step++;
  return (rank * step) % count;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
