import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("compiling at installation leaves no file of the server or of its threads to compile later", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-compile-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: folder,
    NODE_DEBUG_NATIVE: "COMPILE_CACHE", // each look into the cache is written to stderr
  };
  /** Files that were not in the cache, and were compiled. */
  const compiled = (): string[] => {
    // A pipe that is full loses what Node's own code writes to it.
    const path = join(folder, "stderr");
    const stderr = openSync(path, "w");
    const script = join(import.meta.dirname, "compile.ts");
    const { status } = spawnSync(process.execPath, [script], {
      env,
      stdio: ["ignore", "ignore", stderr],
    });
    closeSync(stderr);
    const written = readFileSync(path, "utf8");
    assert.equal(status, 0, written);
    return written.match(/\S+\/src\/\S+(?=\.\.\. no such file)/g) ?? [];
  };
  const first = compiled();
  const entries = [
    "cli/serve.ts",
    "process/worker-main.ts",
    "platform/hash-thread-main.ts",
    "platform/combine-thread-main.ts",
  ];
  for (const name of entries) {
    assert.ok(
      first.some((path) => path.endsWith(name)),
      `${name} was not compiled`,
    );
  }
  assert.deepEqual(compiled(), []);
});
