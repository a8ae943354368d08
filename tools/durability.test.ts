import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { chartText, durabilityChart, durabilityDocument, withTables } from "./durability.ts";

test("durability model: docs/durability.md and its chart say what the model says (else run tools/durability.ts)", () => {
  const document = readFileSync(durabilityDocument, "utf8");
  assert.equal(withTables(document), document);
  assert.equal(readFileSync(durabilityChart, "utf8"), chartText());
});
