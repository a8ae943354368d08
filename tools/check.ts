// `npm run check`: format, lint with types, types (twice: with and without Node's), the
// repository's own rules.
import { resolve } from "node:path";
import { runToEnd } from "./run-to-end.ts";

const root = resolve(import.meta.dirname, "..");
const bin = (name: string): string => resolve(root, "node_modules/.bin", name);

interface Step {
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
}

const steps: readonly Step[] = [
  { name: "format", command: bin("oxfmt"), parameters: ["--check", "src", "tools", "test", "bin"] },
  {
    name: "lint",
    command: bin("oxlint"),
    parameters: ["--type-aware", "--deny-warnings", "src", "tools", "test"],
  },
  { name: "types", command: bin("tsc"), parameters: ["-p", "tsconfig.json"] },
  {
    name: "types without the machine",
    command: bin("tsc"),
    parameters: ["-p", "tsconfig.pure.json"],
  },
  {
    name: "structure",
    command: process.execPath,
    parameters: [
      "--test",
      "--test-isolation=none",
      "--test-reporter=./tools/quiet-reporter.ts",
      "tools/tidy.test.ts",
      "tools/text.test.ts",
      "test/planted/markers.test.ts",
    ],
  },
];

async function run(
  step: Step,
): Promise<{ step: Step; failed: boolean; output: string; seconds: number }> {
  const started = performance.now();
  const { code, output } = await runToEnd(step.command, step.parameters, { cwd: root });
  return { step, failed: code !== 0, output, seconds: (performance.now() - started) / 1000 };
}

const results = await Promise.all(steps.map(run));
for (const { step, failed, output, seconds } of results) {
  console.log(`${failed ? "FAILED" : "ok"} ${step.name} (${seconds.toFixed(1)} s)`);
  if (failed) console.log(output);
}
process.exit(results.some(({ failed }) => failed) ? 1 : 0);
