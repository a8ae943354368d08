import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Row } from "../../engine/engine.ts";
import { allRows } from "../../engine/suite/rows.suite.ts";
import { createHash } from "../platform/hash.ts";
import { repairLmdb, verifyDataFile } from "./lmdb-engine.ts";
import { fillIndex, flipBit, openTestIndex, usedPages } from "../testing/test-index.ts";
import { dataFileOf } from "./environment.ts";
import { idText } from "../../format/ids.ts";

const hash = createHash();
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-repair-"));
});
after(() => rmSync(folder, { recursive: true }));

async function rowsIn(path: string): Promise<Row[]> {
  const engine = await openTestIndex(path);
  try {
    return await allRows(engine);
  } finally {
    await engine.close();
  }
}

const textOf = ({ key, stamp }: Row): string =>
  `${Buffer.from(key).toString("latin1")} ${idText(stamp)}`;

test("C9: whatever bits flip in used pages, a repair keeps every row but those it counts as lost, and makes none up", async () => {
  const path = join(folder, "any");
  await fillIndex(path, 900);
  const pages = usedPages(path);
  const branches = pages.filter(({ kind }) => kind === "branch");
  const expected = await rowsIn(path);
  const known = new Set(expected.map(textOf));
  const whole = readFileSync(dataFileOf(path));
  let repairs = 0;
  const page = fc.oneof(fc.constantFrom(...pages), fc.constantFrom(...branches));
  const flips = fc.array(fc.tuple(page, fc.nat(4095), fc.nat(7)), { minLength: 1, maxLength: 3 });
  const property = fc.asyncProperty(flips, async (places) => {
    writeFileSync(dataFileOf(path), whole);
    for (const [{ offset }, at, bit] of places) flipBit(path, offset + at, bit);
    if ((await verifyDataFile({ path, hash })).problemCount === 0) return;
    const suffix = String(repairs++);
    const mayLose = (): boolean => true;
    const result = await repairLmdb({ path, hash, acceptLoss: true, mayLose, suffix });
    if (result.outcome === "impossible") return;
    assert.equal(result.outcome, "repaired");
    assert.deepEqual((await verifyDataFile({ path, hash })).problems, []);
    const rows = await rowsIn(path);
    assert.ok(rows.every((row) => known.has(textOf(row))));
    assert.equal(rows.length + result.lostCount + result.missingCount, expected.length);
    const branchesOnly = places.every(([{ kind }]) => kind === "branch");
    if (branchesOnly) assert.equal(rows.length, expected.length, "no leaf was touched");
  });
  await fc.assert(property, { numRuns: 40 });
  assert.ok(repairs > 0);
});
