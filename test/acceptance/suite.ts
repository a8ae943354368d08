/** Runs named cases one after the other, says how each went, and ends with "N passed, N failed". */
export interface Case {
  readonly name: string;
  /** Throws where the case fails; returns a short note (figures) for the line. */
  readonly run: () => Promise<string>;
  /** Why it cannot run here; undefined if it can. */
  readonly skip?: string | undefined;
}

export async function runSuite(
  cases: readonly Case[],
  options: {
    /** Wall time for all; what would begin later fails. */ readonly seconds?: number;
  } = {},
): Promise<never> {
  const start = performance.now();
  const { seconds: budget = Number.POSITIVE_INFINITY } = options;
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const { name, run, skip } of cases) {
    if (skip !== undefined) {
      skipped++;
      console.log(`skipped ${name}: ${skip}`);
      continue;
    }
    const began = performance.now();
    const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    try {
      if ((began - start) / 1000 > budget) throw new Error(`the suite's ${budget} s are over`);
      const note = await run();
      passed++;
      console.log(`ok ${name} (${seconds()}) ${note}`);
    } catch (error) {
      failed++;
      console.log(
        `FAILED ${name} (${seconds()})\n${error instanceof Error ? error.stack : String(error)}`,
      );
    }
  }
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}
