/**
 * Things to choose from, with their weights: `4KiB:80,1MiB:20`, `get:70,put:30`; a lone one needs
 * no weight.
 */
export type Shares<T> = readonly (readonly [thing: T, weight: number])[];

export function parseShares<T>(text: string, parse: (name: string) => T): Shares<T> {
  const shares = text.split(",").map((part) => {
    const colon = part.lastIndexOf(":");
    const [name, weight] =
      colon < 0 ? [part, 1] : [part.slice(0, colon), Number(part.slice(colon + 1))];
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new Error(`"${part}": a weight is a number, as in a:80,b:20`);
    }
    return [parse(name.trim()), weight] as const;
  });
  if (shares.every(([, weight]) => weight === 0)) throw new Error(`"${text}" leaves no choice`);
  return shares;
}

/**
 * The thing at `point` (from 0, below 1) where they lie side by side, each as wide as its weight.
 */
export function choose<T>(shares: Shares<T>, point: number): T {
  const total = shares.reduce((sum, [, weight]) => sum + weight, 0);
  let left = point * total;
  for (const [thing, weight] of shares) {
    left -= weight;
    if (left < 0) return thing;
  }
  return shares.at(-1)![0];
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** `4096`, `4KiB`, `64 MiB`, `1.5GB` as bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) *([a-z]*)$/i.exec(text.trim());
  const unit = units[match?.[2]?.toLowerCase() ?? "none"];
  const bytes = Number(match?.[1]) * (unit ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) throw new Error(`"${text}" is no size: 4096, 4KiB, 64MiB, 1GB`);
  return bytes;
}
