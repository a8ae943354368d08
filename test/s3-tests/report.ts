import type { TestResult } from "./pytest.ts";
import { deviations } from "./scope.ts";

export interface Summary {
  readonly lines: readonly string[];
  readonly failed: number;
  readonly passed: number;
}

/**
 * The report of a run, the counts last. A test that fails where an answer recorded from AWS says
 * otherwise is counted as skipped.
 *
 * @param leftOut why each test that did not run is not for us.
 */
export function summarize(results: readonly TestResult[], leftOut: readonly string[]): Summary {
  const lines: string[] = [];
  const skipped = leftOut.map((reason) => `not built: ${reason}`);
  let [passed, failed] = [0, 0];
  for (const { name, outcome, why } of results) {
    const deviation = deviations[name];
    if (outcome === "skipped") {
      skipped.push("skipped by the suite");
      lines.push(`skipped ${name}: ${why}`);
    } else if (outcome === "passed") {
      passed++;
      if (deviation !== undefined) lines.push(`PASSED ${name}, where a deviation is expected`);
    } else if (deviation === undefined) {
      failed++;
      lines.push(`FAILED ${name}: ${why}`);
    } else {
      skipped.push("AWS answers otherwise than the suite expects");
      const { suite, ours, source } = deviation;
      lines.push(`deviates ${name}: the suite: ${suite}; here: ${ours} (${source})`);
    }
  }
  for (const [reason, { length }] of Map.groupBy(skipped, (each) => each)) {
    lines.push(`${String(length).padStart(4)} ${reason}`);
  }
  lines.push(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return { lines, failed, passed };
}
