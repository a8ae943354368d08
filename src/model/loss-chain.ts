import { must } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import type { Rates } from "./fleet.ts";
import type { Layout } from "./layout.ts";
import type { ModelScheme } from "./model-scheme.ts";

/*
 * The life of one extent as a Markov chain in continuous time, solved without approximation.
 *
 * A state says of each failure domain whether it is destroyed, and else how many members of each
 * class are lost with their disks and how many have a latent error. Members of a class in a domain
 * are alike, and so are domains with the same members, so states count them instead of naming them
 * (the chain is lumped). All states from which the data can be decoded are in the chain; the others
 * are one state, loss, that is never left. With one class and no domains this is the birth–death
 * chain of the literature (Chen et al., "RAID", ACM Computing Surveys 1994; Huang et al., USENIX ATC
 * 2012), except that lost members are repaired side by side: i lost ones at i times the rate.
 *
 * The chain visits the state in which all is well again and again. With γ the probability that a
 * visit's excursion ends in loss, and C the mean time from one visit to the next (or to the loss),
 * the mean time to loss is exactly C / γ. Both come from linear systems in which nothing is ever
 * subtracted, so γ is right to its last digits even where it is 1e-25. Sweeps in alternating
 * directions (Gauss–Seidel) solve them; as long as repair is quicker than failure a few are enough.
 */

/** @limit LRC(12,2,2) in three zones has some 8,000 states: about 20 bytes for each transition. */
const statesMax = 60_000;
/** @limit A few sweeps do where repair is much quicker than failure; this many take a second. */
const sweepsMax = 5_000;
/** Relative change of the last sweep: the resolution of a double is 2e-16. */
const resolution = 1e-14;

export interface ChainSolution {
  /** Mean time until the extent is lost, in years, from a state in which all is well. */
  readonly meanYears: number;
  readonly states: number;
}

export function solveLossChain(scheme: ModelScheme, layout: Layout, rates: Rates): ChainSolution {
  const chain = exploreStates(scheme, layout, rates);
  const lossFrom = solve(chain, chain.lossProbability);
  const timeFrom = solve(chain, chain.holdingYears);
  return { meanYears: timeFrom / lossFrom, states: chain.holdingYears.length };
}

interface EmbeddedChain {
  /** The transitions of state s are at firstOf[s] … firstOf[s + 1] of targets and probabilities. */
  readonly firstOf: readonly number[];
  readonly targets: readonly number[];
  readonly probabilities: readonly number[];
  /** The probability that the next transition is the loss. */
  readonly lossProbability: readonly number[];
  readonly holdingYears: readonly number[];
}

/** Breadth first from state 0, in which all is well. */
function exploreStates(scheme: ModelScheme, layout: Layout, rates: Rates): EmbeddedChain {
  const domains = new DomainStates(layout, rates);
  const states: (readonly number[])[] = [layout.map(() => 0)];
  const indexOf = new Map([[String(states[0]), 0]]);
  const [firstOf, targets, probabilities]: number[][] = [[0], [], []];
  const [lossProbability, holdingYears]: number[][] = [[], []];
  for (let index = 0; index < states.length; index++) {
    if (states.length > statesMax) {
      throw new StoreError(
        "invalid",
        `${scheme.label} over ${layout.length} failure domains has more than ${statesMax} states: ` +
          "give more racks than it has members, fewer zones, or a narrower scheme",
      );
    }
    const toward = new Map<number, number>();
    let [total, loss] = [0, 0];
    for (const { state, rate } of domains.transitionsFrom(states[index]!)) {
      total += rate;
      if (!scheme.isDecodable(domains.missingIn(state))) {
        loss += rate;
        continue;
      }
      const key = String(state);
      const target = indexOf.get(key) ?? states.push(state) - 1;
      indexOf.set(key, target);
      toward.set(target, (toward.get(target) ?? 0) + rate);
    }
    for (const [target, rate] of toward) {
      targets!.push(target);
      probabilities!.push(rate / total);
    }
    firstOf!.push(targets!.length);
    lossProbability!.push(loss / total);
    holdingYears!.push(1 / total);
  }
  return {
    firstOf: firstOf!,
    targets: targets!,
    probabilities: probabilities!,
    lossProbability: lossProbability!,
    holdingYears: holdingYears!,
  };
}

/**
 * The expected sum of what each state contributes, over an excursion from state 0 until it returns
 * or ends in loss.
 */
function solve(chain: EmbeddedChain, contribution: readonly number[]): number {
  const { firstOf, targets, probabilities } = chain;
  const count = contribution.length;
  const values = new Float64Array(count);
  const valueOf = (state: number): number => {
    let sum = contribution[state]!;
    for (let i = firstOf[state]!; i < firstOf[state + 1]!; i++) {
      const target = targets[i]!;
      // The excursion ends on return.
      if (target !== 0) sum += probabilities[i]! * values[target]!;
    }
    return sum;
  };
  for (let sweep = 0; sweep < sweepsMax; sweep++) {
    let change = 0;
    for (let i = 1; i < count; i++) {
      const state = sweep % 2 === 0 ? count - i : i;
      const value = valueOf(state);
      if (value > 0) change = Math.max(change, Math.abs(value - values[state]!) / value);
      values[state] = value;
    }
    if (change < resolution) return valueOf(0);
  }
  throw new StoreError(
    "invalid",
    "disks are lost about as quickly as they are repaired, so extents do not last: " +
      "give a lower --afr or a shorter --repair-hours",
  );
}

