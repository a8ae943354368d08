import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestedBug } from "./tested-bugs.ts";
import { withPlanted } from "./with-planted.ts";

/** How long a test file may take on a machine that is busy. */
const testMsMax = 120_000;

/**
 * Runs the test with a copy of the program that has the bug; the titles that fail. Throws where the
 * changed code does not run.
 */
export function failingTests(bug: TestedBug): Promise<string[]> {
  return withPlanted(bug, async (copy) => {
    const options = ["--test", "--test-isolation=none", "--test-reporter=tap"];
    const child = spawn(process.execPath, [...options, join(copy, bug.test)], {
      cwd: copy,
      stdio: ["ignore", "pipe", "inherit"],
      timeout: testMsMax,
    });
    const output = await text(child.stdout);
    if (/\b(?:Reference|Syntax)Error\b/.test(output)) throw new Error(`${bug.name}: ${output}`);
    return [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, title = ""]) => title);
  });
}
