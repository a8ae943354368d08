import { must } from "../base/assert.ts";
import { SeededRandom } from "../platform/seeded-random.ts";
import type { BadBatch, Rates } from "./fleet.ts";
import type { Layout } from "./layout.ts";
import { combinations, membersOf, type ModelScheme, smallestLoss } from "./model-scheme.ts";

/*
 * The life of one extent by trial, with every member by itself: which disk it is on, whether that
 * is one of the bad batch, in which domain. Nothing is counted together, nothing is averaged.
 *
 * A loss once in 1e15 years is never seen by waiting. So each trial is one excursion: it begins
 * with the first thing that happens to an extent of which all is well, and ends in loss or when all
 * is well again. Within it the next failure is made likely, and the trial carries the ratio of its
 * true to its forced probability (importance sampling; "balanced failure biasing": P. Shahabuddin,
 * Management Science 40, 1994). Rare kinds of failure are tried nearly as often as others, so that
 * they are seen too, and the relative error stays bounded however small the rates are. A second,
 * unforced excursion measures how long excursions are. Loss rate = mean weight of losses / mean
 * length.
 */

/** What a trial can start or meet: the loss of a disk, a latent error, the loss of a domain. */
const failureKinds = ["disk", "latent", "domain"] as const;
type FailureKind = (typeof failureKinds)[number];

/** How likely the next event is made a failure: a path to a loss of five members is then 1 in 8. */
const forcedFailure = 0.6;
/** 95 % of a normal distribution lie within so many deviations. */
const deviationsOf95 = 1.96;
/** One trial in so many measures a length too: those are all nearly alike. */
const trialsForLength = 8;
/** What no number of bad disks is tried less often than, to its own likelihood. */
const fairTrials = 0.05;

export interface LossEstimate {
  readonly trials: number;
  /** Losses a year, with the bounds of the 95 % interval. */
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

export interface TrialOptions {
  readonly scheme: ModelScheme;
  readonly layout: Layout;
  /** Rates of good disks. */
  readonly rates: Rates;
  readonly batch: BadBatch;
  readonly seed: number;
}

/** Trials with one number of bad disks among the members, and what came of them. */
interface Stratum {
  readonly bad: number;
  /** Probability of this number. */
  readonly weight: number;
  /** Share of the trials that are made with it. */
  readonly share: number;
  readonly losses: Moments;
  readonly lengths: Moments;
}

export class LossTrials {
  readonly #random: SeededRandom;
  readonly #extent: TrialExtent;
  readonly #strata: readonly Stratum[];
  #trials = 0;

  constructor(options: TrialOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#extent = new TrialExtent(options, this.#random);
    this.#strata = strataOf(options);
  }

