import { Code } from "./code.ts";
import { multiply } from "./field.ts";

const groupData = 6;

/**
 * LRC(12,2,2): shards 0 to 5 and 6 to 11 are data, each half with a local parity (12 and 13) that
 * is its sum; 14 and 15 are global parities. One lost shard of the first 14 is the sum of the six
 * others of its group.
 *
 * It is the code of Huang et al., "Erasure Coding in Windows Azure Storage" (USENIX ATC 2012). The
 * global parities have the coefficients α and α² of the first half, β and β² of the second; the α
 * are those elements whose low four bits are zero, the β those whose high four bits are, so that no
 * sum of two α is one of two β. Then each loss decodes that any code of this shape could decode:
 * all of three shards, 1,568 of the 1,820 of four.
 */
export function locallyRepairable(): Code {
  const half = Array.from({ length: groupData }, (_, i) => i + 1);
  const factors = Uint8Array.from([...half.map((value) => value * 16), ...half]);
  const isInGroup = (group: number, shard: number): boolean =>
    Math.floor(shard / groupData) === group;
  const locals = [0, 1].map((group) =>
    factors.map((_, shard) => (isInGroup(group, shard) ? 1 : 0)),
  );
  const squares = factors.map((factor) => multiply(factor, factor));
  const groups = [0, 1].map((group) => [
    ...half.map((value) => group * groupData + value - 1),
    2 * groupData + group,
  ]);
  return new Code("lrc", [...locals, factors, squares], groups);
}
