import { RecentMap } from "../base/recent-map.ts";
import { type CodedScheme, codeOf } from "./codes.ts";

/**
 * @limit Answers that are remembered, some 100 bytes each: all losses of up to four of the 16
 * shards of LRC(12,2,2) are 2,517. Each takes 20 µs to find out.
 */
const answersMax = 4096;

/** Says if all data follows from the shards that are not lost. It remembers its answers. */
export function createLossCheck(): (scheme: CodedScheme, lost: readonly number[]) => boolean {
  const answers = new RecentMap<string, boolean>(answersMax);
  return (scheme, lost) => {
    const key = `${scheme.code} ${scheme.data} ${scheme.parity} ${lost.join()}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const code = codeOf(scheme);
    const shards = Array.from({ length: code.shards }, (_, shard) => shard);
    const left = shards.filter((shard) => !lost.includes(shard));
    const answer = code.repairPlan(lost, left) !== undefined;
    answers.set(key, answer);
    return answer;
  };
}