  run(trials: number): void {
    for (let i = 0; i < trials; i++) {
      const stratum = this.#drawStratum();
      this.#extent.placeOn(stratum.bad);
      if (stratum.losses.count % trialsForLength === 0) {
        stratum.lengths.add(this.#extent.excursionYears());
      }
      stratum.losses.add(this.#extent.forcedExcursion());
    }
    this.#trials += trials;
  }

  get estimate(): LossEstimate {
    let [rate, variance] = [0, 0];
    for (const { weight, losses, lengths } of this.#strata) {
      if (lengths.count === 0) continue;
      const own = losses.mean / lengths.mean;
      rate += weight * own;
      const ofLosses = losses.varianceOfMean / lengths.mean ** 2;
      const ofLengths = lengths.varianceOfMean * (own / lengths.mean) ** 2;
      variance += weight ** 2 * (ofLosses + ofLengths);
    }
    const half = deviationsOf95 * Math.sqrt(variance);
    return { trials: this.#trials, rate, low: Math.max(0, rate - half), high: rate + half };
  }

  #drawStratum(): Stratum {
    let left = this.#random.unit();
    for (const stratum of this.#strata) {
      left -= stratum.share;
      if (left < 0) return stratum;
    }
    return must(this.#strata[0], "no stratum to try");
  }
}

/** Sets with many bad disks are rare, and lose much more often: they are tried accordingly. */
function strataOf({ scheme, batch }: TrialOptions): Stratum[] {
  const members = membersOf(scheme);
  const { missing } = smallestLoss(scheme);
  const drafts = Array.from({ length: members + 1 }, (_, bad) => {
    const weight =
      combinations(members, bad) * batch.share ** bad * (1 - batch.share) ** (members - bad);
    const worse = (members - bad + bad * batch.factor) / members;
    return { bad, weight, importance: weight * worse ** missing };
  }).filter(({ weight }) => weight > 0);
  const all = drafts.reduce((sum, { importance }) => sum + importance, 0);
  return drafts.map(({ bad, weight, importance }) => ({
    bad,
    weight,
    share: fairTrials * weight + (1 - fairTrials) * (importance / all),
    losses: new Moments(),
    lengths: new Moments(),
  }));
}

class Moments {
  count = 0;
  #sum = 0;
  #squares = 0;

  add(value: number): void {
    this.count++;
    this.#sum += value;
    this.#squares += value * value;
  }

  get mean(): number {
    return this.#sum / Math.max(1, this.count);
  }

  get varianceOfMean(): number {
    const variance = this.#squares / Math.max(1, this.count) - this.mean ** 2;
    return Math.max(0, variance) / Math.max(1, this.count);
  }
}

const sound = 0;
const latent = 1;
const lost = 2;

/** One extent, member by member. */
class TrialExtent {
  readonly #scheme: ModelScheme;
  readonly #rates: Rates;
  readonly #factor: number;
  readonly #random: SeededRandom;
  readonly #classOf: readonly number[];
  readonly #domainOf: readonly number[];
  readonly #domains: number;
  readonly #stateOf: Uint8Array;
  readonly #destroyed: Uint8Array;
  /** Failure rate of each member's disk. */
  readonly #diskRateOf: Float64Array;

  constructor({ scheme, layout, rates, batch }: TrialOptions, random: SeededRandom) {
    this.#scheme = scheme;
    this.#rates = rates;
    this.#factor = batch.factor;
    this.#random = random;
    const members = layout.flatMap((classes, domain) =>
      classes.flatMap((count, index) => Array.from({ length: count }, () => ({ domain, index }))),
    );
    this.#classOf = members.map(({ index }) => index);
    this.#domainOf = members.map(({ domain }) => domain);
    this.#domains = layout.length;
    this.#stateOf = new Uint8Array(members.length);
    this.#destroyed = new Uint8Array(layout.length);
    this.#diskRateOf = new Float64Array(members.length);
  }

  /** Chooses which members' disks are of the bad batch. */
  placeOn(bad: number): void {
    let left = bad;
    const count = this.#diskRateOf.length;
    for (let member = 0; member < count; member++) {
      const isBad = this.#random.unit() * (count - member) < left;
      if (isBad) left--;
      this.#diskRateOf[member] = this.#rates.disk * (isBad ? this.#factor : 1);
    }
  }

  /** The weight of the loss in which a forced excursion ended; 0 where all became well again. */
  forcedExcursion(): number {
    this.#makeSound();
    let [weight, mending] = [1, 0];
    do {
      const failures = failureKinds.map((kind) => this.#failureRate(kind));
      const failing = sumOf(failures);
      const natural = failing / (failing + mending);
      const forced = mending === 0 ? 1 : Math.max(natural, forcedFailure);
      if (this.#random.unit() >= forced) {
        weight *= (1 - natural) / (1 - forced);
        this.#mend(this.#random.unit() * mending);
        mending = this.#mendRate();
        continue;
      }
      const shares = kindShares(failures, failing);
      const index = this.#chosen(failureKinds.length, this.#random.unit(), (i) => shares[i]!);
      const rate = failures[index]!;
      weight *= (natural / forced) * (rate / failing / shares[index]!);
      this.#fail(failureKinds[index]!, this.#random.unit() * rate);
      if (this.#isLost()) return weight;
      mending = this.#mendRate();
    } while (mending > 0);
    return 0;
  }

  /** Mean length of the states of one excursion as it comes, that in which all is well included. */
  excursionYears(): number {
    this.#makeSound();
    let years = 0;
    do {
      const failures = failureKinds.map((kind) => this.#failureRate(kind));
      const [failing, mending] = [sumOf(failures), this.#mendRate()];
      years += 1 / (failing + mending);
      let at = this.#random.unit() * (failing + mending);
      if (at < mending) {
        this.#mend(at);
        continue;
      }
      at -= mending;
      let index = 0;
      while (index < 2 && at >= failures[index]!) at -= failures[index++]!;
      this.#fail(failureKinds[index]!, at);
    } while (!this.#isLost() && this.#mendRate() > 0);
    return years;
  }

  #makeSound(): void {
    this.#stateOf.fill(sound);
    this.#destroyed.fill(0);
  }

  /** How quickly a member's state can change in this way. */
  #memberRate(kind: FailureKind, member: number): number {
    const state = this.#stateOf[member]!;
    if (this.#destroyed[this.#domainOf[member]!] === 1) return 0;
    if (kind === "disk") return state === lost ? 0 : this.#diskRateOf[member]!;
    return state === sound ? this.#rates.latent : 0;
  }

  #failureRate(kind: FailureKind): number {
    let rate = 0;
    if (kind === "domain") {
      for (const is of this.#destroyed) rate += is === 1 ? 0 : this.#rates.domain;
      return rate;
    }
    for (let i = 0; i < this.#stateOf.length; i++) rate += this.#memberRate(kind, i);
    return rate;
  }

  #fail(kind: FailureKind, at: number): void {
    if (kind === "domain") {
      this.#destroy(
        this.#chosen(this.#domains, at, (i) => {
          return this.#destroyed[i] === 1 ? 0 : this.#rates.domain;
        }),
      );
      return;
    }
    const member = this.#chosen(this.#stateOf.length, at, (i) => this.#memberRate(kind, i));
    this.#stateOf[member] = kind === "disk" ? lost : latent;
  }

  #destroy(domain: number): void {
    this.#destroyed[domain] = 1;
    for (const [member, its] of this.#domainOf.entries()) {
      if (its === domain) this.#stateOf[member] = sound;
    }
  }

  /** Members first, then domains. */
  #mendRateOf(index: number): number {
    const members = this.#stateOf.length;
    if (index >= members) {
      return this.#destroyed[index - members] === 1 ? this.#rates.domainRepair : 0;
    }
    const state = this.#stateOf[index];
    if (state === sound) return 0;
    return state === lost ? this.#rates.repair : this.#rates.scrub;
  }

  #mendRate(): number {
    let rate = 0;
    for (let i = 0; i < this.#stateOf.length + this.#domains; i++) rate += this.#mendRateOf(i);
    return rate;
  }

  #mend(at: number): void {
    const members = this.#stateOf.length;
    const index = this.#chosen(members + this.#domains, at, (i) => this.#mendRateOf(i));
    if (index >= members) this.#destroyed[index - members] = 0;
    else this.#stateOf[index] = sound;
  }

  /** The one of several things at which the sum of their rates passes `at`. */
  #chosen(count: number, at: number, rateOf: (index: number) => number): number {
    let left = at;
    let last = 0;
    for (let index = 0; index < count; index++) {
      const rate = rateOf(index);
      if (rate <= 0) continue;
      last = index;
      left -= rate;
      if (left < 0) break;
    }
    return last;
  }

  #isLost(): boolean {
    const missing = this.#scheme.classes.map(() => 0);
    for (let member = 0; member < this.#stateOf.length; member++) {
      const isMissing =
        this.#stateOf[member] !== sound || this.#destroyed[this.#domainOf[member]!] === 1;
      if (isMissing) missing[this.#classOf[member]!]!++;
    }
    return !this.#scheme.isDecodable(missing);
  }
}

/** How often each kind is tried: half by its rate, half equally among those that can happen. */
function kindShares(rates: readonly number[], all: number): number[] {
  const possible = rates.filter((rate) => rate > 0).length;
  return rates.map((rate) => (rate > 0 ? (rate / all + 1 / possible) / 2 : 0));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
