import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { plantedVariable } from "../../src/node/testing/program-environment.ts";
import { plantedModule, root } from "./markers.ts";
import type { TestedBug } from "./tested-bugs.ts";

/** How long a test file may take on a machine that is busy. */
const testMsMax = 600_000;

/** A test that failed, with what is said of it; the first of its file. */
const failedTest = /^not ok \d+ - (.*)\n(?: {2}.*\n)*? {2}\.\.\.$/m;

/**
 * Runs the test with the bug in the program; the title of the first that fails. Throws where the
 * changed code does not run. Compiled modules are kept in the folder `compileCache`.
 */
export async function failingTest(
  bug: TestedBug,
  compileCache: string,
): Promise<string | undefined> {
  const only = bug.title === undefined ? [] : [`--test-name-pattern=${patternOf(bug.title)}`];
  const options = ["--test", "--test-isolation=none", "--test-reporter=tap", ...only];
  const child = spawn(process.execPath, [...options, join(root, bug.test)], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: testMsMax,
    // The runner of tests takes other signals as a request.
    killSignal: "SIGKILL",
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: compileCache,
      // Children of the test have the bug as well.
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "preload.ts")).href}`,
      [plantedVariable]: JSON.stringify(plantedModule(bug)),
    },
  });
  // What touches the machine has something to put away at its end.
  const mayBeCut = !bug.test.endsWith(".node.test.ts");
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    output += chunk;
    if (mayBeCut && failedTest.test(output)) child.kill("SIGKILL");
  }
  if (/\b(?:Reference|Syntax)Error\b/.test(output)) throw new Error(`${bug.name}: ${output}`);
  return failedTest.exec(output)?.[1];
}

function patternOf(title: string): string {
  return `^${title.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}$`;
}
