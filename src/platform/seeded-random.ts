import type { Random } from "./platform.ts";

/*
 * All chance in a simulated run, and in the trials of the durability model, comes from here: what
 * happens is a function of the seed.
 *
 * xoshiro128** 1.1 by David Blackman and Sebastiano Vigna (2018, prng.di.unimi.it, public domain):
 * 128 bits of state in 32-bit steps, which JavaScript does without BigInt. The state is filled by
 * splitmix32, so that seeds 1, 2, 3 … give streams that have nothing in common.
 */

const uint32Range = 0x1_0000_0000;

export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let mixed = seed >>> 0;
    this.#state = new Uint32Array(4).map(() => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let z = mixed;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    });
  }

  /** A stream of its own, so that what one part draws does not depend on how much another does. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }

  uint32(): number {
    const s = this.#state;
    const product = Math.imul(s[1]!, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** 0 <= number < 1 */
  unit(): number {
    return this.uint32() / uint32Range;
  }

  /** A whole number, 0 <= number < limit; limit up to 2^32. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** A whole number, first <= number <= last. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(count: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.uint32();
    return new Uint8Array(words.buffer, 0, count);
  }
}