interface DomainState {
  /** Members that are missing, by class. */
  readonly missing: readonly number[];
  readonly transitions: readonly { readonly to: number; readonly rate: number }[];
}

interface LabelledState {
  readonly state: readonly number[];
  readonly rate: number;
}

/** States of single domains, as numbers (0: all is well), and those of the whole made of them. */
class DomainStates {
  readonly #ofDomain: readonly (readonly DomainState[])[];
  /** Domains with the same members, as runs of indices. */
  readonly #alike: readonly (readonly number[])[];
  readonly #classes: number;

  constructor(layout: Layout, rates: Rates) {
    const byMembers = Map.groupBy(layout.keys(), (index) => String(layout[index]));
    const known = new Map(
      [...byMembers].map(([key, [first = 0]]) => [key, statesOfDomain(layout[first]!, rates)]),
    );
    this.#alike = [...byMembers.values()];
    this.#ofDomain = layout.map((members) =>
      must(known.get(String(members)), "a domain without states"),
    );
    this.#classes = must(layout[0], "an extent in no domain").length;
  }

  *transitionsFrom(state: readonly number[]): Generator<LabelledState> {
    for (const [domain, own] of state.entries()) {
      for (const { to, rate } of this.#ofDomain[domain]![own]!.transitions) {
        yield { state: this.#inOrder(state.with(domain, to)), rate };
      }
    }
  }

  missingIn(state: readonly number[]): number[] {
    const missing = Array.from({ length: this.#classes }, () => 0);
    for (const [domain, own] of state.entries()) {
      for (const [index, count] of this.#ofDomain[domain]![own]!.missing.entries()) {
        missing[index]! += count;
      }
    }
    return missing;
  }

  /** The one of all states that differ only in which of several like domains is in which state. */
  #inOrder(state: readonly number[]): readonly number[] {
    const ordered = [...state];
    for (const domains of this.#alike) {
      const own = domains.map((domain) => state[domain]!).toSorted((one, other) => one - other);
      for (const [i, domain] of domains.entries()) ordered[domain] = own[i]!;
    }
    return ordered;
  }
}

/** Lost and latent members of each class, one after the other: [lost, latent, lost, latent …]. */
type Counts = readonly number[];

function statesOfDomain(members: readonly number[], rates: Rates): DomainState[] {
  const allCounts = countsWithin(members);
  const indexOf = new Map(allCounts.map((counts, index) => [String(counts), index]));
  const destroyed = allCounts.length;
  const states = allCounts.map((counts) => ({
    missing: members.map((_, index) => counts[2 * index]! + counts[2 * index + 1]!),
    transitions: [
      ...movesWithin(members, counts, rates).map(({ counts: next, rate }) => ({
        to: must(indexOf.get(String(next)), "a move out of the domain's states"),
        rate,
      })),
      ...(rates.domain > 0 ? [{ to: destroyed, rate: rates.domain }] : []),
    ],
  }));
  const rebuilt = [{ to: 0, rate: rates.domainRepair }];
  return [...states, { missing: members, transitions: rebuilt }];
}

/** All counts of a domain; the first is that of a domain in which all is well. */
function countsWithin(members: readonly number[]): Counts[] {
  let all: Counts[] = [[]];
  for (const size of members) {
    const own: Counts[] = [];
    for (let lost = 0; lost <= size; lost++) {
      for (let latent = 0; lost + latent <= size; latent++) own.push([lost, latent]);
    }
    all = all.flatMap((before) => own.map((counts) => [...before, ...counts]));
  }
  return all;
}

function movesWithin(
  members: readonly number[],
  counts: Counts,
  rates: Rates,
): { readonly counts: Counts; readonly rate: number }[] {
  const moves = members.flatMap((size, index) => {
    const [lost, latent] = [counts[2 * index]!, counts[2 * index + 1]!];
    const sound = size - lost - latent;
    const next = (lostChange: number, latentChange: number): Counts =>
      counts.with(2 * index, lost + lostChange).with(2 * index + 1, latent + latentChange);
    return [
      { counts: next(1, 0), rate: sound * rates.disk },
      { counts: next(1, -1), rate: latent * rates.disk },
      { counts: next(0, 1), rate: sound * rates.latent },
      { counts: next(-1, 0), rate: lost * rates.repair },
      { counts: next(0, -1), rate: latent * rates.scrub },
    ];
  });
  return moves.filter(({ rate }) => rate > 0);
}
