import { membersOf, type ModelScheme } from "./model-scheme.ts";

/** Where the members of one extent are: how many of each class in each failure domain. */
export type Layout = readonly (readonly number[])[];

/**
 * Members are dealt to the domains in turn, class by class, as placement does: no domain holds two
 * while another holds none, and each class is spread as evenly as the whole.
 */
export function spreadOver(scheme: ModelScheme, domains: number): Layout {
  const count = Math.min(domains, membersOf(scheme));
  const layout = Array.from({ length: count }, () => scheme.classes.map(() => 0));
  let next = 0;
  for (const [index, members] of scheme.classes.entries()) {
    for (let member = 0; member < members; member++) layout[next++ % count]![index]!++;
  }
  return layout;
}

/** The number of domains that can each be lost as a whole without losing the extent. */
export function survivableDomains(scheme: ModelScheme, layout: Layout): number {
  return layout.filter((members) => scheme.isDecodable(members)).length;
}
