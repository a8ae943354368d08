import { assert, must } from "../base/assert.ts";
import { RecentMap } from "../base/recent-map.ts";
import { IndependentRows, type Matrix } from "./matrix.ts";

/** The names that codes have in stored schemes. */
export type CodeName = "rs" | "lrc";

/**
 * How shards are computed from others: wanted shard i is the sum over j of `coefficients[i][j]`
 * times `reads[j]`. That holds for each byte by itself, so any range of the wanted shards is the
 * combination of the same range of those read (`Combiner` in platform/combiner.ts computes it).
 */
export interface ShardPlan {
  readonly wanted: readonly number[];
  /** None of those wanted, each once. */
  readonly reads: readonly number[];
  readonly coefficients: Matrix;
}

/**
 * @limit Plans that a code remembers, of some 400 bytes each where twelve shards are read: one for
 * each loss of one shard and each order in which disks are preferred lately.
 */
const plansMax = 256;

/**
 * A systematic linear code: shards 0 … data - 1 hold the bytes as they are, each of the others a
 * combination of them.
 *
 * A local group is a set of shards whose sum is zero, so that each is the sum of the others.
 */
export class Code {
  readonly name: CodeName;
  /** How many shards hold data. */
  readonly data: number;
  /** All others, local and global parities together. */
  readonly parity: number;
  /** All parities, computed from all data. */
  readonly encoding: ShardPlan;
  readonly localGroups: readonly (readonly number[])[];
  readonly #plans = new RecentMap<string, ShardPlan>(plansMax);

  /** @param parities a row for each parity: its coefficients of the data. */
  constructor(name: CodeName, parities: Matrix, localGroups: Code["localGroups"] = []) {
    this.name = name;
    this.data = must(parities[0], "a code has parities").length;
    this.parity = parities.length;
    this.localGroups = localGroups;
    const reads = range(0, this.data);
    this.encoding = { wanted: range(this.data, this.shards), reads, coefficients: parities };
  }

  get shards(): number {
    return this.data + this.parity;
  }

  /**
   * How to compute the wanted shards from the fewest of those that can be read: from the local
   * groups where these have all the others, else from as many as there is data, the first ones that
   * will do. Undefined: the wanted shards do not follow from these.
   *
   * @param readable the preferred ones first; wanted ones among them are not read.
   */
  repairPlan(wanted: readonly number[], readable: readonly number[]): ShardPlan | undefined {
    const key = `${wanted.join()}<${readable.join()}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    for (const shard of [...wanted, ...readable]) {
      assert(Number.isInteger(shard) && shard >= 0 && shard < this.shards, `no shard ${shard}`);
    }
    // holds: C4 wanted-shards-are-not-read
    const others = [...new Set(readable)].filter((shard) => !wanted.includes(shard));
    const plan = this.#planOf(wanted, this.#localReads(wanted, others) ?? others);
    if (plan !== undefined) this.#plans.set(key, plan);
    return plan;
  }

  /** Undefined where some wanted shard is in no local group with all the others at hand. */
  #localReads(wanted: readonly number[], others: readonly number[]): number[] | undefined {
    const reads = new Set<number>();
    for (const shard of wanted) {
      const group = this.localGroups.find((members) => members.includes(shard));
      const rest = group?.filter((member) => member !== shard);
      if (rest === undefined || !rest.every((member) => others.includes(member))) return undefined;
      for (const member of rest) reads.add(member);
    }
    return [...reads];
  }

  #planOf(wanted: readonly number[], candidates: readonly number[]): ShardPlan | undefined {
    const rows = new IndependentRows(this.data);
    const reads: number[] = [];
    for (const shard of candidates) {
      if (rows.count === this.data) break;
      if (rows.pick(this.#rowOf(shard))) reads.push(shard);
    }
    const coefficients: Uint8Array[] = [];
    for (const shard of wanted) {
      const combination = rows.combinationOf(this.#rowOf(shard));
      if (combination === undefined) return undefined;
      coefficients.push(combination);
    }
    return { wanted: [...wanted], reads, coefficients };
  }

  /** The shard's coefficients of the data. */
  #rowOf(shard: number): Uint8Array {
    if (shard >= this.data) return this.encoding.coefficients[shard - this.data]!;
    const row = new Uint8Array(this.data);
    row[shard] = 1;
    return row;
  }
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
