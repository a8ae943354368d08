import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRandom } from "../platform/random.ts";
import { requireKeyFiles, secretsKey, spreadKeyFiles } from "./key-files.ts";

test("secrets key: it is made once, and found under its former name", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const directories = [directory];
  const options = { directories, environment: {}, random: createRandom() };
  assert.ok(requireKeyFiles({ ...options, mayMake: true }));
  const key = secretsKey(directory);
  renameSync(join(directory, "secrets-key.json"), join(directory, "sealing-key.json"));
  assert.ok(!requireKeyFiles({ ...options, mayMake: false }));
  spreadKeyFiles(directories, () => undefined);
  assert.deepEqual(secretsKey(directory), key);
  assert.deepEqual(readdirSync(directory).toSorted(), ["credentials.json", "secrets-key.json"]);
});
