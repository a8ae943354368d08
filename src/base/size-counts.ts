/** Upper bounds of the classes that sizes are counted in. */
export const sizeBounds: readonly number[] = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
];

/** How often sizes came, such as those of batches: by classes of powers of two. */
export class SizeCounts {
  readonly #counts = sizeBounds.map(() => 0);
  #above = 0;
  #sum = 0;

  add(size: number): void {
    this.#sum += size;
    // The bound of class c is 2 to the c.
    const of = size <= 1 ? 0 : 32 - Math.clz32(size - 1);
    if (of < this.#counts.length) this.#counts[of] = this.#counts[of]! + 1;
    else this.#above++;
  }

  /** How many there were in each class, above all of them, and the sum of all sizes. */
  read(): readonly number[] {
    return [...this.#counts, this.#above, this.#sum];
  }
}
