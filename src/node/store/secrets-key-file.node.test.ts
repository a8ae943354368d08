import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRandom } from "../platform/random.ts";
import { secretsKey } from "./key-files.ts";

test("secrets key: it is made once, and found under its former name", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const key = secretsKey(directory, createRandom());
  renameSync(join(directory, "secrets-key.json"), join(directory, "sealing-key.json"));
  assert.deepEqual(secretsKey(directory, createRandom()), key);
  assert.deepEqual(readdirSync(directory), ["secrets-key.json"]);
});
