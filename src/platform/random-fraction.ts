import type { Random } from "./platform.ts";

/** Numbers from 0 to 1, without 1, of 24 bits: what plans draw from. */
export function randomFractions(random: Random): () => number {
  return () => {
    const [a = 0, b = 0, c = 0] = random.bytes(3);
    return (a * 65_536 + b * 256 + c) / 2 ** 24;
  };
}
