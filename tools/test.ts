// Runs the tests: first the pure ones, all in one process; then those that touch the machine, a
// process each. Arguments narrow the run to files whose path contains one of them.
import { spawnSync } from "node:child_process";
import { join, relative, resolve } from "node:path";
import { findFiles } from "./files.ts";

const root = resolve(import.meta.dirname, "..");
const wanted = process.argv.slice(2);
const all = ["src", "tools", "test"]
  .flatMap((folder) => findFiles(join(root, folder), (name) => name.endsWith(".test.ts")))
  .map((file) => relative(root, file))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
const onMachine = all.filter((file) => file.endsWith(".node.test.ts"));
const pure = all.filter((file) => !file.endsWith(".node.test.ts"));

function run(title: string, files: readonly string[], options: readonly string[]): boolean {
  if (files.length === 0) return true;
  console.log(`# ${title}: ${files.length} files`);
  const reporter = process.stdout.isTTY ? [] : ["--test-reporter=./tools/quiet-reporter.ts"];
  const result = spawnSync(process.execPath, ["--test", ...options, ...reporter, ...files], {
    cwd: root,
    stdio: "inherit",
  });
  return result.status === 0;
}

if (all.length === 0) {
  console.error("no test file matches");
  process.exit(1);
}
const purePassed = run("pure", pure, ["--test-isolation=none"]);
// A test that fails may leave something open: its process must end all the same. The limit is for a
// machine at load 15.
const machinePassed = run("on the machine", onMachine, [
  "--test-concurrency=2",
  "--test-timeout=600000",
  "--test-force-exit",
]);
process.exit(purePassed && machinePassed ? 0 : 1);
