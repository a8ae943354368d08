// The coefficients of a code may never change: parities are stored. (A code that is better gets
// another name.) `HOLDFAST_WRITE_GOLDEN=1 npm test erasure/golden` writes the file.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../base/bytes.ts";
import { codeOf } from "./codes.ts";

const schemes = [
  ["lrc", 12, 4],
  ["rs", 2, 1],
  ["rs", 3, 2],
  ["rs", 4, 2],
  ["rs", 8, 4],
  ["rs", 10, 4],
  ["rs", 20, 4],
  ["rs", 251, 4],
] as const;

test("format parities: the coefficients of each code are those kept", () => {
  const path = join(import.meta.dirname, "../../testdata/format/parity-coefficients.v1.txt");
  const text = schemes
    .map(([code, data, parity]) => {
      const rows = codeOf({ code, data, parity }).encoding.coefficients.map(toHex);
      return `${code} ${data}+${parity}\n${rows.join("\n")}\n`;
    })
    .join("\n");
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
});
