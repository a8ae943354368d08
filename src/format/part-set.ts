/** A set of part numbers, 1 … 10,000: a bit for each up to the greatest, so at most 1,250 bytes. */
export type PartSet = Uint8Array;

export const noParts: PartSet = new Uint8Array(0);

export function partSetOf(numbers: readonly number[]): PartSet {
  const greatest = numbers.reduce((most, number) => Math.max(most, number), 0);
  const set = new Uint8Array((greatest >> 3) + 1);
  for (const number of numbers) set[number >> 3]! |= 1 << (number & 7);
  return set;
}

export function hasPart(set: PartSet, number: number): boolean {
  return ((set[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
}
