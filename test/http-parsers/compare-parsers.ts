import { generateBytes } from "./generated-bytes.ts";
import { differenceOf, type Outcomes } from "./known-differences.ts";
import { type ParsingServer, serveByNode, serveByUs } from "./parsing-servers.ts";

export interface Comparison {
  cases: number;
  /** Requests that both took. */
  alike: number;
  /** How often each known difference was met. */
  readonly differences: Map<string, number>;
  readonly unknown: (Outcomes & { readonly seed: number })[];
}

/** Pairs of servers that are asked at the same time. */
const lanes = 16;
/** Differences that are printed. */
const unknownMax = 20;

/** Both parsers on the bytes of all seeds from `first` on, while `goesOn`. */
export async function compareParsers(
  first: number,
  goesOn: (cases: number) => boolean,
): Promise<Comparison> {
  const comparison: Comparison = { cases: 0, alike: 0, differences: new Map(), unknown: [] };
  let next = first;
  const lane = async (): Promise<void> => {
    await using node = await serveByNode();
    await using own = await serveByUs();
    while (goesOn(next - first) && comparison.unknown.length < unknownMax) {
      await compareOne(next++, { node, own }, comparison);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return comparison;
}

async function compareOne(
  seed: number,
  { node, own }: { readonly node: ParsingServer; readonly own: ParsingServer },
  comparison: Comparison,
): Promise<void> {
  const bytes = generateBytes(seed);
  const [byNode, byUs] = await Promise.all([node.ask(bytes), own.ask(bytes)]);
  comparison.cases++;
  const name = differenceOf({ text: bytes.text, byNode, byUs });
  if (name === undefined) comparison.alike += byUs.length;
  else if (name === "unknown") comparison.unknown.push({ seed, text: bytes.text, byNode, byUs });
  else comparison.differences.set(name, (comparison.differences.get(name) ?? 0) + 1);
}
