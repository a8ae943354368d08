import { inverse, productsOf } from "./field.ts";

/** Rows of bytes, all of one length, over the field of field.ts. */
export type Matrix = readonly Uint8Array[];

/**
 * Picks rows, in their order, none of which is a combination of those picked before, and knows how
 * to combine each other row from them.
 *
 * It is Gaussian elimination a row at a time. Each picked row is kept in reduced form, beside the
 * combination of picked rows that it is.
 */
export class IndependentRows {
  readonly #columns: number;
  readonly #reduced: { readonly pivot: number; readonly row: Uint8Array }[] = [];

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** How many are picked. */
  get count(): number {
    return this.#reduced.length;
  }

  /** False: it is a combination of those that are picked already. */
  pick(row: Uint8Array): boolean {
    const reduced = this.#reduce(row);
    const pivot = reduced.subarray(0, this.#columns).findIndex((value) => value !== 0);
    if (pivot === -1) return false;
    reduced[this.#columns + this.count] = 1;
    this.#reduced.push({ pivot, row: scaled(reduced, inverse(reduced[pivot]!)) });
    return true;
  }

  /**
   * The coefficients of the picked rows, in the order they were picked, whose combination is this
   * row; undefined if there are none.
   */
  combinationOf(row: Uint8Array): Uint8Array | undefined {
    const rest = this.#reduce(row);
    // holds: C4 undecodable-is-not-decoded
    if (rest.subarray(0, this.#columns).some((value) => value !== 0)) return undefined;
    return rest.slice(this.#columns, this.#columns + this.count);
  }

  /**
   * The row less the combination of picked rows that makes the columns of all pivots zero; behind
   * the columns stand the coefficients of that combination.
   */
  #reduce(row: Uint8Array): Uint8Array {
    // There are at most as many independent rows as columns.
    const reduced = new Uint8Array(2 * this.#columns);
    reduced.set(row);
    for (const { pivot, row: picked } of this.#reduced) {
      const factor = reduced[pivot]!;
      if (factor !== 0) addMultiple(reduced, picked, factor);
    }
    return reduced;
  }
}

function addMultiple(target: Uint8Array, row: Uint8Array, factor: number): void {
  const multiples = productsOf(factor);
  for (let i = 0; i < target.length; i++) target[i]! ^= multiples[row[i]!]!;
}

function scaled(row: Uint8Array, factor: number): Uint8Array {
  const multiples = productsOf(factor);
  return row.map((value) => multiples[value]!);
}
