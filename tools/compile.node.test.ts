import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

test("compiling at installation leaves no file of the server or of its threads to compile later", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-compile-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: folder,
    NODE_DEBUG_NATIVE: "COMPILE_CACHE", // each look into the cache is written to stderr
  };
  const compile = (): Promise<{ stderr: string }> =>
    run(process.execPath, [join(import.meta.dirname, "compile.ts")], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
  const misses = ({ stderr }: { stderr: string }): string[] =>
    stderr.match(/\S+\/src\/\S+(?=\.\.\. no such file)/g) ?? [];
  const first = misses(await compile());
  for (const name of ["cli/serve.ts", "process/worker-main.ts", "platform/hash-thread-main.ts"]) {
    assert.ok(
      first.some((path) => path.endsWith(name)),
      `${name} was not compiled`,
    );
  }
  assert.deepEqual(misses(await compile()), []);
});
