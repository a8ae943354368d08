/**
 * Files that import each other, by way of others or not: each group of them once (Tarjan's strongly
 * connected components). `imports` has for each file the files that it imports.
 */
export function findCircles(
  imports: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] {
  const numbers = new Map<string, number>();
  const path: string[] = [];
  const onPath = new Set<string>();
  const circles: string[][] = [];

  /** Returns the lowest number on the path that the file reaches. */
  function visit(file: string): number {
    const own = numbers.size;
    numbers.set(file, own);
    path.push(file);
    onPath.add(file);
    let lowest = own;
    for (const next of imports.get(file) ?? []) {
      const known = numbers.get(next);
      if (known === undefined) lowest = Math.min(lowest, visit(next));
      else if (onPath.has(next)) lowest = Math.min(lowest, known);
    }
    if (lowest === own) {
      const group = path.splice(path.indexOf(file));
      for (const member of group) onPath.delete(member);
      if (group.length > 1 || imports.get(file)?.includes(file)) circles.push(group.sort());
    }
    return lowest;
  }

  for (const file of imports.keys()) if (!numbers.has(file)) visit(file);
  return circles;
}
